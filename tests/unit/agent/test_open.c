#include "open.h"
#include "requests.h"
#include "util.h"

#include <fcntl.h>
#include <sched.h>

#include <base/file.h>
#include <measured-boot/cmdline.h>

/* ---- which world ---- */

static void test_word(void **state)
{
	(void)state;
	static const struct {
		const char *cmdline;
		bool found;
	} cases[] = {
		{ LINUX_CMDLINE_OPEN "\n", true },
		{ LINUX_CMDLINE_DEFAULT "\n", false },
		{ LINUX_CMDLINE_DEBUG, false },
		{ LINUX_CMDLINE_OPEN_WORD, true },
		{ "\t" LINUX_CMDLINE_OPEN_WORD "\n", true },
		{ "a " LINUX_CMDLINE_OPEN_WORD " b", true },
		{ "x" LINUX_CMDLINE_OPEN_WORD, false },
		{ LINUX_CMDLINE_OPEN_WORD "x", false },
		{ LINUX_CMDLINE_OPEN_WORD ",y", false },
		{ "x=" LINUX_CMDLINE_OPEN_WORD, false },
		{ "sealpod.manifest= none", false },
		{ "", false },
		{ " ", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(open_word_in(bytes_str(cases[i].cmdline), LINUX_CMDLINE_OPEN_WORD),
			cases[i].found);
	assert_false(open_word_in(bytes_str("a  b"), ""));
}

static struct agent closed_agent(void)
{
	struct agent a = { 0 };

	err_save(err_deny(ERR_DENIED, "manifest.missing", "initdata", "a pod manifest", "none"),
		&a.manifest_error);
	return a;
}

static void test_decision(void **state)
{
	(void)state;
	struct agent a = closed_agent();

	open_decide(&a, bytes_str(LINUX_CMDLINE_DEFAULT), "none");
	assert_false(a.open_world);
	open_decide(&a, bytes_str(LINUX_CMDLINE_OPEN), "vtpm");
	assert_false(a.open_world);
	open_decide(&a, bytes_str(LINUX_CMDLINE_OPEN), "snp");
	assert_false(a.open_world);
	a.has_manifest = true;
	open_decide(&a, bytes_str(LINUX_CMDLINE_OPEN), "none");
	assert_false(a.open_world);
	/* One that was given but is wrong closes the world too. */
	a = closed_agent();
	err_save(err_deny(ERR_DENIED, "manifest.invalid", "pod-manifest.json", NULL, "x"),
		&a.manifest_error);
	open_decide(&a, bytes_str(LINUX_CMDLINE_OPEN), "none");
	assert_false(a.open_world);
	a = closed_agent();
	open_decide(&a, bytes_str(LINUX_CMDLINE_OPEN), "none");
	assert_true(a.open_world);
}

/* ---- admission ---- */

static void test_admission(void **state)
{
	(void)state;
	struct agent a = { .open_world = true };
	Agent__CreateContainerRequest q = AGENT__CREATE_CONTAINER_REQUEST__INIT;
	Agent__Storage first = AGENT__STORAGE__INIT, second = AGENT__STORAGE__INIT;
	Agent__Storage *storages[] = { &first, &second };
	Oci__Spec spec = OCI__SPEC__INIT;
	Oci__Root root = OCI__ROOT__INIT;
	Oci__Linux linux_ = OCI__LINUX__INIT;
	Oci__LinuxIDMapping mapping = OCI__LINUX_IDMAPPING__INIT;
	Oci__LinuxIDMapping *mappings[] = { &mapping };
	char path[] = "/r", driver[] = "image_guest_pull", source[] = "r/app:1";
	const char *image = NULL;

	q.oci = &spec;
	assert_err(open_admit(&a, &q, &image), ERR_FORMAT);
	spec.root = &root;
	root.path = path + 1;
	assert_err(open_admit(&a, &q, &image), ERR_FORMAT);
	root.path = path;
	assert_ok(open_admit(&a, &q, &image));
	assert_null(image);
	q.storages = storages;
	q.n_storages = 1;
	first.driver = second.driver = driver;
	first.source = second.source = source;
	assert_ok(open_admit(&a, &q, &image));
	assert_string_equal(image, "r/app:1");
	q.n_storages = 2;
	assert_err(open_admit(&a, &q, &image), ERR_FORMAT);
	q.n_storages = 0;
	spec.linux_ = &linux_;
	linux_.uidmappings = mappings;
	linux_.n_uidmappings = 1;
	assert_err(open_admit(&a, &q, &image), ERR_UNSUPPORTED);
	linux_.n_uidmappings = 0;
	q.stdout_port = 1;
	assert_err(open_admit(&a, &q, &image), ERR_UNSUPPORTED);
}

static void test_rootfs_place(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		bool init, fine;
	} cases[] = {
		{ "/run/kata-containers/shared/containers/x/rootfs", true, true },
		{ "/run/kata-containers/x/../../../etc", true, false },
		{ "/run/kata-containers/..", true, false },
		{ "/run/kata-containersx/rootfs", true, false },
		{ "/etc", true, false },
		{ "/", true, false },
		{ "/srv/rootfs", false, true },
		{ "/srv/../etc", false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct agent a = { .set = { .run_dir = "/run", .init = cases[i].init } };
		Agent__CreateContainerRequest q = AGENT__CREATE_CONTAINER_REQUEST__INIT;
		Oci__Spec spec = OCI__SPEC__INIT;
		Oci__Root root = OCI__ROOT__INIT;
		struct container c = { .agent = &a, .request = &q };

		q.oci = &spec;
		spec.root = &root;
		root.path = (char *)(uintptr_t)cases[i].path;
		assert_int_equal(!failed(open_rootfs(&c)), cases[i].fine);
		if (cases[i].fine)
			assert_string_equal(c.rootfs, cases[i].path);
		free(c.rootfs);
	}
}

/* ---- processes ---- */

static void assert_joined(const struct strv *list, const char *want)
{
	AUTO(buf_done) struct buf b = BUF_INIT(4096);

	for (size_t i = 0; i < list->n; i++)
		buf_printf(&b, "%s%s", i > 0 ? "|" : "", list->v[i]);
	assert_string_equal(buf_cstr(&b) ? buf_cstr(&b) : "", want);
}

static const char image_text[] =
	"{\"config\":{\"Entrypoint\":[\"/entry\"],\"Cmd\":[\"run\"],\"Env\":[\"PATH=/i\",\"A=1\"],"
	"\"WorkingDir\":\"/app\",\"User\":\"7:8\"}}";

static void test_plan(void **state)
{
	(void)state;
	AUTO(image_config_done) struct image_config image = { 0 };
	Oci__Process p = OCI__PROCESS__INIT;
	Oci__User u = OCI__USER__INIT;
	char *args[] = { (char *)(uintptr_t) "sh" };
	char *env[] = { (char *)(uintptr_t) "A=2", (char *)(uintptr_t) "A=3",
		(char *)(uintptr_t) "odd" };
	char cwd[] = "/w";
	uint32_t groups[] = { 5, 6 };
	AUTO(auto_close) int dir = open(test_dir(), O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	struct plan_open_sources s = { .rootfs_fd = dir, .process = &p };
	struct plan plan = { 0 };

	assert_err(plan_open(&s, &plan), ERR_FORMAT); /* no command anywhere */
	assert_ok(image_config_parse(bytes_str(image_text), &image));
	s.image = &image;
	assert_ok(plan_open(&s, &plan));
	assert_joined(&plan.argv, "/entry|run");
	assert_joined(&plan.env, "PATH=/i|A=1");
	assert_string_equal(plan.cwd, "/app");
	assert_int_equal(plan.user.uid, 7);
	assert_int_equal(plan.user.gid, 8);
	plan_done(&plan);
	p.args = args;
	p.n_args = 1;
	p.env = env;
	p.n_env = 3;
	p.cwd = cwd;
	p.user = &u;
	u.uid = 9;
	u.additionalgids = groups;
	u.n_additionalgids = 2;
	assert_ok(plan_open(&s, &plan));
	assert_joined(&plan.argv, "sh");
	assert_joined(&plan.env, "PATH=/i|A=2|A=3|odd"); /* as asked, twice as well */
	assert_string_equal(plan.cwd, "/w");
	assert_int_equal(plan.user.uid, 9);
	assert_int_equal(plan.user.n_groups, 2);
	/* A further process inherits where it is silent. */
	Oci__Process x = OCI__PROCESS__INIT;
	struct plan_open_sources more = { .rootfs_fd = -1, .process = &x, .container = &plan };
	struct plan second = { 0 };

	x.args = args;
	x.n_args = 1;
	assert_ok(plan_open(&more, &second));
	assert_joined(&second.env, "PATH=/i|A=2|A=3|odd");
	assert_string_equal(second.cwd, "/w");
	assert_int_equal(second.user.uid, 9);
	assert_int_equal(second.user.groups[1], 6);
	plan_done(&second);
	cwd[0] = 'w';
	x.cwd = cwd;
	assert_err(plan_open(&more, &second), ERR_FORMAT);
	plan_done(&plan);
}

/* ---- config.json ---- */

static const struct json *written(const struct spec_open *o, struct json **ret_root)
{
	AUTO(buf_done) struct buf out = BUF_INIT(1024 * 1024);

	spec_open_write(o, &out);
	assert_ok(buf_end(&out, "config"));
	assert_ok(json_parse(buf_bytes(&out), ret_root));
	return *ret_root;
}

static void assert_pointer(const struct json *j, const char *pointer, const char *want)
{
	const char *s = json_string(json_pointer(j, pointer));

	assert_non_null(s);
	assert_string_equal(s, want);
}

static void assert_i64(const struct json *j, const char *pointer, int64_t want)
{
	int64_t v = -77;

	assert_true(json_i64(json_pointer(j, pointer), &v));
	assert_int_equal(v, want);
}

static void test_config(void **state)
{
	(void)state;
	AUTO(json_freep) struct json *root = NULL;
	char cwd[] = "/", hook_path[] = "/hook", device[] = "/dev/null", type[] = "c";
	struct plan plan = { .cwd = cwd };
	Oci__Spec spec = OCI__SPEC__INIT;
	Oci__Process process = OCI__PROCESS__INIT;
	Oci__Linux linux_ = OCI__LINUX__INIT;
	Oci__LinuxResources limits = OCI__LINUX_RESOURCES__INIT;
	Oci__LinuxPids pids = OCI__LINUX_PIDS__INIT;
	Oci__Hooks hooks = OCI__HOOKS__INIT;
	Oci__Hook hook = OCI__HOOK__INIT;
	Oci__Hook *hook_list[] = { &hook };
	Oci__LinuxDevice d = OCI__LINUX_DEVICE__INIT;
	Oci__LinuxDevice *devices[] = { &d };
	const struct spec_inputs in = { .spec = &spec,
		.plan = &plan,
		.id = "c1",
		.rootfs = "/r",
		.ipc_ns = "/ipc",
		.uts_ns = "/uts",
		.pid_ns = "/pid" };
	const struct agent agent = { .set = { .cgroup_dir = "/sys/fs/cgroup/sealpod" } };
	struct spec_open o = { .agent = &agent, .in = &in, .limits = true };

	spec.process = &process;
	spec.linux_ = &linux_;
	process.oomscoreadj = -5;
	linux_.resources = &limits;
	limits.pids = &pids;
	pids.limit = 9;
	spec.hooks = &hooks;
	hook.path = hook_path;
	hooks.prestart = hooks.startcontainer = hook_list;
	hooks.n_prestart = hooks.n_startcontainer = 1;
	linux_.devices = devices;
	linux_.n_devices = 1;
	d.path = device;
	d.type = type;
	d.major = 200;
	d.minor = 201;
	const struct json *j = written(&o, &root);

	assert_pointer(j, "/root/path", "/r");
	assert_pointer(j, "/linux/cgroupsPath", "/sealpod/c1");
	assert_pointer(j, "/linux/namespaces/0/path", "/pid");
	assert_i64(j, "/process/oomScoreAdj", -5);
	assert_i64(j, "/linux/resources/pids/limit", 9);
	assert_i64(j, "/linux/devices/0/major", 200);
	assert_i64(j, "/linux/resources/devices/1/minor", 201);
	assert_pointer(j, "/hooks/startContainer/0/path", "/hook");
	assert_null(json_pointer(j, "/hooks/prestart"));
	/* Where there are no cgroups, limits are no failure. */
	json_freep(&root);
	root = NULL;
	o.limits = false;
	j = written(&o, &root);
	assert_null(json_pointer(j, "/linux/resources/pids"));
	assert_non_null(json_pointer(j, "/linux/resources/devices"));
}

/* ---- names that become paths ---- */

static void test_sysctl_names(void **state)
{
	(void)state;
	static const struct {
		const char *name, *path; /* NULL: refused */
		int kind;
	} cases[] = {
		{ "kernel.shmmax", "/proc/sys/kernel/shmmax", CLONE_NEWIPC },
		{ "kernel/msgmax", "/proc/sys/kernel/msgmax", CLONE_NEWIPC },
		{ "fs.mqueue.msg_max", "/proc/sys/fs/mqueue/msg_max", CLONE_NEWIPC },
		{ "kernel.domainname", "/proc/sys/kernel/domainname", CLONE_NEWUTS },
		{ "net.core.somaxconn", "/proc/sys/net/core/somaxconn", 0 },
		{ "net/ipv4/conf/eth0.1/forwarding", "/proc/sys/net/ipv4/conf/eth0.1/forwarding",
			0 },
		{ "", NULL, 0 },
		{ "../etc/passwd", NULL, 0 },
		{ "a/../../b", NULL, 0 },
		{ "a//b", NULL, 0 },
		{ "a..b", NULL, 0 },
		{ "a.", NULL, 0 },
		{ "a b", NULL, 0 },
		{ "a\nb", NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(auto_free) char *path = NULL;

		if (!cases[i].path) {
			assert_err(sysctl_path(cases[i].name, &path), ERR_FORMAT);
			continue;
		}
		assert_ok(sysctl_path(cases[i].name, &path));
		assert_string_equal(path, cases[i].path);
		assert_int_equal(sysctl_namespace(path), cases[i].kind);
	}
}

static void test_modules(void **state)
{
	(void)state;
	Agent__KernelModule m = AGENT__KERNEL_MODULE__INIT;
	static const struct {
		const char *name;
		bool fine;
	} cases[] = { { "loop", true }, { "nf-nat", true }, { "x_1", true }, { "", false },
		{ "-r", false }, { "a/b", false }, { "../x", false }, { "a b", false } };
	char parameter[] = "--force";
	char *parameters[] = { parameter };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		m.name = (char *)(uintptr_t)cases[i].name;
		assert_int_equal(!failed(modules_check(&m)), cases[i].fine);
	}
	m.name = (char *)(uintptr_t) "loop";
	m.parameters = parameters;
	m.n_parameters = 1;
	assert_err(modules_check(&m), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_word),
		cmocka_unit_test(test_decision),
		cmocka_unit_test(test_admission),
		cmocka_unit_test(test_rootfs_place),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_sysctl_names),
		cmocka_unit_test(test_modules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
