/*
 * The agent API on a plain host: the real program, the real crun and a static busybox; only the hub
 * that pulls images is played. Runs in mount and cgroup surroundings of its own.
 */
#include "calls.h"
#include "fake_cdh.h"
#include "util.h"

#include <agent.pb-c.h>
#include <errno.h>
#include <health.pb-c.h>
#include <sched.h>
#include <signal.h>

#include <base/file.h>
#include <base/process.h>
#include <net/pb.h>
#include <net/transport.h>
#include <net/ttrpc.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char initdata_text[] =
	"version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"pod-manifest.json\" = '''\n"
	"{\"version\":1,\"containers\":["
	"{\"name\":\"app\",\"image\":\"r/app:1\",\"argv\":[\"/bin/sh\",\"-c\",\"~.*\"],"
	"\"env\":{\"MODE\":\"safe\",\"X\":\"~[a-z]*\"},"
	"\"exec\":[[\"/bin/sh\",\"-c\",\"~.*\"],[\"/absent\"]],\"mounts\":[\"/etc/resolv.conf\"]},"
	"{\"name\":\"own\",\"image\":\"r/own:1\"},"
	"{\"name\":\"late\",\"image\":\"r/late:1\",\"after\":[\"own\"]},"
	"{\"name\":\"priv\",\"image\":\"r/priv:1\",\"argv\":[\"/bin/sh\",\"-c\",\"~.*\"],"
	"\"privileged\":true},"
	"{\"name\":\"secret\",\"image\":\"r/secret:1\",\"argv\":[\"/bin/sh\",\"-c\",\"~.*\"],"
	"\"env\":{\"TOKEN\":\"~sealed[.].*\",\"OTHER\":\"~.*\"},"
	"\"exec\":[[\"/bin/sh\",\"-c\",\"~.*\"]],\"volumes\":["
	"{\"at\":\"/secrets\",\"kind\":\"files\",\"sealed\":true},"
	"{\"at\":\"/plain\",\"kind\":\"files\"}]},"
	"{\"name\":\"bad\",\"image\":\"r/unsigned:1\"}],"
	"\"sysctls\":{\"kernel.shmmni\":\"1234\"},\"shared_pid\":true,"
	"\"allow\":[\"logs\",\"signal\",\"stdin\",\"stats\"]}'''\n";

struct world {
	struct process agent;
	pid_t hub;
	struct loop *loop;
};

static struct world w;

/* ---- surroundings ---- */

/* crun wants to see cgroup v2 even when it may not use it. */
static bool own_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL) == 0;
}

static pid_t start_hub(const char *socket)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	fake_cdh_main(socket);
}

static int setup(void **state)
{
	static char initdata[512], socket[512], listen[512], run_dir[512], program[1024];
	const char *bin = getenv("SEALPOD_BIN");
	int fd = -1;

	(void)state;
	if (geteuid() != 0 || access("/usr/bin/crun", X_OK) != 0 ||
		access("/bin/busybox", X_OK) != 0 || !own_mounts())
		return 0;
	(void)snprintf(initdata, sizeof(initdata), "%s/initdata.toml", test_dir());
	(void)snprintf(socket, sizeof(socket), "%s/cdh.sock", test_dir());
	(void)snprintf(listen, sizeof(listen), "unix://%s/agent.sock", test_dir());
	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", test_dir());
	(void)snprintf(program, sizeof(program), "%s/sealpod-agent", bin ? bin : "bin");
	assert_ok(file_write_atomic(initdata, bytes_str(initdata_text), 0644));
	w.hub = start_hub(socket);
	const char *argv[] = { program, "--listen", listen, "--cdh-socket", socket, "--initdata",
		initdata, "--run-dir", run_dir, "--cgroup-manager", "disabled", NULL };
	struct process_spec spec = PROCESS_SPEC(argv);

	spec.die_with_parent = true;
	assert_ok(process_start(&spec, &w.agent));
	assert_ok(loop_new(&w.loop));
	assert_ok(transport_connect(listen, 20 * 1000, &fd));
	assert_ok(ttrpc_client_new(w.loop, fd, &calls_client));
	return 0;
}

static int teardown(void **state)
{
	int status;

	(void)state;
	if (!calls_client)
		return 0;
	ttrpc_client_free(calls_client);
	loop_free(w.loop);
	assert_ok(process_kill(&w.agent, SIGTERM));
	assert_ok(process_wait(&w.agent, 30 * 1000, &status));
	/* A leak or an overrun in the agent is a failure here. */
	assert_int_equal(status, 0);
	(void)kill(w.hub, SIGKILL);
	(void)waitpid(w.hub, &status, 0);
	return 0;
}

static void need_world(void)
{
	if (!calls_client)
		skip();
}

/* ---- calls ---- */

struct wanted {
	const char *image, *name;
	const char *command; /* of sh -c; NULL: what image and manifest say */
	const char *env;
	bool terminal, sandbox, share_pids;
	const char *mount_at, *mount_source;
};

static void annotate(Oci__Spec__AnnotationsEntry *e, const char *key, const char *value)
{
	oci__spec__annotations_entry__init(e);
	e->key = text(key);
	e->value = text(value);
}

static struct err create(const char *id, const struct wanted *x)
{
	Agent__CreateContainerRequest q = AGENT__CREATE_CONTAINER_REQUEST__INIT;
	Agent__Storage storage = AGENT__STORAGE__INIT;
	Agent__Storage *storages[] = { &storage };
	Oci__Spec spec = OCI__SPEC__INIT;
	Oci__Process process = OCI__PROCESS__INIT;
	Oci__Spec__AnnotationsEntry entries[2];
	Oci__Spec__AnnotationsEntry *list[] = { &entries[0], &entries[1] };
	char *args[] = { text("/bin/sh"), text("-c"), text(x->command) };
	char *env[] = { text(x->env) };
	Oci__Mount mount = OCI__MOUNT__INIT, *mounts[] = { &mount };
	char *options[] = { text("rbind"), text("ro") };

	q.container_id = q.exec_id = text(id);
	q.sandbox_pidns = x->share_pids;
	storage.driver = text("image_guest_pull");
	storage.source = text(x->image);
	q.storages = storages;
	q.n_storages = x->image ? 1 : 0;
	q.oci = &spec;
	spec.process = &process;
	process.terminal = x->terminal;
	process.args = args;
	process.n_args = x->command ? 3 : 0;
	process.env = env;
	process.n_env = x->env ? 1 : 0;
	annotate(&entries[0], "io.kubernetes.cri.container-type",
		x->sandbox ? "sandbox" : "container");
	annotate(&entries[1], "io.kubernetes.cri.container-name", x->name ? x->name : "");
	spec.annotations = list;
	spec.n_annotations = x->name ? 2 : 1;
	mount.destination = text(x->mount_at ? x->mount_at : "");
	mount.source = text(x->mount_source ? x->mount_source : "");
	mount.type = text("bind");
	mount.options = options;
	mount.n_options = 2;
	spec.mounts = mounts;
	spec.n_mounts = x->mount_at ? 1 : 0;
	return call("CreateContainer", &q.base);
}

static void assert_denied(struct err e, const char *code)
{
	assert_int_equal(e.code, ERR_DENIED);
	assert_non_null(err_denial());
	assert_string_equal(err_denial()->code, code);
}

static const struct wanted app = { .image = "r/app:1" };

static void create_app(const char *id, const char *command)
{
	struct wanted x = app;

	x.command = command;
	assert_ok(create(id, &x));
	assert_ok(start(id));
}

/* ---- tests, in this order: one sandbox for all ---- */

static void test_health(void **state)
{
	(void)state;
	need_world();
	Health__CheckRequest q = HEALTH__CHECK_REQUEST__INIT;
	AUTO(pb_free_any) Health__HealthCheckResponse *r = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);

	assert_ok(call_raw("grpc.Health", "Check", &q.base, &out));
	assert_ok(PB_UNPACK(health__health_check_response, buf_bytes(&out), &r));
	assert_int_equal(r->status, HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING);
	assert_err(call("SetPolicy", &q.base), ERR_DENIED);
}

static void test_sandbox(void **state)
{
	(void)state;
	need_world();
	Agent__CreateSandboxRequest q = AGENT__CREATE_SANDBOX_REQUEST__INIT;
	char *dns[] = { text("nameserver 10.9.8.7") };
	char *evil[] = { text("nameserver 1.1.1.1\nnameserver 2.2.2.2") };

	assert_err(create("early", &app), ERR_STATE);
	q.hostname = text("pod-1");
	q.guest_hook_path = text("/hooks");
	assert_denied(call("CreateSandbox", &q.base), "manifest.hooks");
	q.guest_hook_path = text("");
	q.dns = evil;
	q.n_dns = 1;
	assert_err(call("CreateSandbox", &q.base), ERR_FORMAT);
	q.dns = dns;
	assert_ok(call("CreateSandbox", &q.base));
	assert_err(call("CreateSandbox", &q.base), ERR_STATE);
}

static void test_placeholder(void **state)
{
	(void)state;
	need_world();
	const struct wanted x = { .sandbox = true };

	assert_ok(create("pause", &x));
	assert_ok(start("pause"));
	assert_ok(send_signal("pause", "", SIGTERM));
	assert_int_equal(wait_process("pause", ""), 128 + SIGTERM);
	assert_string_equal(read_all("ReadStdout", "pause", ""), "");
	assert_ok(remove_container("pause"));
}

static void test_image_command(void **state)
{
	(void)state;
	need_world();
	const struct wanted late = { .image = "r/late:1", .name = "late" };
	const struct wanted own = { .image = "r/own:1", .name = "own" };

	assert_ok(create("l", &late));
	assert_denied(start("l"), "manifest.order");
	assert_ok(create("o", &own));
	assert_denied(create("o2", &own), "manifest.container");
	assert_ok(start("o"));
	assert_ok(start("l"));
	assert_string_equal(read_all("ReadStdout", "o", "o"), "from the image\n");
	assert_int_equal(wait_process("o", ""), 0);
	assert_int_equal(wait_process("l", "l"), 0);
	assert_ok(remove_container("o"));
	assert_ok(create("o2", &own)); /* again, when the first is gone */
	assert_ok(remove_container("o2"));
	assert_ok(remove_container("l"));
}

static void test_streams_and_status(void **state)
{
	(void)state;
	need_world();
	create_app("a", "echo out; echo err >&2; exit 7");
	assert_string_equal(read_all("ReadStdout", "a", ""), "out\n");
	assert_string_equal(read_all("ReadStderr", "a", ""), "err\n");
	assert_int_equal(wait_process("a", "a"), 7);
	assert_int_equal(wait_process("a", ""), 7);
	assert_string_equal(read_all("ReadStdout", "a", ""), "");
	assert_ok(remove_container("a"));
	assert_err(start("a"), ERR_FORMAT);
}

static void test_surroundings(void **state)
{
	(void)state;
	need_world();
	struct wanted x = app;
	const char *seen;

	x.command = "hostname; pwd; id -u; echo $MODE $OWN $X; cat /etc/resolv.conf; "
		    "grep -c . /proc/keys; grep NoNewPrivs /proc/self/status; "
		    "grep CapBnd /proc/self/status; ls /proc | grep -c '^[0-9]'";
	x.env = "X=abc";
	assert_ok(create("s", &x));
	assert_ok(start("s"));
	seen = read_all("ReadStdout", "s", "");
	assert_non_null(strstr(seen, "pod-1\n/tmp\n0\nsafe image abc\nnameserver 10.9.8.7\n0\n"));
	assert_non_null(strstr(seen, "NoNewPrivs:\t1\n"));
	assert_non_null(strstr(seen, "CapBnd:\t0000000000000000\n"));
	assert_int_equal(wait_process("s", ""), 0);
	assert_ok(remove_container("s"));
}

/* What the manifest says of the kernel holds whether or not the host asks. */
static void test_privileged(void **state)
{
	(void)state;
	need_world();
	struct wanted x = { .image = "r/priv:1", .name = "priv" };

	x.command = "cat /proc/sys/kernel/shmmni; echo 99 > /proc/sys/kernel/shmmni && echo rw";
	assert_ok(create("pr", &x));
	assert_ok(start("pr"));
	assert_string_equal(read_all("ReadStdout", "pr", ""), "1234\nrw\n");
	assert_ok(remove_container("pr"));
	create_app("np", "echo 98 > /proc/sys/kernel/shmmni; cat /proc/sys/kernel/shmmni");
	assert_string_equal(read_all("ReadStdout", "np", ""), "99\n");
	assert_ok(remove_container("np"));
}

static void test_shared_pid(void **state)
{
	(void)state;
	need_world();
	struct wanted x = { .image = "r/priv:1", .name = "priv", .share_pids = true };

	x.command = "sleep 4321";
	assert_ok(create("s1", &x));
	assert_ok(start("s1"));
	x = app;
	x.share_pids = true;
	x.command = "cat /proc/1/comm; cat /proc/[0-9]*/comm | grep -c sleep";
	assert_ok(create("s2", &x));
	assert_ok(start("s2"));
	assert_string_equal(read_all("ReadStdout", "s2", ""), "pause\n1\n");
	assert_ok(remove_container("s2"));
	assert_ok(remove_container("s1"));
}

static void test_stdin(void **state)
{
	(void)state;
	need_world();
	create_app("i", "cat; echo end");
	assert_ok(write_stdin("i", "hello\n"));
	assert_ok(write_stdin("i", "world\n"));
	assert_ok(close_stdin("i"));
	assert_err(write_stdin("i", "more\n"), ERR_STATE);
	assert_string_equal(read_all("ReadStdout", "i", ""), "hello\nworld\nend\n");
	assert_int_equal(wait_process("i", ""), 0);
	assert_ok(remove_container("i"));
}

/* More than any pipe holds: the process waits for the reader, nothing is lost. */
static void test_backpressure(void **state)
{
	(void)state;
	need_world();
	const char *all;

	create_app("b", "head -c 3000000 /dev/zero | tr '\\0' x");
	all = read_all("ReadStdout", "b", "");
	assert_int_equal(strlen(all), 3000000);
	assert_int_equal(strspn(all, "x"), 3000000);
	assert_int_equal(wait_process("b", ""), 0);
	assert_ok(remove_container("b"));
}

static void test_exec(void **state)
{
	(void)state;
	need_world();
	char *absent[] = { text("/absent") };
	char *unlisted[] = { text("/bin/ls") };

	create_app("e", "sleep 1000");
	assert_ok(exec_sh("e", "x1", "echo in; exit 9"));
	assert_string_equal(read_all("ReadStdout", "e", "x1"), "in\n");
	assert_int_equal(wait_process("e", "x1"), 9);
	assert_ok(exec_sh("e", "x2", "sleep 1000"));
	assert_err(exec_sh("e", "x2", "true"), ERR_STATE);
	assert_ok(send_signal("e", "x2", SIGKILL));
	assert_int_equal(wait_process("e", "x2"), 137);
	assert_true(failed(exec_args("e", "x3", absent, 1)));
	assert_non_null(strstr(err_text(), "absent"));
	assert_denied(exec_args("e", "x4", unlisted, 1), "manifest.exec");
	assert_err(send_signal("e", "none", SIGKILL), ERR_NOT_FOUND);
	assert_err(exec_sh("e", "../x", "true"), ERR_FORMAT);
	for (int i = 0; i < 10; i++) {
		assert_ok(exec_sh("e", "again", "exit 3")); /* the id is free after its wait */
		assert_int_equal(wait_process("e", "again"), 3);
	}
	assert_ok(remove_container("e"));
}

static void test_signals(void **state)
{
	(void)state;
	need_world();
	/* PID 1 of a container ignores SIGTERM without a handler; engines expect an end. */
	create_app("t", "sleep 1000; true");
	assert_ok(send_signal("t", "", SIGTERM));
	assert_int_equal(wait_process("t", ""), 137);
	assert_ok(send_signal("t", "", SIGTERM)); /* ended: fine */
	assert_ok(remove_container("t"));
	create_app("h", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done");
	AUTO(buf_done) struct buf first = BUF_INIT(1024);

	assert_true(read_some("ReadStdout", "h", "", &first) > 0);
	assert_ok(send_signal("h", "", SIGTERM));
	assert_int_equal(wait_process("h", ""), 5);
	assert_err(send_signal("h", "", 65), ERR_FORMAT);
	assert_ok(remove_container("h"));
}

static void test_remove_running(void **state)
{
	(void)state;
	need_world();
	create_app("r", "sleep 1000");
	assert_ok(remove_container("r"));
	assert_err(send_signal("r", "", SIGKILL), ERR_FORMAT);
	create_app("r", "exit 0");
	assert_int_equal(wait_process("r", ""), 0);
	assert_ok(remove_container("r"));
}

static void test_terminal(void **state)
{
	(void)state;
	need_world();
	struct wanted x = app;
	Agent__TtyWinResizeRequest q = AGENT__TTY_WIN_RESIZE_REQUEST__INIT;

	x.terminal = true;
	x.command = "read line; stty size; echo got $line";
	assert_ok(create("tty", &x));
	assert_ok(start("tty"));
	q.container_id = text("tty");
	q.row = 33;
	q.column = 77;
	assert_ok(call("TtyWinResize", &q.base));
	assert_ok(write_stdin("tty", "word\n"));
	assert_non_null(strstr(read_all("ReadStdout", "tty", ""), "33 77\r\ngot word\r\n"));
	assert_int_equal(wait_process("tty", ""), 0);
	assert_ok(remove_container("tty"));
	create_app("notty", "sleep 1000");
	q.container_id = text("notty");
	assert_err(call("TtyWinResize", &q.base), ERR_PEER);
	assert_ok(remove_container("notty"));
}

static void test_denials(void **state)
{
	(void)state;
	need_world();
	struct wanted x = app;
	Agent__SetGuestDateTimeRequest clock = AGENT__SET_GUEST_DATE_TIME_REQUEST__INIT;
	Agent__UpdateRoutesRequest routes = AGENT__UPDATE_ROUTES_REQUEST__INIT;

	x.image = "r/other:1";
	assert_denied(create("d", &x), "manifest.container");
	x = app;
	x.env = "LD_PRELOAD=/x";
	x.command = "true";
	assert_denied(create("d", &x), "manifest.env");
	x = app;
	x.name = "own";
	assert_denied(create("d", &x), "manifest.image");
	x.image = "r/own:1";
	x.command = "echo other";
	assert_denied(create("d", &x), "manifest.argv");
	assert_string_equal(err_denial()->field, "containers[own].argv[2]");
	clock.sec = 1900000000;
	assert_denied(call("SetGuestDateTime", &clock.base), "sandbox.clock-fixed");
	assert_denied(call("UpdateRoutes", &routes.base), "sandbox.network-fixed");
	x = app;
	assert_err(create("../d", &x), ERR_FORMAT);
}

/* What the hub refuses arrives unchanged, with its id. */
static void test_hub_refusal(void **state)
{
	(void)state;
	need_world();
	const struct wanted x = { .image = "r/unsigned:1", .name = "bad" };

	assert_denied(create("u", &x), "image.signature");
	assert_string_equal(err_denial()->id, "request-17");
	assert_denied(create("u", &x), "image.signature"); /* nothing was left behind */
}

/* ---- sealed secrets ---- */

static char *shared(const char *name)
{
	static char path[1024];

	(void)snprintf(path, sizeof(path), "%s/run/kata-containers/shared/containers/%s",
		test_dir(), name);
	return path;
}

static void copy(const char *name, uint32_t mode, const char *data)
{
	Agent__CopyFileRequest q = AGENT__COPY_FILE_REQUEST__INIT;

	q.path = shared(name);
	q.file_mode = mode;
	q.file_size = (int64_t)strlen(data);
	q.data.data = (uint8_t *)(uintptr_t)data;
	q.data.len = strlen(data);
	assert_ok(call("CopyFile", &q.base));
}

static const struct wanted sealed = { .image = "r/secret:1",
	.name = "secret",
	.command = "echo $TOKEN; echo $OTHER; cat /secrets/token /secrets/..data/plain; "
		   "stat -c %a /secrets/..data/token; sleep 60",
	.mount_at = "/secrets" };

static void test_sealed(void **state)
{
	(void)state;
	need_world();
	struct wanted x = sealed;

	copy("sec/..1/token", S_IFREG | 0440, "sealed.file\n");
	copy("sec/..1/plain", S_IFREG | 0444, "as it is\n");
	copy("sec/..data", S_IFLNK, "..1");
	copy("sec/token", S_IFLNK, "..data/token");
	x.env = "TOKEN=sealed.env";
	x.mount_source = shared("sec");
	assert_ok(create("s", &x));
	assert_ok(start("s"));
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	while (out.n < strlen("plain env\n\nplain fileas it is\n440\n") &&
		read_some("ReadStdout", "s", "", &out) > 0)
		;
	assert_bytes_equal(buf_bytes(&out), bytes_str("plain env\n\nplain fileas it is\n440\n"));
	/* A further process has it too, and the same request is still what the manifest allows. */
	assert_ok(exec_sh("s", "again", "echo $TOKEN; cat /secrets/token"));
	assert_string_equal(read_all("ReadStdout", "s", "again"), "plain env\nplain file");
	assert_ok(remove_container("s"));
}

/* The host knows every reference: it gets none of them unsealed where nobody expects it. */
static void test_sealed_elsewhere(void **state)
{
	(void)state;
	need_world();
	struct wanted x = sealed;

	x.env = "OTHER=sealed.env";
	x.mount_at = "/plain";
	x.mount_source = shared("sec");
	x.command = "echo $OTHER; cat /plain/token";
	assert_ok(create("s", &x));
	assert_ok(start("s"));
	assert_string_equal(read_all("ReadStdout", "s", ""), "sealed.env\nsealed.file\n");
	assert_ok(remove_container("s"));
}

static void test_sealed_refused(void **state)
{
	(void)state;
	need_world();
	struct wanted x = sealed;

	x.env = "TOKEN=sealed.refused";
	x.mount_source = shared("sec");
	assert_denied(create("s", &x), "kbs.policy");
	copy("sec/..1/more", S_IFREG | 0444, "sealed.refused");
	x.env = "TOKEN=sealed.env";
	assert_denied(create("s", &x), "kbs.policy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_sandbox),
		cmocka_unit_test(test_placeholder),
		cmocka_unit_test(test_image_command),
		cmocka_unit_test(test_streams_and_status),
		cmocka_unit_test(test_surroundings),
		cmocka_unit_test(test_privileged),
		cmocka_unit_test(test_shared_pid),
		cmocka_unit_test(test_stdin),
		cmocka_unit_test(test_backpressure),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_remove_running),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_sealed_elsewhere),
		cmocka_unit_test(test_sealed_refused),
		cmocka_unit_test(test_denials),
		cmocka_unit_test(test_hub_refusal),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
