#include "util.h"

#include <fcntl.h>

#include <base/file.h>
#include <policy/spec.h>
#include <sys/stat.h>

static const char image_text[] =
	"{\"os\":\"linux\",\"config\":{\"Entrypoint\":[\"/entry\"],\"Cmd\":[\"run\"],"
	"\"Env\":[\"PATH=/bin\",\"TOKEN=s3cret\"],\"WorkingDir\":\"/app\",\"User\":\"web\","
	"\"Labels\":{\"x\":\"y\"}},\"rootfs\":{}}";

static const char passwd_text[] = "root:x:0:0:root:/root:/bin/sh\nbroken line\n"
				  "web:x:100:101:Web:/:/bin/false\n";
static const char group_text[] = "root:x:0:\nweb:x:101:\nlog:x:7:web,root\nmail:x:8:root\n";

struct world {
	struct manifest m;
	const struct manifest_container *rule;
	struct image_config image;
	int rootfs_fd;
};

static int open_rootfs(void)
{
	char path[512];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/etc", test_dir());
	assert_ok(dir_make(path, 0755));
	(void)snprintf(path, sizeof(path), "%s/etc/passwd", test_dir());
	assert_ok(file_write_atomic(path, bytes_str(passwd_text), 0644));
	(void)snprintf(path, sizeof(path), "%s/etc/group", test_dir());
	assert_ok(file_write_atomic(path, bytes_str(group_text), 0644));
	fd = open(test_dir(), O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static struct world world_of(const char *fields)
{
	struct world w = { .rootfs_fd = open_rootfs() };
	AUTO(buf_done) struct buf text = BUF_INIT(4096);

	buf_printf(&text, "{\"version\":1,\"containers\":[{\"name\":\"a\",\"image\":\"i\"%s}]}",
		fields);
	assert_ok(manifest_parse(buf_bytes(&text), &w.m));
	w.rule = manifest_container_at(&w.m, 0);
	assert_ok(image_config_parse(bytes_str(image_text), &w.image));
	return w;
}

static void world_done(struct world *w)
{
	manifest_done(&w->m);
	image_config_done(&w->image);
	(void)close(w->rootfs_fd);
}

static struct err plan_of(const struct world *w, const Oci__Process *p, struct plan *ret)
{
	const struct plan_sources s = {
		.rule = w->rule, .image = &w->image, .process = p, .rootfs_fd = w->rootfs_fd
	};
	AUTO(plan_done) struct plan plan = { 0 };

	TRY(plan_make(&s, &plan));
	TRY(manifest_check_plan(w->rule, &w->image, &plan));
	*ret = plan;
	plan = (struct plan){ 0 };
	return OK;
}

static void assert_list(const struct strv *list, const char *joined)
{
	AUTO(buf_done) struct buf b = BUF_INIT(4096);

	for (size_t i = 0; i < list->n; i++)
		buf_printf(&b, "%s%s", i > 0 ? " " : "", list->v[i]);
	assert_string_equal(buf_cstr(&b), joined);
}

static void test_image_config(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "[]", "{\"config\":{\"Env\":[\"=x\"]}}",
		"{\"config\":{\"Env\":[\"x\"]}}", "{\"config\":{\"WorkingDir\":\"app\"}}",
		"{\"config\":{\"Cmd\":\"sh\"}}" };
	AUTO(image_config_done) struct image_config c = { 0 };
	AUTO(image_config_done) struct image_config none = { 0 };

	assert_ok(image_config_parse(bytes_str(image_text), &c));
	assert_list(&c.argv, "/entry run");
	assert_string_equal(c.cwd, "/app");
	assert_ok(image_config_parse(
		bytes_str("{\"config\":{\"Cmd\":null,\"User\":\"\",\"Env\":null}}"), &none));
	assert_string_equal(none.cwd, "/");
	assert_string_equal(none.user, "");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(image_config_done) struct image_config x = { 0 };

		assert_err(image_config_parse(bytes_str(bad[i]), &x), ERR_FORMAT);
	}
}

static void test_image_user(void **state)
{
	(void)state;
	static const struct {
		const char *user;
		enum err_code code;
		uint32_t uid, gid;
		size_t n_groups;
	} cases[] = {
		{ "", ERR_OK, 0, 0, 2 },
		{ "root", ERR_OK, 0, 0, 2 },
		{ "web", ERR_OK, 100, 101, 1 },
		{ "100", ERR_OK, 100, 101, 1 },
		{ "5000", ERR_OK, 5000, 0, 0 },
		{ "web:log", ERR_OK, 100, 7, 0 },
		{ "web:9", ERR_OK, 100, 9, 0 },
		{ "5:6", ERR_OK, 5, 6, 0 },
		{ "nobody", ERR_NOT_FOUND, 0, 0, 0 },
		{ "web:none", ERR_NOT_FOUND, 0, 0, 0 },
		{ "4294967295", ERR_NOT_FOUND, 0, 0, 0 },
	};
	int fd = open_rootfs();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(image_user_done) struct image_user u = { 0 };
		struct err e = image_user_resolve(fd, cases[i].user, &u);

		if (e.code != cases[i].code || u.uid != cases[i].uid || u.gid != cases[i].gid ||
			u.n_groups != cases[i].n_groups)
			fail_msg("user %s: %d %u:%u %zu", cases[i].user, e.code, u.uid, u.gid,
				u.n_groups);
	}
	(void)close(fd);
}

static void test_plan_defaults(void **state)
{
	(void)state;
	AUTO(world_done) struct world w = world_of("");
	AUTO(plan_done) struct plan p = { 0 };

	assert_ok(plan_of(&w, NULL, &p));
	assert_list(&p.argv, "/entry run");
	assert_list(&p.env, "PATH=/bin TOKEN=s3cret");
	assert_string_equal(p.cwd, "/app");
	assert_int_equal(p.user.uid, 100);
	assert_int_equal(p.user.gid, 101);
	assert_int_equal(p.user.groups[0], 7);
}

/* What the manifest says literally is what runs, even when the host leaves it out. */
static void test_plan_manifest(void **state)
{
	(void)state;
	AUTO(world_done) struct world w = world_of(
		",\"argv\":[\"/x\",\"y\"],\"env\":{\"AUTH\":\"on\",\"PATH\":\"/m\",\"N\":\"~.*\"},"
		"\"cwd\":\"/c\",\"user\":\"3:4\"");
	AUTO(plan_done) struct plan p = { 0 };

	assert_ok(plan_of(&w, NULL, &p));
	assert_list(&p.argv, "/x y");
	assert_list(&p.env, "PATH=/m TOKEN=s3cret AUTH=on");
	assert_string_equal(p.cwd, "/c");
	assert_int_equal(p.user.uid, 3);
	assert_int_equal(p.user.gid, 4);
	assert_int_equal(p.user.n_groups, 0);
}

struct asked { /* one request against one manifest */
	const char *manifest;
	const char *args[4], *env[3], *cwd;
	bool has_user;
	uint32_t uid, gid, extra_gid;
	const char *code, *field; /* NULL: allowed */
};

static const struct asked asked_cases[] = {
	{ .manifest = "", .args = { "/entry", "run" } },
	{ .manifest = "", .args = { "/entry" }, .code = "manifest.argv", .field = "argv[1]" },
	{ .manifest = "",
		.args = { "/entry", "run", "x" },
		.code = "manifest.argv",
		.field = "argv[2]" },
	{ .manifest = "", .args = { "/bin/sh" }, .code = "manifest.argv", .field = "argv[0]" },
	{ .manifest = ",\"argv\":[\"/s\",\"~[0-9]+\"]", .args = { "/s", "12" } },
	{ .manifest = ",\"argv\":[\"/s\",\"~[0-9]+\"]",
		.args = { "/s", "12;" },
		.code = "manifest.argv",
		.field = "argv[1]" },
	{ .manifest = ",\"argv\":[\"/s\"]",
		.args = { "/entry", "run" },
		.code = "manifest.argv",
		.field = "argv[0]" },
	{ .manifest = "", .env = { "TOKEN=s3cret", "PATH=/bin" } },
	{ .manifest = "", .env = { "TOKEN=other" }, .code = "manifest.env", .field = "env.TOKEN" },
	{ .manifest = "",
		.env = { "LD_PRELOAD=/x" },
		.code = "manifest.env",
		.field = "env.LD_PRELOAD" },
	{ .manifest = ",\"env\":{\"H\":\"~.*\"}", .env = { "H=anything" } },
	{ .manifest = ",\"env\":{\"H\":\"~h[0-9]\"}",
		.env = { "H=h10" },
		.code = "manifest.env",
		.field = "env.H" },
	{ .manifest = ",\"env\":{\"AUTH\":\"on\"}",
		.env = { "AUTH=off" },
		.code = "manifest.env",
		.field = "env.AUTH" },
	/* The manifest's word overrules the image's own value. */
	{ .manifest = ",\"env\":{\"TOKEN\":\"~x.*\"}",
		.code = "manifest.env",
		.field = "env.TOKEN" },
	{ .manifest = "", .cwd = "/app" },
	{ .manifest = "", .cwd = "/", .code = "manifest.cwd", .field = "cwd" },
	{ .manifest = ",\"cwd\":\"~/srv/.*\"", .cwd = "/srv/x" },
	{ .manifest = ",\"cwd\":\"/srv\"", .cwd = "/app", .code = "manifest.cwd", .field = "cwd" },
	{ .manifest = "", .has_user = true, .uid = 100, .gid = 101 },
	{ .manifest = "", .has_user = true, .uid = 100, .gid = 101, .extra_gid = 7 },
	{ .manifest = "",
		.has_user = true,
		.uid = 100,
		.gid = 101,
		.extra_gid = 8,
		.code = "manifest.user",
		.field = "AdditionalGids" },
	{ .manifest = "",
		.has_user = true,
		.uid = 0,
		.gid = 0,
		.code = "manifest.user",
		.field = "user" },
	{ .manifest = "",
		.has_user = true,
		.uid = 100,
		.gid = 0,
		.code = "manifest.user",
		.field = "user" },
	{ .manifest = ",\"user\":\"0:0\"", .has_user = true, .uid = 0, .gid = 0 },
	{ .manifest = ",\"user\":\"~[0-9]+:5\"", .has_user = true, .uid = 9, .gid = 5 },
	{ .manifest = ",\"user\":\"~[0-9]+:5\"",
		.has_user = true,
		.uid = 9,
		.gid = 6,
		.code = "manifest.user",
		.field = "user" },
};

static void fill_process(const struct asked *a, Oci__Process *p, Oci__User *u, uint32_t *extra)
{
	for (p->n_args = 0; a->args[p->n_args]; p->n_args++)
		;
	for (p->n_env = 0; p->n_env < 3 && a->env[p->n_env]; p->n_env++)
		;
	p->args = (char **)(uintptr_t)a->args;
	p->env = (char **)(uintptr_t)a->env;
	if (a->cwd)
		p->cwd = (char *)(uintptr_t)a->cwd;
	if (!a->has_user)
		return;
	*extra = a->extra_gid;
	u->uid = a->uid;
	u->gid = a->gid;
	u->additionalgids = extra;
	u->n_additionalgids = a->extra_gid ? 1 : 0;
	p->user = u;
}

static void test_plan_asked(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(asked_cases); i++) {
		const struct asked *a = &asked_cases[i];
		AUTO(world_done) struct world w = world_of(a->manifest);
		AUTO(plan_done) struct plan plan = { 0 };
		Oci__Process p = OCI__PROCESS__INIT;
		Oci__User u = OCI__USER__INIT;
		uint32_t extra;
		struct err e;

		fill_process(a, &p, &u, &extra);
		e = plan_of(&w, &p, &plan);
		if (!a->code && failed(e))
			fail_msg("case %zu: %s", i, err_text());
		if (!a->code)
			continue;
		if (!failed(e) || !err_denial())
			fail_msg("case %zu: not denied", i);
		assert_string_equal(err_denial()->code, a->code);
		if (!str_ends(err_denial()->field, a->field))
			fail_msg("case %zu: field %s", i, err_denial()->field);
		/* The image's own values are not told to the host. */
		assert_null(strstr(err_text(), "s3cret"));
	}
}

static void test_exec(void **state)
{
	(void)state;
	static const struct {
		const char *args[3], *env, *cwd, *code;
	} cases[] = {
		{ { "/bin/ls", "-l" }, NULL, "", NULL },
		{ { "/bin/ls", "-l" }, "PATH=/bin", "/app", NULL },
		{ { "/bin/ls" }, NULL, "", "manifest.exec" },
		{ { "/bin/ls", "-a" }, NULL, "", "manifest.exec" },
		{ { "/bin/sh", "-l" }, NULL, "", "manifest.exec" },
		{ { "/bin/ls", "-l" }, "EVIL=1", "", "manifest.env" },
		{ { "/bin/ls", "-l" }, NULL, "/root", "manifest.cwd" },
	};
	AUTO(world_done) struct world w = world_of(",\"exec\":[[\"/bin/ls\",\"-l\"]]");
	AUTO(plan_done) struct plan main = { 0 };

	assert_ok(plan_of(&w, NULL, &main));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(plan_done) struct plan p = { 0 };
		struct asked a = { .args = { cases[i].args[0], cases[i].args[1] },
			.env = { cases[i].env },
			.cwd = cases[i].cwd };
		Oci__Process process = OCI__PROCESS__INIT;
		Oci__User u = OCI__USER__INIT;
		uint32_t extra;
		struct err e;

		fill_process(&a, &process, &u, &extra);
		assert_ok(plan_make_exec(&main, &process, w.rootfs_fd, &p));
		e = manifest_check_exec(w.rule, &main, &p);
		assert_int_equal(failed(e), cases[i].code != NULL);
		if (cases[i].code)
			assert_string_equal(err_denial()->code, cases[i].code);
	}
}

static void test_id(void **state)
{
	(void)state;
	static const char *const good[] = { "a", "A-1_b.c", "0123456789abcdef" };
	static const char *const bad[] = { "", ".", "..", "-a", "_a", "a/b", "a b", "a\n",
		"\xc3\xa4" };
	char longest[130];

	memset(longest, 'a', sizeof(longest));
	longest[128] = '\0';
	assert_ok(spec_check_id(longest));
	longest[128] = 'a';
	longest[129] = '\0';
	assert_err(spec_check_id(longest), ERR_FORMAT);
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_ok(spec_check_id(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(spec_check_id(bad[i]), ERR_FORMAT);
}

/* ---- the rest of the request: one thing changed a case ---- */
struct parts {
	Agent__CreateContainerRequest q;
	Oci__Spec spec;
	Oci__Linux linux_;
	Oci__Process process;
	Oci__LinuxCapabilities caps;
	Oci__LinuxNamespace ns;
	Oci__LinuxDevice device;
	Oci__LinuxResources resources;
	Oci__LinuxDeviceCgroup device_rule;
	Oci__LinuxSeccomp seccomp;
	Oci__LinuxSyscall call;
	Oci__Mount mount;
	Oci__Hooks hooks;
	Oci__Hook hook;
	Oci__LinuxIDMapping map;
	Oci__Linux__SysctlEntry sysctl;
	Agent__Device agent_device;
	Agent__StringUser string_user;
	void *p[8]; /* one-element arrays */
	char *text[2];
};

typedef void change_fn(struct parts *p);

static void ch_nothing(struct parts *p)
{
	(void)p;
}
static void ch_hook(struct parts *p)
{
	p->spec.hooks = &p->hooks;
	p->hooks.n_startcontainer = 1;
	p->p[0] = &p->hook;
	p->hooks.startcontainer = (Oci__Hook **)p->p;
}
static void add_ns(struct parts *p, const char *type, const char *path)
{
	p->ns.type = (char *)(uintptr_t)type;
	p->ns.path = (char *)(uintptr_t)path;
	p->p[0] = &p->ns;
	p->linux_.namespaces = (Oci__LinuxNamespace **)p->p;
	p->linux_.n_namespaces = 1;
}
static void ch_ns_mount(struct parts *p)
{
	add_ns(p, "mount", "");
}
static void ch_ns_user(struct parts *p)
{
	add_ns(p, "user", "");
}
static void ch_ns_path(struct parts *p)
{
	add_ns(p, "pid", "/proc/1/ns/pid");
}
static void ch_idmap(struct parts *p)
{
	p->p[0] = &p->map;
	p->linux_.uidmappings = (Oci__LinuxIDMapping **)p->p;
	p->linux_.n_uidmappings = 1;
}
static void add_sysctl(struct parts *p, const char *key, const char *value)
{
	p->sysctl.key = (char *)(uintptr_t)key;
	p->sysctl.value = (char *)(uintptr_t)value;
	p->p[0] = &p->sysctl;
	p->linux_.sysctl = (Oci__Linux__SysctlEntry **)p->p;
	p->linux_.n_sysctl = 1;
}
static void ch_sysctl_known(struct parts *p)
{
	add_sysctl(p, "net.ipv4.ip_unprivileged_port_start", "0");
}
static void ch_sysctl(struct parts *p)
{
	add_sysctl(p, "kernel.core_pattern", "|/x");
}
static void ch_agent_device(struct parts *p)
{
	p->p[0] = &p->agent_device;
	p->q.devices = (Agent__Device **)p->p;
	p->q.n_devices = 1;
}
static void add_device(
	struct parts *p, const char *path, const char *type, int64_t maj, int64_t min)
{
	p->device.path = (char *)(uintptr_t)path;
	p->device.type = (char *)(uintptr_t)type;
	p->device.major = maj;
	p->device.minor = min;
	p->p[0] = &p->device;
	p->linux_.devices = (Oci__LinuxDevice **)p->p;
	p->linux_.n_devices = 1;
}
static void ch_trusted_store(struct parts *p)
{
	p->agent_device.container_path = (char *)(uintptr_t)SPEC_TRUSTED_STORE;
	ch_agent_device(p);
}
static void ch_trusted_store_twice(struct parts *p)
{
	ch_trusted_store(p);
	p->p[1] = p->p[0];
	p->q.n_devices = 2;
}
static void ch_device(struct parts *p)
{
	add_device(p, "/dev/null", "c", 1, 3);
}
static void ch_device_unlisted(struct parts *p)
{
	add_device(p, "/dev/zero", "c", 1, 5);
}
static void ch_device_other(struct parts *p)
{
	add_device(p, "/dev/null", "c", 1, 1);
}
static void ch_device_block(struct parts *p)
{
	add_device(p, "/dev/null", "b", 1, 3);
}
static void ch_device_rule(struct parts *p)
{
	p->device_rule.allow = true;
	p->p[0] = &p->device_rule;
	p->resources.devices = (Oci__LinuxDeviceCgroup **)p->p;
	p->resources.n_devices = 1;
	p->linux_.resources = &p->resources;
}
static void add_mount(struct parts *p, const char *type, const char *from, const char *at)
{
	p->mount.type = (char *)(uintptr_t)type;
	p->mount.source = (char *)(uintptr_t)from;
	p->mount.destination = (char *)(uintptr_t)at;
	p->p[0] = &p->mount;
	p->spec.mounts = (Oci__Mount **)p->p;
	p->spec.n_mounts = 1;
}
static void ch_mount_proc(struct parts *p)
{
	add_mount(p, "proc", "proc", "/proc");
}
static void ch_mount_shm(struct parts *p)
{
	add_mount(p, "bind", "/run/kata-containers/sandbox/shm", "/dev/shm");
}
static void ch_mount_bind_proc(struct parts *p)
{
	add_mount(p, "bind", "/", "/proc");
}
static void ch_mount_sys_rw(struct parts *p)
{
	add_mount(p, "sysfs", "sysfs", "/sys");
	p->text[0] = (char *)(uintptr_t) "rw";
	p->mount.options = p->text;
	p->mount.n_options = 1;
}
static void ch_mount_tmp(struct parts *p)
{
	add_mount(p, "tmpfs", "tmpfs", "/scratch");
}
static void ch_mount_tmp_option(struct parts *p)
{
	add_mount(p, "tmpfs", "tmpfs", "/scratch");
	p->text[0] = (char *)(uintptr_t) "size=1,upperdir=/";
	p->mount.options = p->text;
	p->mount.n_options = 1;
}
static void ch_mount_unlisted(struct parts *p)
{
	add_mount(p, "tmpfs", "tmpfs", "/etc");
}
static void ch_mount_bind(struct parts *p)
{
	add_mount(p, "bind", "/run/confidential-containers", "/scratch");
}
static void ch_mount_dots(struct parts *p)
{
	add_mount(p, "tmpfs", "tmpfs", "/scratch/../etc");
}
static void ch_propagation(struct parts *p)
{
	p->linux_.rootfspropagation = (char *)(uintptr_t) "rshared";
}
static void add_cap(struct parts *p, const char *cap)
{
	p->text[0] = (char *)(uintptr_t)cap;
	p->spec.process = &p->process;
	p->process.capabilities = &p->caps;
	p->caps.ambient = p->text;
	p->caps.n_ambient = 1;
}
static void ch_cap(struct parts *p)
{
	add_cap(p, "CAP_KILL");
}
static void ch_cap_unlisted(struct parts *p)
{
	add_cap(p, "CAP_SYS_ADMIN");
}
static void add_seccomp(struct parts *p, const char *action, bool has_errno, uint32_t ret)
{
	p->seccomp.defaultaction = (char *)(uintptr_t) "SCMP_ACT_ALLOW";
	p->call.action = (char *)(uintptr_t)action;
	p->text[0] = (char *)(uintptr_t) "setuid";
	p->call.names = p->text;
	p->call.n_names = 1;
	if (has_errno)
		p->call.errno_set_case = OCI__LINUX_SYSCALL__ERRNO_SET_ERRNORET;
	p->call.errnoret = ret;
	p->p[0] = &p->call;
	p->seccomp.syscalls = (Oci__LinuxSyscall **)p->p;
	p->seccomp.n_syscalls = 1;
	p->linux_.seccomp = &p->seccomp;
}
static void ch_seccomp(struct parts *p)
{
	add_seccomp(p, "SCMP_ACT_ERRNO", true, 1);
}
static void ch_seccomp_pretend(struct parts *p)
{
	add_seccomp(p, "SCMP_ACT_ERRNO", true, 0);
}
static void ch_seccomp_trace(struct parts *p)
{
	add_seccomp(p, "SCMP_ACT_TRACE", false, 0);
}
static void ch_string_user(struct parts *p)
{
	p->q.string_user = &p->string_user;
}

static const struct {
	change_fn *change;
	const char *code; /* NULL: allowed */
} changes[] = {
	{ ch_nothing, NULL },
	{ ch_hook, "manifest.hooks" },
	{ ch_ns_mount, NULL },
	{ ch_ns_user, "manifest.namespaces" },
	{ ch_ns_path, "manifest.namespaces" },
	{ ch_idmap, "manifest.namespaces" },
	{ ch_sysctl_known, NULL },
	{ ch_sysctl, "manifest.sysctl" },
	{ ch_agent_device, "manifest.devices" },
	{ ch_trusted_store, NULL },
	{ ch_trusted_store_twice, "manifest.devices" },
	{ ch_device, NULL },
	{ ch_device_unlisted, "manifest.devices" },
	{ ch_device_other, "manifest.devices" },
	{ ch_device_block, "manifest.devices" },
	{ ch_device_rule, "manifest.devices" },
	{ ch_mount_proc, NULL },
	{ ch_mount_shm, NULL },
	{ ch_mount_bind_proc, "manifest.mounts" },
	{ ch_mount_sys_rw, "manifest.mounts" },
	{ ch_mount_tmp, NULL },
	{ ch_mount_tmp_option, "manifest.mounts" },
	{ ch_mount_unlisted, "manifest.mounts" },
	{ ch_mount_bind, "manifest.mounts" },
	{ ch_propagation, "manifest.mounts" },
	{ ch_cap, NULL },
	{ ch_cap_unlisted, "manifest.capabilities" },
	{ ch_seccomp, NULL },
	{ ch_seccomp_pretend, "manifest.seccomp" },
	{ ch_seccomp_trace, "manifest.seccomp" },
	{ ch_string_user, "manifest.request" },
};

static struct parts parts_init(void)
{
	return (struct parts){
		.q = AGENT__CREATE_CONTAINER_REQUEST__INIT,
		.spec = OCI__SPEC__INIT,
		.linux_ = OCI__LINUX__INIT,
		.process = OCI__PROCESS__INIT,
		.caps = OCI__LINUX_CAPABILITIES__INIT,
		.ns = OCI__LINUX_NAMESPACE__INIT,
		.device = OCI__LINUX_DEVICE__INIT,
		.resources = OCI__LINUX_RESOURCES__INIT,
		.device_rule = OCI__LINUX_DEVICE_CGROUP__INIT,
		.seccomp = OCI__LINUX_SECCOMP__INIT,
		.call = OCI__LINUX_SYSCALL__INIT,
		.mount = OCI__MOUNT__INIT,
		.hooks = OCI__HOOKS__INIT,
		.hook = OCI__HOOK__INIT,
		.map = OCI__LINUX_IDMAPPING__INIT,
		.sysctl = OCI__LINUX__SYSCTL_ENTRY__INIT,
		.agent_device = AGENT__DEVICE__INIT,
		.string_user = AGENT__STRING_USER__INIT,
	};
}

static const char changes_manifest[] = ",\"capabilities\":[\"CAP_KILL\"],\"devices\":[\"/dev/"
				       "null\",\"/dev/trusted_store\"],\"mounts\":[\"/scratch\","
				       "\"/scratch/../etc\",\"/etc/resolv.conf\"]";

static void test_spec_check(void **state)
{
	(void)state;
	AUTO(world_done) struct world w = world_of(changes_manifest);

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct parts p = parts_init();
		struct err e;

		p.q.oci = &p.spec;
		p.spec.linux_ = &p.linux_;
		changes[i].change(&p);
		e = spec_check_sysctls(&p.spec, &(struct json_map){ 0 });
		if (!failed(e))
			e = spec_check(&p.q, w.rule);
		if (!failed(e))
			e = spec_check_devices_here(&p.spec);
		if (!changes[i].code && failed(e))
			fail_msg("case %zu: %s", i, err_text());
		if (!changes[i].code)
			continue;
		if (!failed(e) || !err_denial())
			fail_msg("case %zu: not denied", i);
		assert_string_equal(err_denial()->code, changes[i].code);
	}
}

static void test_trusted_store_unlisted(void **state)
{
	(void)state;
	AUTO(world_done) struct world w = world_of(",\"devices\":[\"/dev/null\"]");
	struct parts p = parts_init();

	p.q.oci = &p.spec;
	p.spec.linux_ = &p.linux_;
	ch_trusted_store(&p);
	assert_err(spec_check(&p.q, w.rule), ERR_DENIED);
	assert_string_equal(err_denial()->code, "manifest.devices");
}

static void test_mount_destination(void **state)
{
	(void)state;
	AUTO(world_done) struct world w = world_of(changes_manifest);
	struct parts p = parts_init();

	ch_mount_dots(&p);
	assert_err(spec_check_mounts(&p.spec, w.rule), ERR_FORMAT);
}

static void test_image_of_request(void **state)
{
	(void)state;
	Agent__CreateContainerRequest q = AGENT__CREATE_CONTAINER_REQUEST__INIT;
	Agent__Storage s[2] = { AGENT__STORAGE__INIT, AGENT__STORAGE__INIT };
	Agent__Storage *list[] = { &s[0], &s[1] };
	const char *image = NULL;

	assert_err(spec_image(&q, &image), ERR_FORMAT);
	s[0].driver = s[1].driver = (char *)(uintptr_t) "image_guest_pull";
	s[0].source = (char *)(uintptr_t) "r/app:1";
	q.storages = list;
	q.n_storages = 1;
	assert_ok(spec_image(&q, &image));
	assert_string_equal(image, "r/app:1");
	q.n_storages = 2;
	assert_err(spec_image(&q, &image), ERR_DENIED);
	s[1].driver = (char *)(uintptr_t) "blk";
	assert_ok(spec_image(&q, &image));
}

static void test_storages(void **state)
{
	(void)state;
	static const struct {
		const char *manifest, *driver, *fstype, *option, *driver_options[2];
		bool denied;
	} cases[] = {
		{ "", "image_guest_pull", "", NULL, { 0 }, false },
		{ "", "ephemeral", "tmpfs", "size=1m", { 0 }, false },
		{ "", "ephemeral", "hugetlbfs", "pagesize=2097152,size=4194304", { 0 }, false },
		{ "", "ephemeral", "tmpfs", "size=1m,noswap", { 0 }, true },
		{ "", "ephemeral", "tmpfs", "remount", { 0 }, true },
		{ "", "local", "local", "mode=0777", { 0 }, false },
		{ "", "virtio-fs", "virtiofs", NULL, { 0 }, true },
		{ "", "watchable-bind", "bind", NULL, { 0 }, true },
		{ "", "overlayfs", "overlay", NULL, { 0 }, true },
		{ "", "scsi", "ext4", NULL, { 0 }, true },
		{ "", "scsi", "ext4", NULL, { "create_filesystem" }, true },
		{ "", "scsi", "ext4", NULL, { "encryption_key=ephemeral" }, true },
		{ "", "scsi", "ext4", NULL, { "encryption_key=ephemeral", "create_filesystem" },
			false },
		{ ",\"volumes\":[{\"at\":\"/d\",\"kind\":\"disk\"}]", "scsi", "ext4", NULL, { 0 },
			false },
		{ ",\"volumes\":[{\"at\":\"/d\",\"kind\":\"encrypted\"}]", "blk", "ext4", NULL,
			{ 0 }, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(world_done) struct world w = world_of(cases[i].manifest);
		Agent__CreateContainerRequest q = AGENT__CREATE_CONTAINER_REQUEST__INIT;
		Agent__Storage s = AGENT__STORAGE__INIT, *list[] = { &s };
		char *option = (char *)(uintptr_t)cases[i].option;
		struct err e;

		s.driver = (char *)(uintptr_t)cases[i].driver;
		s.fstype = (char *)(uintptr_t)cases[i].fstype;
		s.options = &option;
		s.n_options = option ? 1 : 0;
		s.driver_options = (char **)(uintptr_t)cases[i].driver_options;
		while (s.n_driver_options < 2 && cases[i].driver_options[s.n_driver_options])
			s.n_driver_options++;
		q.storages = list;
		q.n_storages = 1;
		e = spec_check_storages(&q, w.rule);
		if (failed(e) != cases[i].denied)
			fail_msg("case %zu: %s", i, failed(e) ? err_text() : "accepted");
		if (failed(e))
			assert_string_equal(err_denial()->code, "manifest.storages");
	}
}

static void test_volume_mounts(void **state)
{
	(void)state;
	static const char volumes[] =
		",\"volumes\":[{\"at\":\"/c\",\"kind\":\"files\",\"read_only\":true},"
		"{\"at\":\"/v\",\"kind\":\"memory\"},{\"at\":\"/i\",\"kind\":\"image\"}]";
	static const struct {
		const char *destination, *type, *options[3], *code;
	} cases[] = {
		{ "/c", "bind", { "rbind", "ro" }, NULL },
		{ "/c", "bind", { "rbind" }, "manifest.volumes" },
		{ "/c", "bind", { "ro", "rw" }, "manifest.volumes" },
		{ "/c", "tmpfs", { "ro" }, "manifest.volumes" },
		{ "/c", "bind", { "ro", "rshared" }, "manifest.mounts" },
		{ "/c", "bind", { "ro", "suid" }, "manifest.mounts" },
		{ "/v", "ephemeral", { "rprivate" }, NULL },
		{ "/v", "local", { "rbind", "rw" }, NULL },
		{ "/i", "bind", { "rbind" }, NULL },
		{ "/c/", "bind", { "ro" }, "manifest.mounts" },
		{ "/etc", "bind", { "ro" }, "manifest.mounts" },
	};
	AUTO(world_done) struct world w = world_of(volumes);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		Oci__Spec spec = OCI__SPEC__INIT;
		Oci__Mount m = OCI__MOUNT__INIT, *mounts[] = { &m };
		struct err e;

		spec.mounts = mounts;
		spec.n_mounts = 1;
		m.destination = (char *)(uintptr_t)cases[i].destination;
		m.type = (char *)(uintptr_t)cases[i].type;
		m.options = (char **)(uintptr_t)cases[i].options;
		while (m.n_options < 3 && cases[i].options[m.n_options])
			m.n_options++;
		e = spec_check_mounts(&spec, w.rule);
		if (failed(e) != (cases[i].code != NULL))
			fail_msg("case %zu: %s", i, failed(e) ? err_text() : "accepted");
		if (failed(e))
			assert_string_equal(err_denial()->code, cases[i].code);
	}
}

/* What is bound is what the agent prepared, never the source that the host named. */
static void test_put_mounts(void **state)
{
	(void)state;
	AUTO(world_done) struct world w =
		world_of(",\"volumes\":[{\"at\":\"/v\",\"kind\":\"files\"},"
			 "{\"at\":\"/i\",\"kind\":\"image\"}]");
	AUTO(buf_done) struct buf json = BUF_INIT(16384);
	AUTO(buf_done) struct buf open = BUF_INIT(16384);
	struct json_writer jw = jw_of(&json), jo = jw_of(&open);
	Oci__Spec spec = OCI__SPEC__INIT;
	Oci__Mount m[3] = { OCI__MOUNT__INIT, OCI__MOUNT__INIT, OCI__MOUNT__INIT };
	Oci__Mount *mounts[] = { &m[0], &m[1], &m[2] };
	char *sources[] = { (char *)(uintptr_t) "/own/0", NULL, (char *)(uintptr_t) "/own/2" };
	struct spec_inputs in = { .spec = &spec, .rule = w.rule, .sources = sources };
	static const char *const at[] = { "/v", "/i", "/dev/shm" };

	spec.mounts = mounts;
	spec.n_mounts = 3;
	for (size_t i = 0; i < 3; i++) {
		m[i].destination = (char *)(uintptr_t)at[i];
		m[i].type = (char *)(uintptr_t) "bind";
		m[i].source = (char *)(uintptr_t) "/hosts/choice";
	}
	jw_object(&jw);
	spec_put_mounts(&jw, &in);
	jw_object_end(&jw);
	assert_non_null(strstr(buf_cstr(&json), "\"/own/0\""));
	assert_non_null(strstr(buf_cstr(&json), "\"/own/2\""));
	assert_null(strstr(buf_cstr(&json), "\"/i\""));
	assert_null(strstr(buf_cstr(&json), "choice"));
	in.rule = NULL;
	in.sources = NULL;
	jw_object(&jo);
	spec_put_mounts(&jo, &in);
	jw_object_end(&jo);
	assert_non_null(strstr(buf_cstr(&open), "/hosts/choice"));
	assert_null(strstr(buf_cstr(&open), "sysfs"));
}

static void test_write(void **state)
{
	(void)state;
	AUTO(world_done) struct world w = world_of(changes_manifest);
	AUTO(plan_done) struct plan plan = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(64 * 1024);
	AUTO(json_freep) struct json *j = NULL;
	struct parts p = parts_init();
	const struct spec_inputs in = { .spec = &p.spec,
		.rule = w.rule,
		.plan = &plan,
		.id = "c1",
		.rootfs = "/r",
		.resolv_conf = "/run/resolv.conf",
		.ipc_ns = "/ns/ipc" };
	bool nnp = false;

	ch_mount_tmp(&p);
	assert_ok(plan_of(&w, NULL, &plan));
	assert_ok(spec_write(&in, &out));
	assert_ok(json_parse(buf_bytes(&out), &j));
	assert_string_equal(json_string(json_pointer(j, "/process/args/0")), "/entry");
	assert_string_equal(json_string(json_pointer(j, "/root/path")), "/r");
	assert_string_equal(
		json_string(json_pointer(j, "/process/capabilities/bounding/0")), "CAP_KILL");
	assert_int_equal(json_count(json_pointer(j, "/process/capabilities/ambient")), 0);
	assert_true(json_bool(json_pointer(j, "/process/noNewPrivileges"), &nnp) && nnp);
	assert_string_equal(json_string(json_pointer(j, "/linux/cgroupsPath")), "/sealpod/c1");
	assert_string_equal(json_string(json_pointer(j, "/linux/namespaces/3/path")), "/ns/ipc");
	assert_null(json_pointer(j, "/linux/namespaces/4/path"));
	/* seven standard mounts, the listed tmpfs, resolv.conf */
	assert_int_equal(json_count(json_pointer(j, "/mounts")), 9);
	assert_string_equal(json_string(json_pointer(j, "/mounts/7/destination")), "/scratch");
	assert_string_equal(json_string(json_pointer(j, "/mounts/8/source")), "/run/resolv.conf");
}

static void test_annotations(void **state)
{
	(void)state;
	Oci__Spec spec = OCI__SPEC__INIT;
	Oci__Spec__AnnotationsEntry e = OCI__SPEC__ANNOTATIONS_ENTRY__INIT;
	Oci__Spec__AnnotationsEntry *list[] = { &e };

	spec.annotations = list;
	spec.n_annotations = 1;
	e.key = (char *)(uintptr_t) "io.kubernetes.cri.container-type";
	e.value = (char *)(uintptr_t) "sandbox";
	assert_true(spec_is_sandbox(&spec));
	e.value = (char *)(uintptr_t) "container";
	assert_false(spec_is_sandbox(&spec));
	assert_null(spec_container_name(&spec));
	e.key = (char *)(uintptr_t) "io.kubernetes.cri.container-name";
	assert_string_equal(spec_container_name(&spec), "container");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_image_config),
		cmocka_unit_test(test_image_user),
		cmocka_unit_test(test_plan_defaults),
		cmocka_unit_test(test_plan_manifest),
		cmocka_unit_test(test_plan_asked),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_id),
		cmocka_unit_test(test_spec_check),
		cmocka_unit_test(test_trusted_store_unlisted),
		cmocka_unit_test(test_mount_destination),
		cmocka_unit_test(test_image_of_request),
		cmocka_unit_test(test_storages),
		cmocka_unit_test(test_volume_mounts),
		cmocka_unit_test(test_put_mounts),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_annotations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
