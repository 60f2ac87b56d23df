/*
 * The open world in a real guest, for what a plain host cannot show: limits, OOM, statistics,
 * devices, system controls, files without a shared file system. SEALPOD_TEST_AGENT is the address
 * of its agent (tests/e2e/agent.sh starts one); without it everything is skipped.
 */
#include "calls.h"
#include "request.h"
#include "util.h"

#include <signal.h>

#include <base/file.h>
#include <net/pb.h>
#include <net/transport.h>
#include <sys/stat.h>

#define SHARED "/run/kata-containers/shared/containers"
#define ROOTFS SHARED "/test/rootfs"

static struct loop *loop;

/* ---- files ---- */

static void copy(const char *path, uint32_t mode, struct bytes data)
{
	Agent__CopyFileRequest q = AGENT__COPY_FILE_REQUEST__INIT;

	q.path = text(path);
	q.file_mode = mode;
	q.dir_mode = 0755;
	q.file_size = (int64_t)data.n;
	q.data.data = (uint8_t *)(uintptr_t)data.p;
	q.data.len = data.n;
	assert_ok(call("CopyFile", &q.base));
}

static void copy_rootfs(void)
{
	static const char *const dirs[] = { "proc", "dev", "sys", "tmp", "etc" };
	static const char *const words[] = { "sh", "cat", "echo", "sleep", "tail", "stat", "head",
		"mkdir", "grep", "wc", "id", "seq", "true", "mknod" };
	AUTO(buf_done) struct buf busybox = BUF_INIT(4 * 1000 * 1000);
	char path[256];

	assert_ok(file_read("/bin/busybox", &busybox));
	copy(ROOTFS "/bin/busybox", S_IFREG | 0755, buf_bytes(&busybox));
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		(void)snprintf(path, sizeof(path), ROOTFS "/%s", dirs[i]);
		copy(path, S_IFDIR | 0755, BYTES_NONE);
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		(void)snprintf(path, sizeof(path), ROOTFS "/bin/%s", words[i]);
		copy(path, S_IFLNK | 0777, bytes_str("busybox"));
	}
}

static int setup(void **state)
{
	const char *address = getenv("SEALPOD_TEST_AGENT");
	Agent__CreateSandboxRequest q = AGENT__CREATE_SANDBOX_REQUEST__INIT;
	int fd = -1;

	(void)state;
	if (!address || access("/bin/busybox", R_OK) != 0)
		return 0;
	assert_ok(loop_new(&loop));
	assert_ok(transport_connect(address, 60 * 1000, &fd));
	assert_ok(ttrpc_client_new(loop, fd, &calls_client));
	q.hostname = text("guest");
	assert_ok(call("CreateSandbox", &q.base));
	copy_rootfs();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ttrpc_client_freep(&calls_client);
	loop_freep(&loop);
	return 0;
}

static void need_world(void)
{
	if (!calls_client)
		skip();
}

static void run(struct request *r)
{
	assert_ok(call("CreateContainer", &r->q.base));
	assert_ok(start(r->q.container_id));
}

static void expect_output(struct request *r, const char *output)
{
	const char *id = r->q.container_id;

	run(r);
	assert_string_equal(read_all("ReadStdout", id, ""), output);
	assert_int_equal(wait_process(id, ""), 0);
	assert_ok(remove_container(id));
}

/* ---- limits ---- */

struct limits {
	Oci__LinuxResources all;
	Oci__LinuxMemory memory;
	Oci__LinuxCPU cpu;
	Oci__LinuxPids pids;
};

static void limits_init(struct limits *l)
{
	oci__linux_resources__init(&l->all);
	oci__linux_memory__init(&l->memory);
	oci__linux_cpu__init(&l->cpu);
	oci__linux_pids__init(&l->pids);
	l->all.memory = &l->memory;
	l->all.cpu = &l->cpu;
	l->all.pids = &l->pids;
	l->memory.limit = 32 * 1024 * 1024;
	l->cpu.quota = 50000;
	l->cpu.period = 100000;
	l->pids.limit = 77;
}

static void test_limits(void **state)
{
	(void)state;
	need_world();
	struct request r = { 0 };
	struct limits l;
	Agent__UpdateContainerRequest u = AGENT__UPDATE_CONTAINER_REQUEST__INIT;

	limits_init(&l);
	request_init(&r, ROOTFS, "l", "sleep 1000");
	r.linux_.resources = &l.all;
	mount_at(&r, "cgroup", "cgroup", "/sys/fs/cgroup");
	run(&r);
	assert_ok(exec_sh("l", "1", "cd /sys/fs/cgroup; cat memory.max cpu.max pids.max"));
	assert_string_equal(read_all("ReadStdout", "l", "1"), "33554432\n50000 100000\n77\n");
	l.memory.limit = 64 * 1024 * 1024;
	u.container_id = text("l");
	u.resources = &l.all;
	assert_ok(call("UpdateContainer", &u.base));
	assert_ok(exec_sh("l", "2", "cat /sys/fs/cgroup/memory.max"));
	assert_string_equal(read_all("ReadStdout", "l", "2"), "67108864\n");
	assert_ok(remove_container("l"));
}

static void test_oom(void **state)
{
	(void)state;
	need_world();
	struct request r = { 0 };
	struct limits l;
	Agent__GetOOMEventRequest q = AGENT__GET_OOMEVENT_REQUEST__INIT;
	AUTO(pb_free_any) Agent__OOMEvent *event = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(1024);

	limits_init(&l);
	request_init(&r, ROOTFS, "oom", "tail /dev/zero; exit 3");
	r.args[2] = text("exec tail /dev/zero");
	r.linux_.resources = &l.all;
	run(&r);
	assert_int_equal(wait_process("oom", ""), 137);
	assert_ok(call_raw("grpc.AgentService", "GetOOMEvent", &q.base, &out));
	assert_ok(PB_UNPACK(agent__oomevent, buf_bytes(&out), &event));
	assert_string_equal(event->container_id, "oom");
	assert_ok(remove_container("oom"));
}

static void test_stats(void **state)
{
	(void)state;
	need_world();
	struct request r = { 0 };
	struct limits l;
	Agent__StatsContainerRequest q = AGENT__STATS_CONTAINER_REQUEST__INIT;
	AUTO(pb_free_any) Agent__StatsContainerResponse *s = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);

	limits_init(&l);
	request_init(&r, ROOTFS, "s", "seq 100000 | wc -l; sleep 1000");
	r.linux_.resources = &l.all;
	run(&r);
	AUTO(buf_done) struct buf seen = BUF_INIT(64 * 1024);

	assert_true(read_some("ReadStdout", "s", "", &seen) > 0);
	q.container_id = text("s");
	assert_ok(call_raw("grpc.AgentService", "StatsContainer", &q.base, &out));
	assert_ok(PB_UNPACK(agent__stats_container_response, buf_bytes(&out), &s));
	assert_true(s->cgroup_stats->cpu_stats->cpu_usage->total_usage > 0);
	assert_true(s->cgroup_stats->memory_stats->usage->usage > 0);
	assert_int_equal(s->cgroup_stats->memory_stats->usage->limit, 32 * 1024 * 1024);
	assert_true(s->cgroup_stats->memory_stats->n_stats > 10);
	assert_int_equal(s->cgroup_stats->pids_stats->limit, 77);
	assert_true(s->cgroup_stats->pids_stats->current >= 1);
	assert_ok(remove_container("s"));
}

static void test_pause(void **state)
{
	(void)state;
	need_world();
	struct request r = { 0 };
	Agent__PauseContainerRequest q = AGENT__PAUSE_CONTAINER_REQUEST__INIT;

	request_init(&r, ROOTFS, "p", "sleep 1000");
	mount_at(&r, "cgroup", "cgroup", "/sys/fs/cgroup");
	run(&r);
	q.container_id = text("p");
	assert_ok(call("PauseContainer", &q.base));
	assert_err(exec_sh("p", "1", "true"), ERR_STATE);
	assert_ok(call("ResumeContainer", &q.base));
	assert_ok(exec_sh("p", "2", "grep frozen /sys/fs/cgroup/cgroup.events"));
	assert_string_equal(read_all("ReadStdout", "p", "2"), "frozen 0\n");
	assert_ok(call("PauseContainer", &q.base));
	assert_ok(send_signal("p", "", SIGKILL)); /* also when it is paused */
	assert_int_equal(wait_process("p", ""), 137);
	assert_ok(remove_container("p"));
}

/* A guest of two processors. What the machine does not have is no failure. */
static void test_sets_and_disks(void **state)
{
	(void)state;
	need_world();
	struct request r = { 0 };
	Oci__LinuxResources all = OCI__LINUX_RESOURCES__INIT;
	Oci__LinuxCPU cpu = OCI__LINUX_CPU__INIT;
	Oci__LinuxBlockIO io = OCI__LINUX_BLOCK_IO__INIT;
	Oci__LinuxThrottleDevice t = OCI__LINUX_THROTTLE_DEVICE__INIT, *throttles[] = { &t };
	Oci__LinuxHugepageLimit h = OCI__LINUX_HUGEPAGE_LIMIT__INIT, *pages[] = { &h };
	Agent__UpdateContainerRequest u = AGENT__UPDATE_CONTAINER_REQUEST__INIT;

	all.cpu = &cpu;
	cpu.cpus = text("1");
	cpu.mems = text("0");
	all.blockio = &io;
	io.weight = 500;
	io.throttlereadbpsdevice = throttles; /* of a disk that only the host has */
	io.n_throttlereadbpsdevice = 1;
	t.major = 8;
	t.rate = 1;
	all.hugepagelimits = pages;
	all.n_hugepagelimits = 1;
	h.pagesize = text("16GB");
	request_init(&r, ROOTFS, "s", "sleep 1000");
	r.linux_.resources = &all;
	mount_at(&r, "cgroup", "cgroup", "/sys/fs/cgroup");
	run(&r);
	assert_ok(exec_sh("s", "1", "cd /sys/fs/cgroup; cat cpuset.cpus.effective cpuset.mems"));
	assert_string_equal(read_all("ReadStdout", "s", "1"), "1\n0\n");
	assert_ok(exec_sh("s", "2",
		"cd /sys/fs/cgroup; if [ -f io.bfq.weight ]; then grep -c 500 io.bfq.weight; "
		"else grep -vc 'default 100' io.weight; fi"));
	assert_string_equal(read_all("ReadStdout", "s", "2"), "1\n");
	cpu.cpus = text("0-1");
	u.container_id = text("s");
	u.resources = &all;
	assert_ok(call("UpdateContainer", &u.base));
	cpu.cpus = text("0-63"); /* the host's */
	assert_ok(call("UpdateContainer", &u.base));
	assert_ok(exec_sh("s", "3", "cat /sys/fs/cgroup/cpuset.cpus"));
	assert_string_equal(read_all("ReadStdout", "s", "3"), "0-1\n");
	assert_ok(remove_container("s"));
}

/* ---- what only the guest knows ---- */

/* What the rules deny cannot be opened, not even by a node that root made itself. */
static void test_device_rules(void **state)
{
	(void)state;
	need_world();
	static const struct {
		const char *type, *access;
		int64_t major, minor;
		const char *command, *output;
	} rows[] = {
		{ NULL, NULL, 0, 0,
			"mknod /dev/k c 1 11; head -c 9999 /dev/k 2>&1 | grep -o 'not permitted'; "
			"echo x >/dev/null && echo null",
			"not permitted\nnull\n" },
		{ "c", "r", 1, 11,
			"mknod /dev/k c 1 11; head -c 9999 /dev/k | head -c 1 | wc -c; "
			"(: >/dev/k) 2>&1 | grep -o 'not permitted'",
			"1\nnot permitted\n" },
		{ "c", "w", 1, -1,
			"mknod /dev/k c 1 11; (: >/dev/k) && echo open; "
			"head -c 9999 /dev/k 2>&1 | grep -o 'not permitted'",
			"open\nnot permitted\n" },
		{ "a", "rwm", -1, -1, "mknod /dev/k c 1 11; (: >/dev/k) && echo open", "open\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct request r = { 0 };
		Oci__LinuxResources all = OCI__LINUX_RESOURCES__INIT;
		Oci__LinuxDeviceCgroup rule = OCI__LINUX_DEVICE_CGROUP__INIT, *rules[] = { &rule };

		request_init(&r, ROOTFS, "v", rows[i].command);
		r.strings[0] = text("CAP_MKNOD");
		r.strings[1] = text("CAP_SYSLOG");
		r.caps.bounding = r.caps.effective = r.caps.permitted = r.strings;
		r.caps.n_bounding = r.caps.n_effective = r.caps.n_permitted = 2;
		r.process.capabilities = &r.caps;
		rule.allow = true;
		rule.type = text(rows[i].type ? rows[i].type : "");
		rule.access = text(rows[i].access ? rows[i].access : "");
		rule.major = rows[i].major;
		rule.minor = rows[i].minor;
		all.devices = rules;
		all.n_devices = rows[i].type != NULL;
		r.linux_.resources = &all;
		expect_output(&r, rows[i].output);
	}
}

static void test_device(void **state)
{
	(void)state;
	need_world();
	struct request r = { 0 };
	Oci__LinuxDevice d = OCI__LINUX_DEVICE__INIT;
	Oci__LinuxDevice *list[] = { &d };

	request_init(&r, ROOTFS, "d", "stat -c %t:%T /dev/kmsg; head -c 1 /dev/kmsg | wc -c");
	d.path = text("/dev/kmsg");
	d.type = text("c");
	d.major = 99; /* the host's */
	d.minor = 99;
	d.filemode = 0600;
	r.linux_.devices = list;
	r.linux_.n_devices = 1;
	expect_output(&r, "1:b\n0\n"); /* kmsg takes no reads that are too short, but opens */
}

static void test_sysctls(void **state)
{
	(void)state;
	need_world();
	struct request r = { 0 };
	Oci__Linux__SysctlEntry e[2];
	Oci__Linux__SysctlEntry *list[] = { &e[0], &e[1] };

	request_init(&r, ROOTFS, "sc",
		"cat /proc/sys/kernel/shmmni /proc/sys/net/core/somaxconn; cat /etc/absent 2>&1");
	r.args[2] = text("cat /proc/sys/kernel/shmmni /proc/sys/net/core/somaxconn");
	for (size_t i = 0; i < 2; i++)
		oci__linux__sysctl_entry__init(&e[i]);
	e[0].key = text("kernel.shmmni");
	e[0].value = text("1234");
	e[1].key = text("net.core.somaxconn");
	e[1].value = text("321");
	r.linux_.sysctl = list;
	r.linux_.n_sysctl = 2;
	expect_output(&r, "1234\n321\n");
	e[0].key = text("kernel/../../../etc/passwd");
	assert_err(call("CreateContainer", &r.q.base), ERR_FORMAT);
}

static void test_seccomp(void **state)
{
	(void)state;
	need_world();
	struct request r = { 0 };
	Oci__LinuxSeccomp s = OCI__LINUX_SECCOMP__INIT;
	Oci__LinuxSyscall c = OCI__LINUX_SYSCALL__INIT;
	Oci__LinuxSyscall *list[] = { &c };
	char *names[] = { text("mkdir"), text("mkdirat") };

	request_init(&r, ROOTFS, "sec", "mkdir /tmp/x 2>/dev/null; echo $?");
	s.defaultaction = text("SCMP_ACT_ALLOW");
	s.syscalls = list;
	s.n_syscalls = 1;
	c.names = names;
	c.n_names = 2;
	c.action = text("SCMP_ACT_ERRNO");
	c.errno_set_case = OCI__LINUX_SYSCALL__ERRNO_SET_ERRNORET;
	c.errnoret = 1;
	r.linux_.seccomp = &s;
	expect_output(&r, "1\n");
}

static void test_termination_log(void **state)
{
	(void)state;
	need_world();
	struct request r = { 0 };
	Agent__GetDiagnosticDataRequest q = AGENT__GET_DIAGNOSTIC_DATA_REQUEST__INIT;
	AUTO(pb_free_any) Agent__GetDiagnosticDataResponse *answer = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(64 * 1024);
	char *options[] = { text("bind"), text("rw") };

	copy(SHARED "/t-0123456789abcdef-termination-log", S_IFREG | 0666, BYTES_NONE);
	request_init(&r, ROOTFS, "t", "echo -n 'it w\xc3\xa4s me' > /dev/termination-log");
	mount_at(&r, "bind", SHARED "/t-0123456789abcdef-termination-log", "/dev/termination-log");
	r.mounts[2].options = options;
	r.mounts[2].n_options = 2;
	run(&r);
	assert_int_equal(wait_process("t", ""), 0);
	q.container_id = text("t");
	q.log_type = text("termination_log");
	assert_ok(call_raw("grpc.AgentService", "GetDiagnosticData", &q.base, &out));
	assert_ok(PB_UNPACK(agent__get_diagnostic_data_response, buf_bytes(&out), &answer));
	assert_string_equal(answer->data, "it w\xc3\xa4s me");
	assert_ok(remove_container("t"));
}

static void test_kill_all(void **state)
{
	(void)state;
	need_world();
	struct request r = { 0 };

	request_init(&r, ROOTFS, "k", "sleep 1000");
	r.q.sandbox_pidns = true;
	run(&r);
	assert_ok(exec_sh("k", "other", "sleep 1000"));
	assert_ok(send_signal("k", "", SIGKILL));
	assert_int_equal(wait_process("k", ""), 137);
	assert_int_equal(wait_process("k", "other"), 137);
	assert_ok(remove_container("k"));
}

static void test_details(void **state)
{
	(void)state;
	need_world();
	Agent__GuestDetailsRequest q = AGENT__GUEST_DETAILS_REQUEST__INIT;
	AUTO(pb_free_any) Agent__GuestDetailsResponse *r = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(64 * 1024);

	assert_ok(call_raw("grpc.AgentService", "GetGuestDetails", &q.base, &out));
	assert_ok(PB_UNPACK(agent__guest_details_response, buf_bytes(&out), &r));
	assert_true(r->agent_details->init_daemon);
	assert_true(r->agent_details->n_storage_handlers > 2);
	assert_int_equal(r->support_mem_hotplug_probe, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_oom),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_sets_and_disks),
		cmocka_unit_test(test_device_rules),
		cmocka_unit_test(test_device),
		cmocka_unit_test(test_sysctls),
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_termination_log),
		cmocka_unit_test(test_kill_all),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
