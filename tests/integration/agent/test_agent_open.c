/*
 * The open world on a plain host, with nothing but --listen: containers as the request says, in the
 * way Kata's test client drives an agent. Real program, real crun, static busybox.
 */
#include "calls.h"
#include "fake_cdh.h"
#include "request.h"
#include "util.h"

#include <signal.h>

#include <base/file.h>
#include <base/process.h>
#include <net/pb.h>
#include <net/transport.h>

static struct process agent;
static struct loop *loop;
static char rootfs[1024], run_dir[512];

static int setup(void **state)
{
	static char listen[128], program[1024], bundle[512];
	const char *bin = getenv("SEALPOD_BIN");
	int fd = -1;

	(void)state;
	if (geteuid() != 0 || access("/usr/bin/crun", X_OK) != 0 ||
		access("/bin/busybox", X_OK) != 0)
		return 0;
	(void)snprintf(listen, sizeof(listen), "unix://@/tmp/agent-open-%d", (int)getpid());
	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", test_dir());
	(void)snprintf(bundle, sizeof(bundle), "%s/bundle", test_dir());
	(void)snprintf(rootfs, sizeof(rootfs), "%s/rootfs", bundle);
	(void)snprintf(program, sizeof(program), "%s/sealpod-agent", bin ? bin : "bin");
	assert_ok(fake_cdh_rootfs(bundle));
	const char *argv[] = { program, "--listen", listen, "--run-dir", run_dir, NULL };
	struct process_spec spec = PROCESS_SPEC(argv);

	spec.die_with_parent = true;
	assert_ok(process_start(&spec, &agent));
	assert_ok(loop_new(&loop));
	assert_ok(transport_connect(listen, 20 * 1000, &fd));
	assert_ok(ttrpc_client_new(loop, fd, &calls_client));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (!calls_client)
		return 0;
	ttrpc_client_free(calls_client);
	loop_free(loop);
	process_end(&agent);
	return 0;
}

static void need_world(void)
{
	if (!calls_client)
		skip();
}

/* ---- one behaviour a row ---- */

typedef void change_fn(struct request *r);

static void set_user(struct request *r)
{
	r->user.uid = 1000;
	r->user.gid = 1001;
	r->groups[0] = 5;
	r->groups[1] = 4242;
	r->user.additionalgids = r->groups;
	r->user.n_additionalgids = 2;
}

static void set_env(struct request *r)
{
	r->strings[0] = text("GREETING=gr\xc3\xbc\xc3\x9f dich \xe4\xb8\x96\xe7\x95\x8c");
	r->strings[1] = text("PATH=/bin");
	r->process.env = r->strings;
	r->process.n_env = 2;
}

static void set_cwd(struct request *r)
{
	r->process.cwd = text("/made/for/it");
}

static void set_caps(struct request *r)
{
	r->strings[0] = text("CAP_KILL");
	r->strings[1] = text("CAP_CHOWN");
	r->caps.bounding = r->caps.effective = r->caps.permitted = r->strings;
	r->caps.n_bounding = r->caps.n_effective = r->caps.n_permitted = 2;
	r->process.capabilities = &r->caps;
}

static void set_nnp(struct request *r)
{
	r->process.nonewprivileges = true;
}

static void set_rlimit(struct request *r)
{
	r->rlimit.type = text("RLIMIT_NOFILE");
	r->rlimit.soft = 123;
	r->rlimit.hard = 456;
	r->rlimits[0] = &r->rlimit;
	r->process.rlimits = r->rlimits;
	r->process.n_rlimits = 1;
}

static void set_oom_score(struct request *r)
{
	r->process.oomscoreadj = 321;
}

static void set_readonly(struct request *r)
{
	r->root.readonly = true;
}

static void set_tmpfs(struct request *r)
{
	r->strings[0] = text("size=64k");
	r->strings[1] = text("nosuid");
	mount_at(r, "tmpfs", "tmpfs", "/scratch");
	r->mounts[2].options = r->strings;
	r->mounts[2].n_options = 2;
}

static void set_masked(struct request *r)
{
	r->strings[0] = text("/proc/keys");
	r->linux_.maskedpaths = r->strings;
	r->linux_.n_maskedpaths = 1;
}

static const struct behaviour {
	const char *name;
	change_fn *change;
	const char *command, *output;
	int status;
} behaviours[] = {
	{ "status", NULL, "exit 42", "", 42 },
	{ "killed", NULL, "sh -c 'kill -9 $$'; echo $?", "137\n", 0 },
	{ "user", set_user, "id -u; id -g; id -G", "1000\n1001\n1001 5 4242\n", 0 },
	{ "env", set_env, "echo $GREETING", "gr\xc3\xbc\xc3\x9f dich \xe4\xb8\x96\xe7\x95\x8c\n",
		0 },
	{ "cwd", set_cwd, "pwd", "/made/for/it\n", 0 },
	{ "caps", set_caps, "grep CapEff /proc/self/status", "CapEff:\t0000000000000021\n", 0 },
	{ "nnp", set_nnp, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1\n", 0 },
	{ "nonnp", NULL, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t0\n", 0 },
	{ "rlimit", set_rlimit, "ulimit -Sn; ulimit -Hn", "123\n456\n", 0 },
	{ "oom", set_oom_score, "cat /proc/self/oom_score_adj", "321\n", 0 },
	{ "readonly", set_readonly, "touch /x 2>/dev/null || echo no", "no\n", 0 },
	{ "writable", NULL, "touch /x && echo yes", "yes\n", 0 },
	{ "tmpfs", set_tmpfs, "head -c 100000 /dev/zero > /scratch/f 2>/dev/null || echo full",
		"full\n", 0 },
	{ "masked", set_masked, "wc -c < /proc/keys", "0\n", 0 },
	{ "init", NULL, "echo $$", "1\n", 0 },
	{ "hostname", NULL, "hostname", "pod-open\n", 0 },
	{ "zombies", NULL, "for i in $(seq 50); do sh -c 'sleep 0 &'; done; echo ok", "ok\n", 0 },
};

static void test_behaviours(void **state)
{
	(void)state;
	need_world();
	for (size_t i = 0; i < ARRAY_LEN(behaviours); i++) {
		const struct behaviour *b = &behaviours[i];
		struct request r = { 0 };

		print_message("%s\n", b->name);
		request_init(&r, rootfs, b->name, b->command);
		if (b->change)
			b->change(&r);
		assert_ok(call("CreateContainer", &r.q.base));
		assert_ok(start(b->name));
		assert_string_equal(read_all("ReadStdout", b->name, ""), b->output);
		assert_int_equal(wait_process(b->name, ""), b->status);
		assert_ok(remove_container(b->name));
	}
}

/* ---- the sandbox, before everything else ---- */

static void test_sandbox(void **state)
{
	(void)state;
	need_world();
	Agent__CreateSandboxRequest q = AGENT__CREATE_SANDBOX_REQUEST__INIT;
	char path[600];

	q.hostname = text("pod-open");
	q.guest_hook_path = text("/hooks");
	assert_err(call("CreateSandbox", &q.base), ERR_DENIED);
	q.guest_hook_path = text("");
	assert_ok(call("CreateSandbox", &q.base));
	(void)snprintf(path, sizeof(path), "%s/sandbox-ns/uts", run_dir);
	assert_true(file_exists(path));
}

static void test_refused(void **state)
{
	(void)state;
	need_world();
	struct request r = { 0 };

	request_init(&r, rootfs, "u", "true");
	r.user_ns.type = text("user");
	r.namespaces[0] = &r.user_ns;
	r.linux_.namespaces = r.namespaces;
	r.linux_.n_namespaces = 1;
	assert_err(call("CreateContainer", &r.q.base), ERR_UNSUPPORTED);
	request_init(&r, rootfs, "u", "true");
	r.root.path = text("/nowhere/at/all");
	assert_err(call("CreateContainer", &r.q.base), ERR_PEER);
	request_init(&r, rootfs, "u", "true");
	r.spec.root = NULL;
	assert_err(call("CreateContainer", &r.q.base), ERR_FORMAT);
	request_init(&r, rootfs, "u", "true");
	r.args[0] = text("/absent");
	assert_true(failed(call("CreateContainer", &r.q.base)));
	assert_err_text("absent");
}

static void test_exec(void **state)
{
	(void)state;
	need_world();
	struct request r = { 0 };

	request_init(&r, rootfs, "x", "sleep 1000");
	set_env(&r);
	assert_ok(call("CreateContainer", &r.q.base));
	assert_ok(start("x"));
	assert_ok(exec_sh("x", "e1", "echo $GREETING | wc -c; exit 4"));
	assert_string_equal(read_all("ReadStdout", "x", "e1"), "19\n");
	assert_int_equal(wait_process("x", "e1"), 4);
	assert_ok(send_signal("x", "", SIGKILL));
	assert_int_equal(wait_process("x", ""), 137);
	assert_ok(remove_container("x"));
}

/* Containers that share the pod's processes see each other, and the placeholder reaps. */
static void test_shared_pids(void **state)
{
	(void)state;
	need_world();
	struct request a = { 0 }, b = { 0 };

	request_init(&a, rootfs, "a", "sleep 4321");
	a.q.sandbox_pidns = true;
	assert_ok(call("CreateContainer", &a.q.base));
	assert_ok(start("a"));
	request_init(&b, rootfs, "b",
		"cat /proc/1/comm; cat /proc/[0-9]*/comm | grep -c sleep; "
		"ls /proc/1/root/ | wc -l; sh -c 'sleep 0.1 & exit'; sleep 0.3; "
		"grep -l zombie /proc/*/status | wc -l");
	b.q.sandbox_pidns = true;
	assert_ok(call("CreateContainer", &b.q.base));
	assert_ok(start("b"));
	assert_string_equal(read_all("ReadStdout", "b", ""), "pause\n1\n0\n0\n");
	assert_int_equal(wait_process("b", ""), 0);
	assert_ok(send_signal("a", "", SIGTERM));
	assert_int_equal(wait_process("a", ""), 143);
	assert_ok(remove_container("a"));
	assert_ok(remove_container("b"));
}

static void run_container(const char *id, const char *command)
{
	struct request r = { 0 };

	request_init(&r, rootfs, id, command);
	assert_ok(call("CreateContainer", &r.q.base));
	assert_ok(start(id));
}

/* A paused process writes nothing, and goes on where it was. */
static void test_pause(void **state)
{
	(void)state;
	need_world();
	Agent__PauseContainerRequest p = AGENT__PAUSE_CONTAINER_REQUEST__INIT;

	run_container("p", "i=0; while sleep 0.02; do i=$((i+1)); echo $i > /count; done");
	p.container_id = text("p");
	assert_ok(call("PauseContainer", &p.base));
	assert_err(exec_sh("p", "e", "true"), ERR_STATE);
	char path[1100];

	(void)snprintf(path, sizeof(path), "%s/count", rootfs);
	AUTO(buf_done) struct buf before = BUF_INIT(64);
	AUTO(buf_done) struct buf after = BUF_INIT(64);

	err_ignore(file_read(path, &before)); /* perhaps it did not get that far */
	(void)usleep(200 * 1000);
	err_ignore(file_read(path, &after));
	assert_bytes_equal(buf_bytes(&before), buf_bytes(&after));
	assert_ok(call("ResumeContainer", &p.base));
	assert_ok(exec_sh("p", "e", "exit 6"));
	assert_int_equal(wait_process("p", "e"), 6);
	assert_ok(call("PauseContainer", &p.base));
	assert_ok(remove_container("p"));
	p.container_id = text("none");
	assert_err(call("PauseContainer", &p.base), ERR_FORMAT);
}

/* SIGKILL of a container reaches processes that its first one does not know. */
static void test_kill_all(void **state)
{
	(void)state;
	need_world();
	struct request r = { 0 };

	request_init(&r, rootfs, "k", "sleep 1000");
	r.q.sandbox_pidns = true;
	assert_ok(call("CreateContainer", &r.q.base));
	assert_ok(start("k"));
	assert_ok(exec_sh("k", "other", "sleep 1000"));
	assert_ok(send_signal("k", "", SIGKILL));
	assert_int_equal(wait_process("k", ""), 137);
	assert_int_equal(wait_process("k", "other"), 137);
	assert_ok(remove_container("k"));
}

static void test_numbers(void **state)
{
	(void)state;
	need_world();
	Agent__StatsContainerRequest q = AGENT__STATS_CONTAINER_REQUEST__INIT;
	Agent__GetMetricsRequest m = AGENT__GET_METRICS_REQUEST__INIT;
	AUTO(pb_free_any) Agent__StatsContainerResponse *r = NULL;
	AUTO(pb_free_any) Agent__Metrics *metrics = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);
	AUTO(buf_done) struct buf text_out = BUF_INIT(TTRPC_MESSAGE_MAX);

	AUTO(buf_done) struct buf seen = BUF_INIT(64 * 1024);

	run_container("n", "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo; sleep 1000");
	assert_true(read_some("ReadStdout", "n", "", &seen) > 0);
	q.container_id = text("n");
	assert_ok(call_raw("grpc.AgentService", "StatsContainer", &q.base, &out));
	assert_ok(PB_UNPACK(agent__stats_container_response, buf_bytes(&out), &r));
	assert_non_null(r->cgroup_stats->cpu_stats->cpu_usage);
	assert_true(r->cgroup_stats->cpu_stats->cpu_usage->total_usage > 0);
	assert_ok(call_raw("grpc.AgentService", "GetMetrics", &m.base, &text_out));
	assert_ok(PB_UNPACK(agent__metrics, buf_bytes(&text_out), &metrics));
	assert_non_null(strstr(metrics->metrics, "kata_agent_scrape_count 1\n"));
	assert_non_null(strstr(metrics->metrics, "kata_guest_meminfo{item=\"MemTotal\"} "));
	assert_non_null(
		strstr(metrics->metrics, "kata_guest_cpu_time{cpu=\"cpu0\",item=\"user\"}"));
	assert_ok(remove_container("n"));
}

static void test_unavailable(void **state)
{
	(void)state;
	need_world();
	Agent__SetPolicyRequest policy = AGENT__SET_POLICY_REQUEST__INIT;
	Memagent__MemAgentMemcgConfig memory = MEMAGENT__MEM_AGENT_MEMCG_CONFIG__INIT;
	Agent__GetDiagnosticDataRequest d = AGENT__GET_DIAGNOSTIC_DATA_REQUEST__INIT;
	Agent__AddSwapPathRequest swap = AGENT__ADD_SWAP_PATH_REQUEST__INIT;
	Agent__ResizeVolumeRequest resize = AGENT__RESIZE_VOLUME_REQUEST__INIT;

	policy.policy = text("package agent_policy");
	assert_err(call("SetPolicy", &policy.base), ERR_DENIED);
	assert_err(call("MemAgentMemcgSet", &memory.base), ERR_UNSUPPORTED);
	assert_err(call("ResizeVolume", &resize.base), ERR_UNSUPPORTED);
	swap.path = text("/etc/passwd");
	assert_err(call("AddSwapPath", &swap.base), ERR_FORMAT);
	run_container("d", "sleep 1000");
	d.container_id = text("d");
	d.log_type = text("core");
	assert_err(call("GetDiagnosticData", &d.base), ERR_UNSUPPORTED);
	d.log_type = text("termination_log");
	assert_err(call("GetDiagnosticData", &d.base), ERR_NOT_FOUND);
	assert_ok(remove_container("d"));
}

/* 100 MB, in chunks of what the runtime asks for, without loss. */
static void test_much_output(void **state)
{
	(void)state;
	need_world();
	const size_t total = 100 * 1000 * 1000;
	AUTO(buf_done) struct buf chunk = BUF_INIT(TTRPC_MESSAGE_MAX);
	size_t n, sum = 0, chunks = 0;

	run_container("m", "head -c 100000000 /dev/zero");
	while ((n = read_some("ReadStdout", "m", "", &chunk)) > 0) {
		sum += n;
		chunks++;
		buf_clear(&chunk);
	}
	assert_int_equal(sum, total);
	print_message("%zu chunks of %zu bytes\n", chunks, sum / chunks);
	assert_int_equal(wait_process("m", ""), 0);
	assert_ok(remove_container("m"));
}

/* As much as the kernel takes: a thousand arguments, one of them long. */
static void test_big_argv(void **state)
{
	(void)state;
	need_world();
	static char *args[3000];
	static char big[100 * 1000];
	struct request r = { 0 };

	request_init(&r, rootfs, "v", "echo $# ${#1}");
	memset(big, 'x', sizeof(big) - 1);
	for (size_t i = 0; i < 3; i++)
		args[i] = r.args[i];
	args[3] = text("sh");
	args[4] = big;
	for (size_t i = 5; i < ARRAY_LEN(args); i++)
		args[i] = text("argument");
	r.process.args = args;
	r.process.n_args = ARRAY_LEN(args);
	assert_ok(call("CreateContainer", &r.q.base));
	assert_ok(start("v"));
	assert_string_equal(read_all("ReadStdout", "v", ""), "2996 99999\n");
	assert_int_equal(wait_process("v", ""), 0);
	assert_ok(remove_container("v"));
}

/* Ends the agent, as Kata's test client does at the end; nothing of the pod stays. */
static void test_destroy(void **state)
{
	(void)state;
	need_world();
	Agent__DestroySandboxRequest q = AGENT__DESTROY_SANDBOX_REQUEST__INIT;
	char path[600];
	int status;

	assert_ok(call("DestroySandbox", &q.base));
	assert_ok(process_wait(&agent, 30 * 1000, &status));
	assert_int_equal(status, 0); /* a leak or an overrun in the agent is a failure here */
	(void)snprintf(path, sizeof(path), "%s/sandbox-ns", run_dir);
	assert_false(file_exists(path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sandbox),
		cmocka_unit_test(test_behaviours),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_shared_pids),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_kill_all),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_unavailable),
		cmocka_unit_test(test_much_output),
		cmocka_unit_test(test_big_argv),
		cmocka_unit_test(test_destroy),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
