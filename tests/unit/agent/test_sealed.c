/* Sealed files: the copy that a container has, and how it follows what the host delivers. */
#include "sealed.h"
#include "start.h"
#include "util.h"

#include <fcntl.h>

#include <base/file.h>
#include <base/secret.h>
#include <sys/stat.h>

static char *at(const char *path)
{
	static char paths[8][512];
	static size_t next;
	char *to = paths[next++ % ARRAY_LEN(paths)];

	(void)snprintf(to, sizeof(paths[0]), "%s/%s", test_dir(), path);
	return to;
}

static void put(const char *path, const char *text)
{
	assert_ok(file_write_atomic(at(path), bytes_str(text), 0640));
}

static void assert_text(const char *path, const char *text)
{
	AUTO(buf_done) struct buf have = BUF_INIT(4096);

	assert_ok(file_read(at(path), &have));
	assert_bytes_equal(buf_bytes(&have), bytes_str(text));
}

/* "sealed.x" stands for "plain of sealed.x", but there is nothing behind "sealed.none". */
static struct secret *secrets[4];
static size_t n_secrets;

static const struct secret *lookup(void *arg, struct bytes reference)
{
	char text[128];

	(void)arg;
	if (bytes_compare(reference, bytes_str("sealed.none")) == 0)
		return NULL;
	(void)snprintf(
		text, sizeof(text), "plain of %.*s", (int)reference.n, (const char *)reference.p);
	assert_true(n_secrets < ARRAY_LEN(secrets));
	assert_ok(secret_of(bytes_str(text), &secrets[n_secrets]));
	return secrets[n_secrets++];
}

static int clean(void **state)
{
	(void)state;
	while (n_secrets > 0)
		secret_free(secrets[--n_secrets]);
	assert_ok(dir_remove_tree(at("from")));
	assert_ok(dir_remove_tree(at("to")));
	assert_ok(dir_remove_tree(at("outside")));
	return 0;
}

/* A volume as kubelet writes it. */
static void make_volume(const char *version, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "from/%s", version);
	assert_ok(dir_make(at(path), 0750));
	(void)snprintf(path, sizeof(path), "from/%s/token", version);
	put(path, text);
	(void)unlink(at("from/..data"));
	assert_int_equal(symlink(version, at("from/..data")), 0);
	(void)unlink(at("from/token"));
	assert_int_equal(symlink("..data/token", at("from/token")), 0);
}

static void test_sync(void **state)
{
	(void)state;
	struct stat before, after;

	make_volume("..v1", "sealed.one\n");
	put("from/..v1/plain", "not sealed");
	assert_ok(sealed_sync(at("from"), at("to"), lookup, NULL));
	assert_text("to/token", "plain of sealed.one");
	assert_text("to/..data/plain", "not sealed");
	assert_int_equal(stat(at("to/..v1/token"), &before), 0);
	assert_int_equal(before.st_mode & 07777, 0640);
	/* What is the same stays the same file. */
	assert_ok(sealed_sync(at("from"), at("to"), lookup, NULL));
	assert_int_equal(stat(at("to/..v1/token"), &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	/* The next version: the old one goes, nothing temporary stays. */
	make_volume("..v2", "sealed.two");
	assert_ok(dir_remove_tree(at("from/..v1")));
	assert_ok(sealed_sync(at("from"), at("to"), lookup, NULL));
	assert_text("to/token", "plain of sealed.two");
	assert_false(file_exists(at("to/..v1")));
	assert_false(file_exists(at("to/..data/plain")));
	assert_int_equal(lstat(at("to/.sealpod-new"), &after), -1);
}

/* What cannot be unsealed leaves readers with what they had. */
static void test_sync_unknown(void **state)
{
	(void)state;
	make_volume("..v1", "sealed.one");
	assert_ok(sealed_sync(at("from"), at("to"), lookup, NULL));
	make_volume("..v2", "sealed.none");
	assert_err(sealed_sync(at("from"), at("to"), lookup, NULL), ERR_STATE);
	assert_text("to/token", "plain of sealed.one");
}

/* A directory becomes a file and a link, and back. */
static void test_sync_types(void **state)
{
	(void)state;
	assert_ok(dir_make(at("from/a/b"), 0755));
	put("from/a/b/c", "deep");
	assert_ok(sealed_sync(at("from"), at("to"), lookup, NULL));
	assert_text("to/a/b/c", "deep");
	assert_ok(dir_remove_tree(at("from/a")));
	put("from/a", "file");
	assert_ok(sealed_sync(at("from"), at("to"), lookup, NULL));
	assert_text("to/a", "file");
	assert_int_equal(unlink(at("from/a")), 0);
	assert_int_equal(symlink("b", at("from/a")), 0);
	assert_ok(sealed_sync(at("from"), at("to"), lookup, NULL));
	assert_int_equal(unlink(at("from/a")), 0);
	assert_ok(dir_make(at("from/a"), 0755));
	assert_ok(sealed_sync(at("from"), at("to"), lookup, NULL));
	assert_true(file_exists(at("to/a")));
}

/* The container owns its copy: no link that it made leads the agent elsewhere. */
static void test_sync_hostile(void **state)
{
	(void)state;
	assert_ok(dir_make(at("outside"), 0755));
	put("outside/file", "mine");
	assert_ok(dir_make(at("from/dir"), 0755));
	put("from/dir/file", "sealed.one");
	put("from/top", "top");
	assert_ok(sealed_sync(at("from"), at("to"), lookup, NULL));
	assert_ok(dir_remove_tree(at("to/dir")));
	assert_int_equal(symlink(at("outside"), at("to/dir")), 0);
	assert_int_equal(unlink(at("to/top")), 0);
	assert_int_equal(symlink(at("outside/file"), at("to/top")), 0);
	assert_int_equal(symlink(at("outside/file"), at("to/.sealpod-new")), 0);
	assert_int_equal(symlink(at("outside"), at("to/more")), 0);
	assert_ok(sealed_sync(at("from"), at("to"), lookup, NULL));
	assert_text("outside/file", "mine");
	assert_text("to/dir/file", "plain of sealed.one");
	assert_text("to/top", "top");
	assert_false(file_exists(at("to/more")));
}

static void test_copy_file(void **state)
{
	(void)state;
	assert_ok(dir_make(at("from"), 0755));
	assert_ok(dir_make(at("to"), 0755));
	put("from/token", "sealed.one");
	assert_ok(sealed_copy_file(at("from/token"), at("to/token"), lookup, NULL));
	assert_text("to/token", "plain of sealed.one");
	put("from/token", "sealed.none");
	assert_err(sealed_copy_file(at("from/token"), at("to/token"), lookup, NULL), ERR_STATE);
}

/* ---- updates ---- */

static struct agent a;
static struct effects effects;
static bool hub_answers = true, hub_holds;
static unseal_fn *held;
static void *held_arg;

static struct err fake_unseal(struct agent *agent, struct bytes reference, unseal_fn *fn, void *arg)
{
	char text[128];

	(void)agent;
	if (!hub_answers)
		return err_new(ERR_PEER, "no hub");
	if (hub_holds) {
		held = fn;
		held_arg = arg;
		return OK;
	}
	(void)snprintf(
		text, sizeof(text), "hub's %.*s", (int)reference.n, (const char *)reference.p);
	fn(arg, OK, bytes_str(text));
	return OK;
}

static struct err fake_unmount(const char *target)
{
	(void)target;
	return OK;
}

static void stop(void *loop)
{
	loop_stop(loop, 0);
}

static void run_a_while(void)
{
	struct loop_source *timer = NULL;
	int status = 0;

	assert_ok(loop_add_timer(a.loop, 500, 0, stop, a.loop, &timer));
	assert_ok(loop_run(a.loop, &status));
	loop_remove(timer);
}

static struct sealed_volume *volume(void)
{
	struct sealed_volume *v = calloc(1, sizeof(*v));

	assert_non_null(v);
	assert_ok(str_dup(at("from"), &v->from));
	assert_ok(str_dup(at("to"), &v->to));
	return v;
}

static void test_update(void **state)
{
	(void)state;
	const struct settings set = { .run_dir = at("run"),
		.crun = "/bin/true",
		.cgroup_manager = "disabled",
		.cgroup_dir = "/nonexistent" };
	struct container c = { .agent = &a, .id = "c" };

	assert_ok(agent_init(&a, &set));
	effects = *a.effects;
	effects.unseal = fake_unseal;
	effects.unmount = fake_unmount;
	a.effects = &effects;
	a.containers = &c;
	sealed_changed(&a); /* nobody has sealed files */
	assert_null(a.sealed_timer);
	c.sealed_volumes = volume();
	make_volume("..v1", "sealed.one");
	sealed_changed(&a);
	sealed_changed(&a);
	run_a_while();
	assert_text("to/token", "hub's sealed.one");
	/* The hub is away: what is there stays. */
	hub_answers = false;
	make_volume("..v2", "sealed.two");
	sealed_changed(&a);
	run_a_while();
	assert_text("to/token", "hub's sealed.one");
	assert_null(c.sealed_update);
	/* A change while another is under way. */
	hub_answers = hub_holds = true;
	sealed_changed(&a);
	run_a_while();
	assert_non_null(c.sealed_update);
	make_volume("..v3", "sealed.three");
	sealed_changed(&a);
	run_a_while();
	hub_holds = false;
	held(held_arg, OK, bytes_str("the second"));
	run_a_while();
	assert_text("to/token", "hub's sealed.three");
	/* The container ends before the hub answers. */
	hub_holds = true;
	sealed_changed(&a);
	run_a_while();
	a.containers = NULL;
	sealed_done(&c);
	held(held_arg, OK, bytes_str("late"));
	agent_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_sync, clean),
		cmocka_unit_test_teardown(test_sync_unknown, clean),
		cmocka_unit_test_teardown(test_sync_types, clean),
		cmocka_unit_test_teardown(test_sync_hostile, clean),
		cmocka_unit_test_teardown(test_copy_file, clean),
		cmocka_unit_test_teardown(test_update, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
