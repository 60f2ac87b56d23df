/* What a running pod was asked, and a manifest asked the same. */
#include "util.h"

#include <fcntl.h>
#include <unistd.h>

#include <base/file.h>
#include <runtime/pod_requests.h>
#include <runtime/policy_test.h>

static const char manifest[] =
	"{\"version\":1,\"containers\":[{\"name\":\"app\",\"image\":\"r/a:1@sha256:bb\","
	"\"argv\":[\"/app\",\"5\"],\"user\":\"7:8\",\"env\":{\"A\":\"b\"},\"volumes\":["
	"{\"at\":\"/data\",\"kind\":\"memory\"}]}]}";

#define SPEC(argument, mounts)                                                                     \
	"{\n\"ociVersion\":\"1.1.0\",\"root\":{\"path\":\"rootfs\"},\"process\":{\"args\":["       \
	"\"/app\",\"" argument "\"],\"cwd\":\"/\",\"env\":[\"A=b\"],"                              \
	"\"user\":{\"uid\":7,\"gid\":8},\"noNewPrivileges\":true},\n"                              \
	"\"mounts\":[" mounts "],\"annotations\":{\"io.kubernetes.cri.container-name\":\"app\","   \
	"\"io.kubernetes.cri.image-name\":\"r/a:1\"}}"
/* A directory of this host, which would be copied. */
#define FILES                                                                                      \
	"{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"/"                              \
	"usr\",\"options\":[\"rbind\"]}"

struct asked {
	struct policy_tester *t;
	struct buf said; /* a line each */
};

static struct err ask_one(void *arg, const struct json *request, size_t number)
{
	struct asked *a = arg;
	struct err e = policy_tester_ask(a->t, request);
	const char *word = e.code == ERR_NOT_FOUND ? "passed over" : err_text();

	if (e.code == ERR_DENIED && err_denial())
		word = err_denial()->code;
	buf_printf(&a->said, "%zu %s %s: %s\n", number, policy_request_kind(request),
		policy_request_container(request), failed(e) ? word : "ok");
	return OK;
}

static void note(const char *dir, const char *kind, const char *json_name, const char *json)
{
	const struct pod_request r = { .kind = kind,
		.container = "c1",
		.json_name = json_name,
		.json = bytes_str(json ? json : "") };

	assert_ok(pod_requests_add(dir, &r));
}

/* An owner that is killed while it writes. */
static void cut_last(const char *dir)
{
	AUTO(auto_free) char *path = NULL;

	assert_ok(path_join(dir, POD_REQUESTS, &path));
	AUTO(auto_close) int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_ok(fd_write_all(fd, bytes_str("{\"kind\":")));
}

static void test_asked(void **state)
{
	AUTO(auto_close) int rootfs = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct policy_test_options o = { .rootfs_fd = rootfs, .live = true };
	AUTO(manifest_done) struct manifest m = { 0 };
	AUTO(policy_tester_freep) struct policy_tester *t = NULL;
	struct asked a = { .said = BUF_INIT(4096) };
	AUTO(auto_free) char *dir = NULL;

	(void)state;
	assert_ok(path_join(test_dir(), "asked", &dir));
	assert_ok(dir_make(dir, 0700));
	assert_ok(manifest_parse(bytes_str(manifest), &m));
	assert_ok(policy_tester_new(&m, &o, &t));
	a.t = t;
	note(dir, "CreateContainer", "spec",
		"{\"ociVersion\":\"1\",\"root\":{\"path\":\"r\"},\"process\":{},\"annotations\":{"
		"\"io.kubernetes.cri.container-name\":\"other\","
		"\"io.kubernetes.cri.image-name\":\"r/b:1\"}}");
	note(dir, "ExecProcess", "process", "{\"args\":[\"sh\"]}");
	note(dir, "CreateContainer", "spec", SPEC("4", ""));
	note(dir, "StartContainer", NULL, NULL);
	note(dir, "RemoveContainer", NULL, NULL);
	note(dir, "CreateContainer", "spec", SPEC("5", FILES));
	note(dir, "StartContainer", NULL, NULL);
	note(dir, "ExecProcess", "process", "{\"args\":[\"sh\"],\n\"cwd\":\"/\"}");
	note(dir, "ReadStdout", NULL, NULL);
	cut_last(dir);
	assert_ok(pod_requests_read(dir, ask_one, &a));
	assert_string_equal(buf_cstr(&a.said), "0 CreateContainer other: manifest.container\n"
					       "1 ExecProcess c1: passed over\n"
					       "2 CreateContainer app: manifest.argv\n"
					       "3 StartContainer c1: ok\n"
					       "4 RemoveContainer c1: ok\n"
					       "5 CreateContainer app: manifest.volumes\n"
					       "6 StartContainer c1: ok\n"
					       "7 ExecProcess c1: manifest.exec\n"
					       "8 ReadStdout c1: manifest.request\n");
	buf_done(&a.said);
}

/* It grows so far and no further. */
static void test_limit(void **state)
{
	enum {
		TEXT = POD_REQUESTS_MAX / 6
	};
	AUTO(auto_free) char *dir = NULL;
	AUTO(buf_done) struct buf big = BUF_INIT(POD_REQUESTS_MAX);
	struct pod_request r = { .kind = "CreateContainer", .container = "c", .json_name = "spec" };

	(void)state;
	assert_ok(path_join(test_dir(), "limit", &dir));
	assert_ok(dir_make(dir, 0700));
	buf_puts(&big, "\"");
	for (int i = 0; i < TEXT; i++)
		buf_u8(&big, 'x');
	buf_puts(&big, "\"");
	r.json = buf_bytes(&big);
	for (int i = 0; i < 5; i++)
		assert_ok(pod_requests_add(dir, &r));
	assert_err(pod_requests_add(dir, &r), ERR_LIMIT);
	r.json = bytes_str("{");
	assert_true(failed(pod_requests_add(dir, &r)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
