/* CopyFile through the agent's own server, into a run directory of the test. */
#include "start.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <net/pb.h>
#include <net/ttrpc.h>
#include <sys/socket.h>
#include <sys/stat.h>

static struct agent a;
static struct ttrpc_client *client;
static char run_dir[512];

static int setup(void **state)
{
	const struct settings set = { .run_dir = run_dir,
		.crun = "/bin/true",
		.cgroup_manager = "disabled",
		.cgroup_dir = "/nonexistent" };
	int fds[2];

	(void)state;
	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", test_dir());
	assert_ok(agent_init(&a, &set));
	a.open_world = true;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_ok(ttrpc_server_add(a.server, fds[0], false));
	assert_ok(ttrpc_client_new(a.loop, fds[1], &client));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ttrpc_client_free(client);
	agent_done(&a);
	return 0;
}

static const char *at(const char *name)
{
	static char paths[64][1024];
	static size_t next;
	char *path = paths[next++ % ARRAY_LEN(paths)];

	(void)snprintf(
		path, sizeof(paths[0]), "%s/kata-containers/shared/containers/%s", run_dir, name);
	return path;
}

struct file {
	const char *path;
	uint32_t mode;
	int64_t size, offset;
	struct bytes data;
};

static struct err copy(const struct file *f)
{
	Agent__CopyFileRequest q = AGENT__COPY_FILE_REQUEST__INIT;
	AUTO(buf_done) struct buf payload = BUF_INIT(TTRPC_MESSAGE_MAX);
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);

	q.path = (char *)(uintptr_t)f->path;
	q.file_mode = f->mode;
	q.file_size = f->size;
	q.offset = f->offset;
	q.uid = (int32_t)geteuid();
	q.gid = (int32_t)getegid();
	q.data.data = (uint8_t *)(uintptr_t)f->data.p;
	q.data.len = f->data.n;
	TRY(pb_pack(&q.base, &payload));
	return ttrpc_call_sync(client,
		&(struct ttrpc_request){ .service = "grpc.AgentService",
			.method = "CopyFile",
			.payload = buf_bytes(&payload),
			.timeout_ms = 10 * 1000 },
		&out);
}

static struct err copy_text(const char *path, const char *text)
{
	struct bytes b = bytes_str(text);

	return copy(&(struct file){ path, S_IFREG | 0640, (int64_t)b.n, 0, b });
}

static struct err copy_link(const char *path, const char *target)
{
	struct bytes b = bytes_str(target);

	return copy(&(struct file){ path, S_IFLNK, (int64_t)b.n, 0, b });
}

static struct err copy_dir(const char *path, struct bytes listing)
{
	return copy(&(struct file){ path, S_IFDIR | 02750, 0, 0, listing });
}

static void assert_content(const char *path, const char *text)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1024 * 1024);

	assert_ok(file_read(path, &b));
	assert_bytes_equal(buf_bytes(&b), bytes_str(text));
}

static void assert_mode(const char *path, mode_t mode)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, mode);
}

/* Names of a directory, for what must not be left there. */
static size_t entries(const char *path)
{
	AUTO(auto_closedir) DIR *d = opendir(path);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	return n - 2;
}

static void test_chunks(void **state)
{
	(void)state;
	static const char text[] = "all cows eat grass";
	const char *path = at("c-1-file/deep/a.txt");

	for (size_t size = 1; size < sizeof(text); size++) {
		for (size_t from = 0; from < strlen(text); from += size) {
			size_t left = strlen(text) - from, n = left < size ? left : size;

			assert_ok(copy(&(struct file){ path, S_IFREG | 04751, (int64_t)strlen(text),
				(int64_t)from, bytes_of(text + from, n) }));
		}
		assert_content(path, text);
		assert_mode(path, S_IFREG | 04751);
		assert_int_equal(entries(at("c-1-file/deep")), 1);
		assert_int_equal(unlink(path), 0);
	}
	assert_ok(copy_text(path, ""));
	assert_content(path, "");
}

/* Two files whose names differ only in what stands after the dot, chunk by chunk in turn. */
static void test_interleaved(void **state)
{
	(void)state;
	const char *one = at("mix/app.conf"), *two = at("mix/app.yaml");

	assert_ok(copy(&(struct file){ one, S_IFREG | 0600, 2, 0, bytes_str("1") }));
	assert_ok(copy(&(struct file){ two, S_IFREG | 0600, 2, 0, bytes_str("2") }));
	assert_ok(copy(&(struct file){ one, S_IFREG | 0600, 2, 1, bytes_str("1") }));
	assert_ok(copy(&(struct file){ two, S_IFREG | 0600, 2, 1, bytes_str("2") }));
	assert_content(one, "11");
	assert_content(two, "22");
}

static void test_replacing(void **state)
{
	(void)state;
	const char *path = at("r/x");

	assert_ok(copy_dir(path, BYTES_NONE));
	assert_ok(copy_text(at("r/x/inside"), "old"));
	assert_ok(copy_text(path, "file"));
	assert_content(path, "file");
	assert_ok(copy_link(path, "there"));
	assert_mode(path, S_IFLNK | 0777);
	assert_ok(copy_dir(path, BYTES_NONE));
	assert_mode(path, S_IFDIR | 02750);
	assert_ok(copy_link(path, "there"));
	assert_ok(copy_text(path, "again"));
	assert_content(path, "again");
	/* Until it is whole, the old one stays. */
	assert_ok(copy(&(struct file){ path, S_IFREG | 0600, 9, 0, bytes_str("half") }));
	assert_content(path, "again");
}

/* What kubelet does to a ConfigMap: a new directory, then the link, then the old one goes. */
static void test_live_update(void **state)
{
	(void)state;
	const char *dir = at("config");

	assert_ok(copy_dir(dir, BYTES_NONE));
	assert_ok(copy_text(at("config/..2026_1/key"), "one"));
	assert_ok(copy_link(at("config/..data"), "..2026_1"));
	assert_ok(copy_link(at("config/key"), "..data/key"));
	assert_content(at("config/key"), "one");
	assert_ok(copy_text(at("config/..2026_2/key"), "two"));
	assert_ok(copy_link(at("config/..data"), "..2026_2"));
	assert_content(at("config/key"), "two");
	assert_ok(copy_dir(dir, BYTES_OF("..2026_2\0..data\0key")));
	assert_int_equal(entries(dir), 3);
	assert_content(at("config/key"), "two");
	assert_ok(copy_dir(dir, bytes_of("", 1)));
	assert_int_equal(entries(dir), 0);
}

static void test_refused(void **state)
{
	(void)state;
	char outside[700];
	const struct {
		struct file f;
		enum err_code code;
	} cases[] = {
		{ { outside, S_IFREG, 1, 0, bytes_str("x") }, ERR_DENIED },
		{ { "relative", S_IFREG, 1, 0, bytes_str("x") }, ERR_FORMAT },
		{ { "", S_IFREG, 1, 0, bytes_str("x") }, ERR_FORMAT },
		{ { at("../../x"), S_IFREG, 1, 0, bytes_str("x") }, ERR_FORMAT },
		{ { at("a/./x"), S_IFREG, 1, 0, bytes_str("x") }, ERR_FORMAT },
		{ { at("a//x"), S_IFREG, 1, 0, bytes_str("x") }, ERR_FORMAT },
		{ { at("a/x/"), S_IFREG, 1, 0, bytes_str("x") }, ERR_FORMAT },
		{ { at(""), S_IFDIR, 0, 0, BYTES_NONE }, ERR_DENIED },
		{ { at("f"), S_IFREG, 1, 0, bytes_str("xx") }, ERR_FORMAT },
		{ { at("f"), S_IFREG, -1, 0, BYTES_NONE }, ERR_FORMAT },
		{ { at("f"), S_IFREG, 9, -1, bytes_str("x") }, ERR_FORMAT },
		{ { at("f"), S_IFREG, 9, INT64_MAX, bytes_str("x") }, ERR_FORMAT },
		{ { at("f"), S_IFREG, 9, 4, bytes_str("x") }, ERR_STATE },
		{ { at("f"), S_IFCHR | 0666, 0, 0, BYTES_NONE }, ERR_UNSUPPORTED },
		{ { at("f"), S_IFSOCK | 0666, 0, 0, BYTES_NONE }, ERR_UNSUPPORTED },
		{ { at("f"), S_IFLNK, 0, 0, BYTES_NONE }, ERR_FORMAT },
		{ { at("f"), S_IFLNK, 3, 0, BYTES_OF("a\0b") }, ERR_FORMAT },
		{ { at("d"), S_IFDIR | 0755, 0, 0, bytes_str("unended") }, ERR_FORMAT },
		{ { at("d"), S_IFDIR | 0755, 0, 0, BYTES_OF("../x") }, ERR_FORMAT },
	};

	(void)snprintf(outside, sizeof(outside), "%s/elsewhere", run_dir);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = copy(&cases[i].f);

		/* Over the wire there are fewer kinds of failure. */
		if (!failed(e))
			fail_msg("case %zu was accepted", i);
	}
	assert_false(file_exists(outside));
	assert_false(file_exists(at("f")));
	assert_false(file_exists(at("d")));
}

/* Links of the host's making lead nowhere outside. */
static void test_links_inside(void **state)
{
	(void)state;
	char outside[700];

	(void)snprintf(outside, sizeof(outside), "%s/secret", test_dir());
	assert_ok(dir_make(outside, 0755));
	assert_ok(copy_link(at("up"), "../../../.."));
	assert_ok(copy_link(at("abs"), outside));
	assert_ok(copy_text(at("up/landed"), "x"));
	assert_content(at("landed"), "x");
	assert_true(failed(copy_text(at("abs/landed"), "x")));
	assert_int_equal(entries(outside), 0);
	assert_ok(copy_link(at("loop"), "loop"));
	assert_true(failed(copy_text(at("loop/x"), "x")));
	/* A last step that is a link is replaced, not followed. */
	assert_ok(copy_link(at("last"), "landed"));
	assert_ok(copy_text(at("last"), "y"));
	assert_content(at("landed"), "x");
}

/* Without a manifest and outside the open world nothing is taken. */
static void test_closed(void **state)
{
	(void)state;
	a.open_world = false;
	assert_err(copy_text(at("closed"), "x"), ERR_DENIED);
	assert_string_equal(err_denial()->code, "manifest.missing");
	a.has_manifest = true;
	assert_ok(copy_text(at("closed"), "x"));
	a.has_manifest = false;
	a.open_world = true;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_interleaved),
		cmocka_unit_test(test_replacing),
		cmocka_unit_test(test_live_update),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_links_inside),
		cmocka_unit_test(test_closed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
