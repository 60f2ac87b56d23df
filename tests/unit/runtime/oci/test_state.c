/* state.json of sealpod-oci, ids, directories, what is alive. */
#include "state.h"
#include "util.h"

#include <stdio.h>

#include <base/file.h>
#include <sys/wait.h>

static const char good[] =
	"{\"version\":1,\"id\":\"web.1\",\"bundle\":\"/b\",\"rootfs\":\"/b/rootfs\","
	"\"stage\":\"created\",\"handler\":\"sealpod\",\"address\":\"unix:///x\","
	"\"sandbox\":\"web.1\",\"created\":\"2026-03-01T12:00:00Z\",\"terminal\":false,"
	"\"deferred\":true,\"creator\":{\"name\":\"creator\",\"pid\":4711,\"start\":99},"
	"\"holder\":{\"name\":\"\",\"pid\":0,\"start\":0},\"annotations\":{\"a\":\"b\"}}";

static struct err parse(void *arg, struct bytes in)
{
	AUTO(oci_state_done) struct oci_state s = { 0 };

	(void)arg;
	return oci_state_parse(in, &s);
}

static void test_good(void **state)
{
	AUTO(oci_state_done) struct oci_state s = { 0 };
	AUTO(buf_done) struct buf again = BUF_INIT(OCI_STATE_MAX);

	(void)state;
	assert_ok(oci_state_parse(bytes_str(good), &s));
	assert_string_equal(s.id, "web.1");
	assert_true(s.deferred);
	assert_int_equal(s.creator.pid, 4711);
	assert_string_equal(json_map_get(&s.annotations, "a"), "b");
	assert_ok(oci_state_print(&s, &again));
	assert_bytes_equal(buf_bytes(&again), bytes_str(good));
	each_prefix(bytes_str(good), parse, NULL);
	each_flip_survives(bytes_str(good), parse, NULL);
}

static void test_bad(void **state)
{
	static const struct {
		const char *from, *to, *text;
	} cases[] = {
		{ "\"id\":\"web.1\"", "\"id\":\"../x\"", "id" },
		{ "\"sandbox\":\"web.1\"", "\"sandbox\":\"\"", "sandbox" },
		{ "\"pid\":4711", "\"pid\":1", "number 1" },
		{ "\"pid\":4711", "\"pid\":-1", "pid" },
		{ "\"deferred\":true", "\"deferred\":1", "deferred" },
		{ "\"stage\":\"created\",", "", "stage" },
		{ "{\"a\":\"b\"}", "{\"a\":1}", "annotations" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(OCI_STATE_MAX);
		AUTO(oci_state_done) struct oci_state s = { 0 };
		const char *at = strstr(good, cases[i].from);

		assert_non_null(at);
		buf_put(&text, bytes_of(good, (size_t)(at - good)));
		buf_puts(&text, cases[i].to);
		buf_puts(&text, at + strlen(cases[i].from));
		assert_err(oci_state_parse(buf_bytes(&text), &s), ERR_FORMAT);
		assert_err_text(cases[i].text);
	}
}

static void test_ids(void **state)
{
	char longest[OCI_ID_MAX + 2];

	(void)state;
	assert_ok(oci_id_check("a"));
	assert_ok(oci_id_check("A_b.c-9"));
	assert_err(oci_id_check(""), ERR_USAGE);
	assert_err(oci_id_check("."), ERR_USAGE);
	assert_err(oci_id_check("..x"), ERR_USAGE);
	assert_err(oci_id_check("-f"), ERR_USAGE);
	assert_err(oci_id_check("a/b"), ERR_USAGE);
	assert_err(oci_id_check("a b"), ERR_USAGE);
	memset(longest, 'x', sizeof(longest));
	longest[OCI_ID_MAX + 1] = '\0';
	assert_err(oci_id_check(longest), ERR_USAGE);
	longest[OCI_ID_MAX] = '\0';
	assert_ok(oci_id_check(longest));
}

static void test_directories(void **state)
{
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE,
						      other = OCI_CONTAINER_NONE;
	AUTO(auto_free) char *root = NULL;
	AUTO(strv_done) struct strv ids = { 0 };

	(void)state;
	assert_ok(path_join(test_dir(), "root", &root));
	assert_ok(oci_container_list(root, &ids));
	assert_int_equal(ids.n, 0);
	assert_ok(oci_container_new(root, "one", &c));
	assert_err(oci_container_new(root, "one", &other), ERR_STATE);
	assert_err_text("exists already");
	assert_ok(oci_container_peek(root, "one", &other));
	assert_string_equal(other.s.stage, "creating");
	assert_true(oci_process_alive(&other.s.creator));
	assert_false(oci_process_alive(&other.s.holder));
	oci_container_done(&other);
	/* Somebody has it: it is left alone. */
	assert_ok(oci_container_try(root, "one", &other));
	assert_null(other.dir);
	assert_err(oci_container_load(root, "two", &other), ERR_NOT_FOUND);
	assert_err_text("container 'two' does not exist");
	assert_ok(oci_container_list(root, &ids));
	assert_int_equal(ids.n, 1);
	oci_container_remove(&c);
	assert_err(oci_container_peek(root, "one", &other), ERR_NOT_FOUND);
}

/* A command that was killed between making the directory and writing the state. */
static void test_half_made(void **state)
{
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;
	AUTO(auto_free) char *dir = NULL;

	(void)state;
	assert_ok(path_join(test_dir(), "half/made", &dir));
	assert_ok(dir_make(dir, 0700));
	*strrchr(dir, '/') = '\0';
	assert_ok(oci_container_try(dir, "made", &c));
	assert_null(c.dir);
	assert_err(oci_container_peek(dir, "made", &c), ERR_NOT_FOUND);
	assert_ok(oci_container_new(dir, "made", &c));
}

static void test_zombie(void **state)
{
	AUTO(oci_state_done) struct oci_state s = { 0 };
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_ok(oci_process_set(&s.holder, "holder", pid));
	assert_true(pod_process_alive(&s.holder));
	assert_false(oci_process_alive(&s.holder));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_directories),
		cmocka_unit_test(test_half_made),
		cmocka_unit_test(test_zombie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
