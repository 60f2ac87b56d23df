#include "certs.h"
#include "store_internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <base/encode.h>
#include <base/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
	ROUNDS = 40,
	CERTS_OF_A_ROUND = 16,
	KILL_AFTER_MAX_US = 12000,
	DAMAGE_AT = 100,
};

static char *folder(const char *name)
{
	char *path = NULL;

	assert_ok(str_format(&path, "%s/%s", test_dir(), name));
	return path;
}

static struct cstore *opened(const char *path)
{
	struct cstore *s = NULL;

	assert_ok(cstore_open(path, true, &s));
	return s;
}

static void add(struct cstore *s, const char *name, const char *source, int64_t now)
{
	AUTO(buf_done) struct buf pem = cert_make(name, 30);

	assert_ok(cstore_add(s, buf_bytes(&pem), source, now));
}

/* What a reader without lock finds: how many objects, none of them damaged. */
static size_t whole(const char *path)
{
	AUTO(cstore_freep) struct cstore *s = opened(path);
	AUTO(collateral_freep) struct collateral *c = NULL;
	AUTO(strv_done) struct strv damaged = { 0 };

	assert_ok(collateral_new(&c));
	assert_ok(cstore_load(s, c, &damaged));
	assert_int_equal(damaged.n, 0);
	assert_int_equal(c->n, s->n_items);
	return s->n_items;
}

static void make_two(const char *path)
{
	AUTO(cstore_freep) struct cstore *s = opened(path);

	add(s, "one", "https://a/one", CERT_NOW);
	add(s, "two", "https://a/two", CERT_NOW);
	assert_ok(cstore_commit(s));
}

static struct buf index_of(const char *path)
{
	AUTO(auto_free) char *index = NULL;

	assert_ok(cstore_index_path(path, &index));
	return test_file(index);
}

static void test_keeps_what_was_added(void **state)
{
	AUTO(auto_free) char *path = folder("basic");
	AUTO(auto_free) char *index = NULL;
	AUTO(cstore_freep) struct cstore *s = NULL;
	struct stat st;

	(void)state;
	assert_err(cstore_open(path, false, &s), ERR_NOT_FOUND);
	make_two(path);
	assert_int_equal(whole(path), 2);
	s = opened(path);
	const struct cstore_item *i = cstore_of_source(s, "https://a/one");
	assert_non_null(i);
	assert_string_equal(i->kind, "certificate");
	assert_non_null(strstr(i->subject, "one"));
	assert_int_equal(i->fetched, CERT_NOW);
	assert_int_equal(i->not_before, CERT_NOW - CERT_DAY);
	assert_int_equal(i->not_after, CERT_NOW + 30 * CERT_DAY);
	assert_null(cstore_of_source(s, "https://a/three"));
	assert_ok(cstore_index_path(path, &index));
	assert_int_equal(stat(index, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
}

static void test_newer_of_a_source_replaces(void **state)
{
	AUTO(auto_free) char *path = folder("newer");
	AUTO(cstore_freep) struct cstore *s = NULL;

	(void)state;
	make_two(path);
	s = opened(path);
	add(s, "three", "https://a/one", CERT_NOW + 1);
	assert_err(cstore_add(s, bytes_str("<html>"), "https://a/two", CERT_NOW + 1), ERR_FORMAT);
	assert_ok(cstore_commit(s));
	assert_int_equal(whole(path), 2);
	cstore_freep(&s);
	s = opened(path);
	assert_non_null(strstr(cstore_of_source(s, "https://a/one")->subject, "three"));
	assert_non_null(strstr(cstore_of_source(s, "https://a/two")->subject, "two"));
}

/* Both were opened before either wrote. */
static void test_two_writers(void **state)
{
	AUTO(auto_free) char *path = folder("writers");
	AUTO(cstore_freep) struct cstore *a = opened(path);
	AUTO(cstore_freep) struct cstore *b = opened(path);

	(void)state;
	add(a, "a", "https://a/a", CERT_NOW);
	add(a, "old", "https://a/both", CERT_NOW);
	add(b, "b", "https://a/b", CERT_NOW);
	add(b, "new", "https://a/both", CERT_NOW + 1);
	assert_ok(cstore_set_host(a, "a", CERT_NOW + 60));
	assert_ok(cstore_commit(b));
	assert_ok(cstore_commit(a));
	assert_int_equal(whole(path), 3);
	AUTO(cstore_freep) struct cstore *s = opened(path);
	assert_non_null(strstr(cstore_of_source(s, "https://a/both")->subject, "new"));
	assert_int_equal(cstore_host_not_before(s, "a"), CERT_NOW + 60);
	assert_int_equal(cstore_host_not_before(s, "b"), 0);
}

/* ---- damage ---- */

static void test_damaged_object_is_named(void **state)
{
	AUTO(auto_free) char *path = folder("damaged");
	AUTO(auto_free) char *object = NULL;
	AUTO(cstore_freep) struct cstore *s = NULL;
	AUTO(collateral_freep) struct collateral *c = NULL;
	AUTO(strv_done) struct strv damaged = { 0 };
	AUTO(buf_done) struct buf bundle = BUF_INIT(CSTORE_BUNDLE_MAX);

	(void)state;
	make_two(path);
	s = opened(path);
	assert_ok(cstore_object_path(s, s->items[0].sha256, &object));
	AUTO(buf_done) struct buf file = test_file(object);
	file.p[DAMAGE_AT] ^= 1;
	assert_ok(file_write_atomic(object, buf_bytes(&file), 0644));
	assert_ok(collateral_new(&c));
	assert_ok(cstore_load(s, c, &damaged));
	assert_int_equal(c->n, 1);
	assert_int_equal(damaged.n, 1);
	assert_string_equal(damaged.v[0], s->items[0].sha256);
	assert_err(cstore_export(s, &bundle), ERR_UNVERIFIED);
	/* Fetched again, it is whole again. */
	add(s, "one", "https://a/one", CERT_NOW + 1);
	assert_ok(cstore_commit(s));
}

/* Adding the very bytes whose object is damaged repairs it. */
static void test_adding_again_repairs(void **state)
{
	AUTO(auto_free) char *path = folder("repair");
	AUTO(auto_free) char *object = NULL;
	AUTO(cstore_freep) struct cstore *s = opened(path);
	AUTO(buf_done) struct buf pem = cert_make("one", 30);

	(void)state;
	assert_ok(cstore_add(s, buf_bytes(&pem), "https://a/one", CERT_NOW));
	assert_ok(cstore_object_path(s, s->items[0].sha256, &object));
	assert_ok(file_write_atomic(object, bytes_str("damaged"), 0644));
	assert_ok(cstore_add(s, buf_bytes(&pem), "https://a/one", CERT_NOW));
	assert_ok(cstore_commit(s));
	assert_int_equal(whole(path), 1);
}

/* An object is a file of the store, not what a link leads to. */
static void test_links_are_not_followed(void **state)
{
	AUTO(auto_free) char *path = folder("link");
	AUTO(auto_free) char *object = NULL;
	AUTO(auto_free) char *elsewhere = folder("elsewhere");
	AUTO(cstore_freep) struct cstore *s = NULL;
	AUTO(collateral_freep) struct collateral *c = NULL;
	AUTO(strv_done) struct strv damaged = { 0 };

	(void)state;
	make_two(path);
	s = opened(path);
	assert_ok(cstore_object_path(s, s->items[0].sha256, &object));
	assert_int_equal(rename(object, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, object), 0);
	assert_ok(collateral_new(&c));
	assert_ok(cstore_load(s, c, &damaged));
	assert_int_equal(damaged.n, 1);
}

static RESULT parse_index(void *arg, struct bytes in)
{
	struct cstore s = { 0 };
	struct err e = cstore_index_parse(in, &s);

	(void)arg;
	cstore_contents_done(&s);
	return e;
}

static void test_index_cut_and_flipped(void **state)
{
	AUTO(auto_free) char *path = folder("index");

	(void)state;
	make_two(path);
	AUTO(buf_done) struct buf index = index_of(path);
	assert_ok(parse_index(NULL, buf_bytes(&index)));
	each_prefix(buf_bytes(&index), parse_index, NULL);
	each_flip_survives(buf_bytes(&index), parse_index, NULL);
}

#define DIGEST_TEXT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ITEM(sha, more)                                                                            \
	"{\"version\":1,\"items\":[{\"sha256\":\"" sha                                             \
	"\",\"kind\":\"k\",\"subject\":\"s\",\"source\":\"x\"" more "}],\"hosts\":{}}"
#define TIMES ",\"fetched\":1,\"not_before\":0,\"not_after\":0"

static void test_bad_indexes(void **state)
{
	static const char *const table[] = {
		"{}",
		"[]",
		"{\"version\":2,\"items\":[],\"hosts\":{}}",
		"{\"version\":1,\"items\":{},\"hosts\":{}}",
		"{\"version\":1,\"items\":[1],\"hosts\":{}}",
		"{\"version\":1,\"items\":[],\"hosts\":{\"a\":\"b\"}}",
		"{\"version\":1,\"items\":[],\"hosts\":[3]}",
		ITEM("../../../../../../../etc/passwd", TIMES),
		ITEM("../../../../../../../../../../../../../../../../../../etc/passwdxx", TIMES),
		ITEM(DIGEST_TEXT, ""),
		ITEM(DIGEST_TEXT, ",\"fetched\":\"1\",\"not_before\":0,\"not_after\":0"),
	};

	(void)state;
	assert_ok(parse_index(NULL, bytes_str(ITEM(DIGEST_TEXT, TIMES))));
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (!failed(parse_index(NULL, bytes_str(table[i]))))
			fail_msg("taken: %s", table[i]);
}

/* ---- kill -9 ---- */

static void write_until_killed(const char *path, const struct buf *certs, unsigned round, int told)
{
	for (unsigned i = 0; i < CERTS_OF_A_ROUND; i++) {
		AUTO(cstore_freep) struct cstore *s = opened(path);
		char source[64];
		(void)snprintf(source, sizeof(source), "https://a/%u-%u", round, i);
		assert_ok(cstore_add(s, buf_bytes(&certs[i]), source, CERT_NOW));
		assert_ok(cstore_commit(s));
		if (write(told, "", 1) != 1)
			_exit(1);
	}
	for (;;)
		(void)pause();
}

static size_t count_told(int fd)
{
	char text[CERTS_OF_A_ROUND + 1];
	size_t n = 0;
	ssize_t got;

	while ((got = read(fd, text, sizeof(text))) > 0)
		n += (size_t)got;
	return n;
}

/* What a commit told of is there after a kill, at most one more, and all of it is whole. */
static void kill_once(const char *path, unsigned round, size_t *n)
{
	struct buf certs[CERTS_OF_A_ROUND];
	int told[2], status;

	for (unsigned i = 0; i < CERTS_OF_A_ROUND; i++)
		certs[i] = cert_make("killed", 30);
	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		write_until_killed(path, certs, round, told[1]);
		_exit(0);
	}
	(void)close(told[1]);
	/* On a busy machine a writer may not come to its first commit in so short a time: some
	 * rounds wait for it. */
	char first;
	size_t done = round % 3 == 0 ? (size_t)read(told[0], &first, 1) : 0;
	(void)usleep(1000 + (round * 7919u) % KILL_AFTER_MAX_US);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	done += count_told(told[0]);
	(void)close(told[0]);
	size_t now = whole(path);
	if (now != *n + done && now != *n + done + 1)
		fail_msg("%zu objects before, %zu told, %zu now", *n, done, now);
	*n = now;
	for (unsigned i = 0; i < CERTS_OF_A_ROUND; i++)
		buf_done(&certs[i]);
}

static void test_kill(void **state)
{
	AUTO(auto_free) char *path = folder("killed");
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++)
		kill_once(path, i, &n);
	assert_true(n > 0);
}

/* ---- bundles ---- */

static struct buf exported(const char *path)
{
	AUTO(cstore_freep) struct cstore *s = opened(path);
	struct buf out = BUF_INIT(CSTORE_BUNDLE_MAX);

	assert_ok(cstore_export(s, &out));
	return out;
}

static void test_bundle_round_trip(void **state)
{
	AUTO(auto_free) char *path = folder("from");
	AUTO(auto_free) char *other = folder("to");
	AUTO(cstore_freep) struct cstore *s = NULL;
	size_t added = 0;

	(void)state;
	make_two(path);
	AUTO(buf_done) struct buf one = exported(path);
	s = opened(other);
	assert_ok(cstore_import(s, buf_bytes(&one), CERT_NOW + 5, &added));
	assert_int_equal(added, 2);
	assert_ok(cstore_commit(s));
	assert_int_equal(whole(other), 2);
	AUTO(buf_done) struct buf two = exported(other);
	assert_bytes_equal(buf_bytes(&one), buf_bytes(&two));
}

static RESULT import_it(void *arg, struct bytes in)
{
	struct cstore *s = arg;
	size_t added, before = s->n_items;
	struct err e = cstore_import(s, in, CERT_NOW, &added);

	if (failed(e))
		assert_int_equal(s->n_items, before); /* all or nothing */
	return e;
}

static void test_bundle_cut(void **state)
{
	AUTO(auto_free) char *path = folder("cut-from");
	AUTO(auto_free) char *other = folder("cut-to");
	AUTO(cstore_freep) struct cstore *s = opened(other);

	(void)state;
	make_two(path);
	AUTO(buf_done) struct buf bundle = exported(path);
	struct bytes text = buf_bytes(&bundle);
	while (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	each_prefix(text, import_it, s);
	assert_int_equal(s->n_items, 0);
}

static void test_hostile_bundles(void **state)
{
	static const char *const table[] = {
		"{}",
		"{\"version\":2,\"items\":[]}",
		"{\"version\":1,\"items\":3}",
		"{\"version\":1,\"items\":[{}]}",
		"{\"version\":1,\"items\":[{\"sha256\":\"" DIGEST_TEXT
		"\",\"kind\":\"k\",\"subject\":\"s\",\"source\":\"x\",\"data\":\"AAAA\"}]}",
		"{\"version\":1,\"items\":[{\"sha256\":\"../../x\",\"kind\":\"k\",\"subject\":"
		"\"s\",\"source\":\"x\",\"data\":\"AAAA\"}]}",
	};
	AUTO(auto_free) char *path = folder("hostile");
	AUTO(auto_free) char *from = folder("hostile-from");
	AUTO(cstore_freep) struct cstore *s = opened(path);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (!failed(import_it(s, bytes_str(table[i]))))
			fail_msg("taken: %s", table[i]);
	/* The last item is good but under another's name: the first is not added either. */
	make_two(from);
	AUTO(buf_done) struct buf bundle = exported(from);
	char *at = NULL;
	assert_non_null(buf_cstr(&bundle));
	for (char *p = (char *)bundle.p; (p = strstr(p, "\"sha256\":\"")); p++)
		at = p + strlen("\"sha256\":\"");
	assert_non_null(at);
	*at = *at == '0' ? '1' : '0';
	assert_err(import_it(s, bytes_str((const char *)bundle.p)), ERR_FORMAT);
	assert_int_equal(s->n_items, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_what_was_added),
		cmocka_unit_test(test_newer_of_a_source_replaces),
		cmocka_unit_test(test_two_writers),
		cmocka_unit_test(test_damaged_object_is_named),
		cmocka_unit_test(test_adding_again_repairs),
		cmocka_unit_test(test_links_are_not_followed),
		cmocka_unit_test(test_index_cut_and_flipped),
		cmocka_unit_test(test_bad_indexes),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_bundle_round_trip),
		cmocka_unit_test(test_bundle_cut),
		cmocka_unit_test(test_hostile_bundles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
