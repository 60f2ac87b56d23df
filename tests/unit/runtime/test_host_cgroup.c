/* Control groups of this host, where they can be made; paths and lists anywhere. */
#include "util.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include <base/file.h>
#include <base/process.h>
#include <runtime/host_cgroup.h>
#include <runtime/host_pin.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static void test_paths(void **state)
{
	(void)state;
	static const struct {
		const char *path, *want; /* NULL: refused */
	} cases[] = {
		{ NULL, "sealpod/p1" },
		{ "", "sealpod/p1" },
		{ "/kubepods/burstable/pod7/abc", "kubepods/burstable/pod7/abc" },
		{ "kubepods/pod7", "kubepods/pod7" },
		{ "//kubepods/pod7", "kubepods/pod7" },
		{ "system.slice:docker:abc", "system.slice/docker-abc.scope" },
		{ ":docker:abc", "system.slice/docker-abc.scope" },
		{ "-.slice:docker:abc", "docker-abc.scope" },
		{ "kubepods-besteffort-pod1_2.slice:cri-containerd:abc",
			"kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1_2.slice/"
			"cri-containerd-abc.scope" },
		{ "user.slice::abc.slice", "user.slice/abc.slice" },
		{ "user.slice::abc", "user.slice/abc.scope" },
		{ "/a:b:c", "a:b:c" },
		{ "/", NULL },
		{ "/..", NULL },
		{ "/a/../b", NULL },
		{ "a/./b", NULL },
		{ "/a//b", NULL },
		{ "/a/", NULL },
		{ "/a\nb", NULL },
		{ "user:docker:abc", NULL },
		{ "a--b.slice:docker:abc", NULL },
		{ "-a.slice:docker:abc", NULL },
		{ "../a.slice:docker:abc", NULL },
		{ "a.slice:docker:", NULL },
		{ "a.slice:docker:../../x", NULL },
		{ "a.slice:../..:x", NULL },
		{ "a.slice:b:c:d", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct host_cgroup_spec spec = { .path = cases[i].path, .id = "p1" };
		AUTO(auto_free) char *path = NULL;
		struct err e = host_cgroup_path(&spec, &path);

		if (!cases[i].want && !failed(e))
			fail_msg("accepted %s as %s", cases[i].path, path);
		if (!cases[i].want)
			continue;
		assert_ok(e);
		assert_string_equal(path, cases[i].want);
	}
}

static void test_lists(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want; /* NULL: refused */
		size_t n;
	} cases[] = {
		{ "", "", 0 },
		{ "0", "0", 1 },
		{ "0-3", "0-3", 4 },
		{ "3,1,2,0", "0-3", 4 },
		{ "0-3,8,10-11", "0-3,8,10-11", 7 },
		{ "1023", "1023", 1 },
		{ "0-1023", "0-1023", 1024 },
		{ "5-5", "5", 1 },
		{ "1024", NULL, 0 },
		{ "99999999999999999999", NULL, 0 },
		{ "3-1", NULL, 0 },
		{ "0,", NULL, 0 },
		{ ",0", NULL, 0 },
		{ "0-", NULL, 0 },
		{ "-1", NULL, 0 },
		{ "0 1", NULL, 0 },
		{ "a", NULL, 0 },
		{ "0-3:1/2", NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(8192);
		struct cpu_list l = { 0 };
		struct err e = cpu_list_parse(cases[i].text, "cpus", &l);

		if (failed(e) == (cases[i].want != NULL))
			fail_msg("\"%s\"", cases[i].text);
		if (!cases[i].want)
			continue;
		cpu_list_print(&l, &out);
		assert_string_equal(buf_cstr(&out), cases[i].want);
		assert_int_equal(cpu_list_count(&l), cases[i].n);
	}
	struct cpu_list a, b;
	assert_ok(cpu_list_parse("0-1", "cpus", &a));
	assert_ok(cpu_list_parse("1,5", "cpus", &b));
	cpu_list_add(&a, &b);
	assert_int_equal(cpu_list_count(&a), 3);
	assert_true(cpu_list_has(&a, 5));
	assert_false(cpu_list_has(&a, CPU_LIST_MAX));
}

/* ---- on this host ---- */

struct place {
	char path[64], id[32];
	struct host_cgroup_spec spec;
};

static void make_place(struct place *p, const char *root, bool only)
{
	static unsigned number;

	(void)snprintf(p->path, sizeof(p->path), "/sealpod-test-%d/pod/%u", getpid(), number++);
	(void)snprintf(p->id, sizeof(p->id), "test-%d", getpid());
	p->spec = (struct host_cgroup_spec){
		.path = p->path, .id = p->id, .only = only, .root = root
	};
}

static struct host_cgroup *need(const struct place *p)
{
	struct host_cgroup *g = NULL;

	if (getuid() != 0 || failed(host_cgroup_new(&p->spec, &g))) {
		print_message("no control groups for us here: %s\n", err_text());
		skip();
	}
	return g;
}

static bool is_in(pid_t pid, const char *path)
{
	AUTO(buf_done) struct buf text = BUF_INIT(65536);
	char name[64];

	(void)snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)pid);
	assert_ok(file_read(name, &text));
	return strstr(buf_cstr(&text), path) != NULL;
}

static struct process sleeper(void)
{
	static const char *const argv[] = { "sleep", "100", NULL };
	struct process_spec spec = PROCESS_SPEC(argv);
	struct process p = PROCESS_NONE;

	assert_ok(process_start(&spec, &p));
	return p;
}

static bool exists(const char *root, const char *controller, const char *path)
{
	char full[256];

	(void)snprintf(full, sizeof(full), "%s/%s%s", root, controller, path);
	return file_exists(full);
}

static void check_root(const char *root, const char *controller)
{
	struct place p;
	make_place(&p, root, true);
	AUTO(host_cgroup_freep) struct host_cgroup *g = need(&p);
	AUTO(process_end) struct process child = sleeper();
	struct host_cgroup_usage usage = { 0 };

	assert_true(exists(root, controller, p.path));
	assert_ok(host_cgroup_enter(g, child.pid));
	assert_true(is_in(child.pid, p.path));
	assert_ok(host_cgroup_enter_vm(g, child.pid));
	assert_ok(host_cgroup_usage(&p.spec, &usage));
	host_cgroup_clean(&p.spec); /* somebody lives there: it stays */
	assert_true(exists(root, controller, p.path));
	process_end(&child);
	child = PROCESS_NONE;
	host_cgroup_freep(&g);
	assert_false(exists(root, controller, p.path));
	/* Parents that were made for it go too. */
	*strrchr(p.path, '/') = '\0';
	assert_false(exists(root, controller, p.path));
}

static void test_enter(void **state)
{
	(void)state;
	check_root(HOST_CGROUP_ROOT,
		file_exists(HOST_CGROUP_ROOT "/cgroup.controllers") ? "" : "memory");
}

static void test_version_2(void **state)
{
	(void)state;
	if (!file_exists(HOST_CGROUP_ROOT "/unified/cgroup.controllers"))
		skip();
	check_root(HOST_CGROUP_ROOT "/unified", "");
}

/* ---- what files say, below a root of our own ---- */

struct said {
	const char *path, *text;
};

static void put_files(const char *root, const struct said *files, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		AUTO(auto_free) char *path = NULL;

		assert_ok(path_join(root, files[i].path, &path));
		char *slash = strrchr(path, '/');
		*slash = '\0';
		assert_ok(dir_make(path, 0700));
		*slash = '/';
		assert_ok(file_write_atomic(path, bytes_str(files[i].text), 0600));
	}
}

static void check_usage(const char *name, const struct said *files, size_t n)
{
	AUTO(auto_free) char *root = NULL;
	struct host_cgroup_usage u = { 0 };
	struct host_cgroup_spec spec = { .path = "/a/b", .id = "x" };

	assert_ok(path_join(test_dir(), name, &root));
	put_files(root, files, n);
	spec.root = root;
	assert_ok(host_cgroup_usage(&spec, &u));
	assert_int_equal(u.cpu_ns, 7000);
	assert_int_equal(u.memory_bytes, 4096 + 100);
	assert_int_equal(u.processes, 5);
	assert_int_equal(u.read_bytes, 11);
	assert_int_equal(u.write_bytes, 22);
	spec.path = "/a/c";
	spec.id = "y";
	assert_err(host_cgroup_usage(&spec, &u), ERR_NOT_FOUND);
}

static void test_usage(void **state)
{
	static const struct said v2[] = {
		{ "cgroup.controllers", "cpu io memory pids\n" },
		{ "a/b/cpu.stat", "nr_x 3\nusage_usec 4\nuser_usec 1\nsystem_usec 3\n" },
		{ "sealpod-overhead/x/cpu.stat", "usage_usec 3\n" },
		{ "a/b/memory.current", "4096\n" },
		{ "sealpod-overhead/x/memory.current", "100\n" },
		{ "a/b/pids.current", "5\n" },
		{ "a/b/io.stat", "8:0 rbytes=1 wbytes=2 rios=9 wios=9 dbytes=0 dios=0\n"
				 "253:1 rbytes=10 wbytes=20 rios=9 wios=9 dbytes=0 dios=0\n" },
	};
	static const struct said v1[] = {
		{ "cpuacct/cgroup.procs", "" },
		{ "cpuacct/a/b/cpuacct.usage", "7000\n" },
		{ "memory/cgroup.procs", "" },
		{ "memory/a/b/memory.usage_in_bytes", "4196\n" },
		{ "pids/cgroup.procs", "" },
		{ "pids/a/b/pids.current", "2\n" },
		{ "pids/sealpod-overhead/x/pids.current", "3\n" },
		{ "blkio/cgroup.procs", "" },
		{ "blkio/a/b/blkio.throttle.io_service_bytes",
			"8:0 Read 1\n8:0 Write 2\n8:0 Sync 0\n8:0 Total 3\n"
			"253:1 Read 10\n253:1 Write 20\n253:1 Total 30\nTotal 33\n" },
		/* Beside version 1 it has no controllers. */
		{ "unified/cgroup.procs", "" },
		{ "unified/cgroup.controllers", "" },
		{ "unified/a/b/pids.current", "99\n" },
	};

	(void)state;
	check_usage("v2", v2, ARRAY_LEN(v2));
	check_usage("v1", v1, ARRAY_LEN(v1));
}

static void test_overhead(void **state)
{
	(void)state;
	struct place p;
	make_place(&p, NULL, false);
	AUTO(host_cgroup_freep) struct host_cgroup *g = need(&p);
	AUTO(process_end) struct process qemu = sleeper(), helper = sleeper();
	struct host_cgroup_usage usage = { 0 };

	assert_ok(host_cgroup_enter(g, qemu.pid));
	assert_ok(host_cgroup_enter(g, helper.pid));
	assert_true(is_in(qemu.pid, "/sealpod-overhead/test-"));
	assert_ok(host_cgroup_enter_vm(g, qemu.pid));
	assert_true(is_in(qemu.pid, p.path));
	assert_true(is_in(helper.pid, "/sealpod-overhead/test-"));
	assert_ok(host_cgroup_usage(&p.spec, &usage));
	assert_int_equal(usage.processes, 2);
}

static void test_cpus(void **state)
{
	(void)state;
	struct place p;
	make_place(&p, NULL, true);
	AUTO(host_cgroup_freep) struct host_cgroup *g = need(&p);
	struct cpu_list cpus, none = { 0 }, far;
	char path[256];
	AUTO(buf_done) struct buf text = BUF_INIT(4096);

	(void)snprintf(path, sizeof(path), HOST_CGROUP_ROOT "/cpuset%s/cpuset.cpus", p.path);
	assert_ok(cpu_list_parse("0", "cpus", &cpus));
	assert_ok(host_cgroup_set_cpus(g, &cpus, &none));
	if (!file_exists(path))
		skip();
	assert_ok(file_read(path, &text));
	assert_string_equal(buf_cstr(&text), "0\n");
	assert_ok(cpu_list_parse("1000", "cpus", &far));
	assert_err(host_cgroup_set_cpus(g, &far, &none), ERR_SYS);
	assert_err_text("cpuset.cpus of the pod");
}

/* A shim goes in itself and must come out again, else its group could not be removed. */
static void test_itself(void **state)
{
	(void)state;
	struct place p;
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct host_cgroup *g = NULL;

		make_place(&p, NULL, true);
		if (getuid() != 0 || failed(host_cgroup_new(&p.spec, &g)))
			_exit(77);
		if (failed(host_cgroup_enter(g, 0)) || !is_in(getpid(), p.path))
			_exit(1);
		host_cgroup_freep(&g);
		_exit(is_in(getpid(), "sealpod-test") || exists(HOST_CGROUP_ROOT, "memory", p.path)
				? 2
				: 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

static void test_killed(void **state)
{
	(void)state;
	struct place p;
	int status = -1;

	make_place(&p, NULL, false);
	struct host_cgroup *g = need(&p);
	host_cgroup_freep(&g);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (!failed(host_cgroup_new(&p.spec, &g)) && !failed(host_cgroup_enter(g, 0)))
			(void)raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	const char *controller =
		file_exists(HOST_CGROUP_ROOT "/cgroup.controllers") ? "" : "memory";
	assert_true(exists(HOST_CGROUP_ROOT, controller, p.path));
	host_cgroup_clean(&p.spec);
	assert_false(exists(HOST_CGROUP_ROOT, controller, p.path));
	host_cgroup_clean(&p.spec);
	/* Only what is surely ours: the parents may be the engine's. */
	g = need(&p);
	host_cgroup_freep(&g);
	(void)snprintf(p.path, sizeof(p.path), "/sealpod-test-%d", getpid());
	for (const char *at = "/pod"; at; at = at[0] ? "" : NULL) {
		char path[128];
		const struct host_cgroup_spec parent = { .path = path, .id = "none" };

		(void)snprintf(path, sizeof(path), "%s%s", p.path, at);
		host_cgroup_clean(&parent);
	}
}

/* Two pods may be put into one group, one of them a step lower: the first leaves it there. */
static void test_shared(void **state)
{
	(void)state;
	struct place p, lower;
	make_place(&p, NULL, true);
	make_place(&lower, NULL, true);
	(void)snprintf(lower.path, sizeof(lower.path), "%.48s/lower", p.path);
	AUTO(host_cgroup_freep) struct host_cgroup *g = need(&p);
	AUTO(host_cgroup_freep) struct host_cgroup *below = need(&lower);
	const char *controller =
		file_exists(HOST_CGROUP_ROOT "/cgroup.controllers") ? "" : "memory";

	host_cgroup_clean(&p.spec);
	assert_true(exists(HOST_CGROUP_ROOT, controller, lower.path));
	host_cgroup_freep(&below);
	host_cgroup_clean(&p.spec);
	assert_false(exists(HOST_CGROUP_ROOT, controller, p.path));
}

static void test_no_hierarchy(void **state)
{
	(void)state;
	const struct host_cgroup_spec nothing = { .id = "p1", .root = test_dir() };
	const struct host_cgroup_spec nowhere = { .id = "p1", .root = "/nowhere" };
	const struct host_cgroup_spec bad = { .path = "/..", .id = "p1" };
	struct host_cgroup *g = NULL;

	assert_err(host_cgroup_new(&nothing, &g), ERR_UNSUPPORTED);
	assert_err(host_cgroup_new(&nowhere, &g), ERR_SYS);
	assert_err(host_cgroup_new(&bad, &g), ERR_FORMAT);
	assert_null(g);
	host_cgroup_freep(&g);
}

static void test_pin(void **state)
{
	(void)state;
	struct cpu_list cpus, none = { 0 };
	size_t pinned = 9;
	cpu_set_t set;
	int ready[2];
	char c = 0;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, "CPU 0/TCG");
		(void)!write(ready[1], "x", 1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_ok(cpu_list_parse("0", "cpus", &cpus));
	assert_ok(host_pin_vcpus(pid, 1, &none, &pinned));
	assert_int_equal(pinned, 0);
	assert_ok(host_pin_vcpus(pid, 1, &cpus, &pinned));
	assert_int_equal(pinned, 1);
	assert_int_equal(sched_getaffinity(pid, sizeof(set), &set), 0);
	assert_int_equal(CPU_COUNT(&set), 1);
	assert_true(CPU_ISSET(0, &set));
	assert_ok(host_pin_vcpus(pid, 3, &cpus, &pinned));
	assert_int_equal(pinned, 1);
	assert_ok(host_pin_vcpus(getpid(), 1, &cpus, &pinned)); /* no machine */
	assert_int_equal(pinned, 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_err(host_pin_vcpus(pid, 1, &cpus, &pinned), ERR_SYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_enter),
		cmocka_unit_test(test_version_2),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_overhead),
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_itself),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_no_hierarchy),
		cmocka_unit_test(test_pin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
