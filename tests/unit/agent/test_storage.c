/* Storages and volumes, with real mounts in a mount namespace of the test's own. */
#include "hub.h"
#include "image_store.h"
#include "mount_options.h"
#include "start.h"
#include "storage_op.h"
#include "util.h"
#include "volumes.h"

#include <csi.pb-c.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include <base/file.h>
#include <net/pb.h>
#include <net/ttrpc.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define LIST(...) ((char *[]){ __VA_ARGS__ })

static struct agent a;
static struct ttrpc_client *client;
static bool may_mount;

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* ---- options ---- */

static void test_options(void **state)
{
	(void)state;
	static const struct {
		const char *option;
		enum err_code code;
		unsigned long flags;
		const char *data;
	} cases[] = {
		{ "ro", ERR_OK, MS_RDONLY, NULL },
		{ "nosuid", ERR_OK, MS_NOSUID, NULL },
		{ "rbind", ERR_OK, MS_BIND | MS_REC, NULL },
		{ "defaults", ERR_OK, 0, NULL },
		{ "", ERR_OK, 0, NULL },
		{ "size=64m", ERR_OK, 0, "size=64m" },
		{ "pagesize=2M,size=4M", ERR_OK, 0, "pagesize=2M,size=4M" },
		{ "mode=1777", ERR_OK, 0, "mode=1777" },
		{ "mode=", ERR_FORMAT, 0, NULL },
		{ "mode=8", ERR_FORMAT, 0, NULL },
		{ "mode=10000", ERR_FORMAT, 0, NULL },
		{ "fsgid=1000", ERR_OK, 0, NULL },
		{ "fsgid=", ERR_FORMAT, 0, NULL },
		{ "fsgid=4294967295", ERR_LIMIT, 0, NULL },
		{ "fsgid=-1", ERR_FORMAT, 0, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(mount_options_done) struct mount_options o = { 0 };
		char *list[] = { text(cases[i].option) };
		struct err e = mount_options_parse(list, 1, &o);

		if (e.code != cases[i].code || o.flags != cases[i].flags ||
			(o.data ? !cases[i].data || !str_equal(o.data, cases[i].data)
				: cases[i].data != NULL))
			fail_msg("%s: %d %lx %s", cases[i].option, e.code, o.flags,
				o.data ? o.data : "-");
	}
}

static void test_options_together(void **state)
{
	(void)state;
	AUTO(mount_options_done) struct mount_options o = { 0 };
	AUTO(mount_options_done) struct mount_options none = { 0 };
	AUTO(buf_done) struct buf big = BUF_INIT(8192);
	char *list[] = { text("ro"), text("noexec"), text("size=1m"), text("rw"), text("fsgid=7"),
		text("mode=0750") };

	assert_ok(mount_options_parse(list, ARRAY_LEN(list), &o));
	assert_true(o.flags == MS_NOEXEC);
	assert_string_equal(o.data, "size=1m,mode=0750");
	assert_true(o.has_fsgid && o.fsgid == 7 && o.has_mode && o.mode == 0750);
	for (int i = 0; i < 5000; i++)
		buf_u8(&big, 'x');
	list[0] = text(buf_cstr(&big));
	assert_err(mount_options_parse(list, 1, &none), ERR_LIMIT);
}

/* ---- storages ---- */

static char *in_run(const char *path)
{
	static char paths[8][512];
	static size_t next;
	char *at = paths[next++ % ARRAY_LEN(paths)];

	(void)snprintf(at, sizeof(paths[0]), "%s/run/kata-containers/%s", test_dir(), path);
	return at;
}

static void on_added(void *arg, struct err e)
{
	err_save(e, arg);
}

static struct err add(Agent__Storage *s)
{
	struct err_saved result = { .code = ERR_TIMEOUT };

	TRY(storage_sandbox_add(&a, &s, 1, on_added, &result));
	return result.code == ERR_OK ? OK : err_restore(&result);
}

static Agent__Storage storage_of(const char *driver, const char *fstype, char *at)
{
	Agent__Storage s = AGENT__STORAGE__INIT;

	s.driver = text(driver);
	s.fstype = text(fstype);
	s.source = text(fstype);
	s.mount_point = at;
	return s;
}

static bool is_mounted(const char *path)
{
	struct stat st, up;
	char parent[600];

	(void)snprintf(parent, sizeof(parent), "%s/..", path);
	return stat(path, &st) == 0 && stat(parent, &up) == 0 && st.st_dev != up.st_dev;
}

static int setup(void **state)
{
	static char run_dir[512];
	const struct settings set = { .run_dir = run_dir,
		.crun = "/bin/true",
		.cgroup_manager = "disabled",
		.cgroup_dir = "/nonexistent" };

	(void)state;
	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", test_dir());
	int fds[2];

	assert_ok(agent_init(&a, &set));
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_ok(ttrpc_server_add(a.server, fds[0], false));
	assert_ok(ttrpc_client_new(a.loop, fds[1], &client));
	may_mount = geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ttrpc_client_free(client);
	agent_done(&a);
	return 0;
}

static void need_mounts(bool open_world)
{
	if (!may_mount)
		skip();
	a.open_world = open_world;
}

static void test_ephemeral(void **state)
{
	(void)state;
	for (int open_world = 0; open_world < 2; open_world++) {
		char *at = in_run("sandbox/ephemeral/cache");
		Agent__Storage s = storage_of("ephemeral", "tmpfs", at);
		struct statvfs fs;
		struct stat st;

		need_mounts(open_world);
		s.options = LIST(text("size=1048576"), text("fsgid=77"), text("noexec"));
		s.n_options = 3;
		assert_ok(add(&s));
		assert_true(is_mounted(at));
		assert_int_equal(statvfs(at, &fs), 0);
		assert_int_equal(fs.f_blocks * fs.f_frsize, 1048576);
		assert_true(fs.f_flag & ST_NOEXEC);
		assert_int_equal(stat(at, &st), 0);
		assert_int_equal(st.st_gid, 77);
		assert_int_equal(st.st_mode & 07777, 03777);
		assert_ok(add(&s));
		assert_int_equal(a.n_storages, 1);
		storage_sandbox_remove(&a);
		assert_false(is_mounted(at));
		assert_false(file_exists(at));
	}
}

static void test_local(void **state)
{
	(void)state;
	for (int open_world = 0; open_world < 2; open_world++) {
		char *at = in_run("shared/containers/pod/rootfs/local/data");
		Agent__Storage s = storage_of("local", "local", at);
		char file[600];
		struct stat st;

		need_mounts(open_world);
		s.options = LIST(text("mode=0750"));
		s.n_options = 1;
		assert_ok(add(&s));
		assert_int_equal(stat(at, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0750);
		/* With a manifest nothing that the host put there before may be in it. */
		assert_true(is_mounted(at) == !open_world);
		(void)snprintf(file, sizeof(file), "%s/file", at);
		assert_ok(file_write_atomic(file, bytes_str("x"), 0644));
		storage_sandbox_remove(&a);
		assert_false(file_exists(at));
	}
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *driver, *fstype, *at, *option;
		enum err_code code;
	} cases[] = {
		{ "nydus", "tmpfs", "sandbox/x", NULL, ERR_UNSUPPORTED },
		{ "ephemeral", "ext4", "sandbox/x", NULL, ERR_UNSUPPORTED },
		{ "ephemeral", "tmpfs", "../../etc", NULL, ERR_FORMAT },
		{ "ephemeral", "tmpfs", "sandbox/./x", NULL, ERR_FORMAT },
		{ "ephemeral", "tmpfs", "sandbox//x", NULL, ERR_FORMAT },
		{ "ephemeral", "tmpfs", "sandbox/x", "size=lots", ERR_SYS },
		{ "ephemeral", "tmpfs", "sandbox/x", "fsgid=none", ERR_FORMAT },
		{ "ephemeral", "hugetlbfs", "sandbox/x", "size=4096", ERR_FORMAT },
		{ "watchable-bind", "bind", "sandbox/x", NULL, ERR_SYS },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		Agent__Storage s =
			storage_of(cases[i].driver, cases[i].fstype, in_run(cases[i].at));
		char *option = text(cases[i].option);
		struct err e;

		need_mounts(true);
		s.options = &option;
		s.n_options = option ? 1 : 0;
		e = add(&s);
		if (e.code != cases[i].code)
			fail_msg("%zu: %s", i, failed(e) ? err_text() : "accepted");
		assert_int_equal(a.n_storages, 0);
	}
	assert_false(file_exists(in_run("sandbox/x")));
}

/* Writes go beside the lower directory, and are gone with the storage. */
static void test_overlay(void **state)
{
	(void)state;
	Agent__Storage s = storage_of("overlayfs", "overlay", in_run("c/rootfs"));
	char lower[600], option[700], create[700], file[600];

	need_mounts(true);
	(void)snprintf(lower, sizeof(lower), "%s", in_run("lower"));
	(void)snprintf(option, sizeof(option), "lowerdir=%s", lower);
	(void)snprintf(create, sizeof(create),
		"io.katacontainers.volume.overlayfs.create_directory=%s", lower);
	s.options = LIST(text("io.katacontainers.fs-opt.overlay-rw"), option);
	s.n_options = 2;
	s.driver_options = LIST(create);
	s.n_driver_options = 1;
	assert_ok(add(&s));
	assert_true(is_mounted(in_run("c/rootfs")));
	(void)snprintf(file, sizeof(file), "%s/new", in_run("c/rootfs"));
	assert_ok(file_write_atomic(file, bytes_str("x"), 0644));
	assert_false(file_exists(in_run("lower/new")));
	storage_sandbox_remove(&a);
	assert_false(file_exists(in_run("c/rootfs")));
	s.driver_options =
		LIST(text("io.katacontainers.volume.overlayfs.create_directory=/etc/sealpod-test"));
	assert_err(add(&s), ERR_DENIED);
	assert_false(file_exists("/etc/sealpod-test"));
	a.open_world = false;
	assert_err(add(&s), ERR_DENIED);
}

/* With a manifest the mount point stays where volumes are, whatever links are on the way. */
static void test_links(void **state)
{
	(void)state;
	Agent__Storage s = storage_of("ephemeral", "tmpfs", in_run("shared/containers/link/x"));
	char outside[600];

	need_mounts(false);
	(void)snprintf(outside, sizeof(outside), "%s/outside", test_dir());
	assert_ok(dir_make(outside, 0755));
	assert_ok(dir_make(in_run("shared/containers"), 0755));
	assert_int_equal(symlink(outside, in_run("shared/containers/link")), 0);
	assert_true(failed(add(&s)));
	s.mount_point = outside;
	assert_err(add(&s), ERR_DENIED);
	/* Nor where images and the agent's own files are. */
	s.mount_point = in_run("c1/rootfs");
	assert_err(add(&s), ERR_DENIED);
	s.mount_point = in_run("shared/containers");
	assert_err(add(&s), ERR_DENIED);
	s.driver = text("watchable-bind");
	s.source = outside;
	s.mount_point = in_run("shared/containers/x");
	assert_err(add(&s), ERR_DENIED);
	assert_false(is_mounted(outside));
	assert_int_equal(unlink(in_run("shared/containers/link")), 0);
}

static void test_group(void **state)
{
	(void)state;
	Agent__FSGroup g = AGENT__FSGROUP__INIT;
	Agent__Storage s = storage_of("watchable-bind", "bind", in_run("shared/containers/bound"));
	char source[600], file[700];
	struct stat st;

	need_mounts(true);
	(void)snprintf(source, sizeof(source), "%s/source", test_dir());
	(void)snprintf(file, sizeof(file), "%s/dir/file", source);
	assert_ok(dir_make(source, 0755));
	(void)snprintf(file, sizeof(file), "%s/dir", source);
	assert_ok(dir_make(file, 0700));
	(void)snprintf(file, sizeof(file), "%s/dir/file", source);
	assert_ok(file_write_atomic(file, bytes_str("x"), 0400));
	s.source = source;
	s.fs_group = &g;
	g.group_id = 4711;
	assert_ok(add(&s));
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_gid, 4711);
	assert_int_equal(st.st_mode & 07777, 0660);
	(void)snprintf(file, sizeof(file), "%s/dir", source);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 02770);
	storage_sandbox_remove(&a);
	assert_false(file_exists(in_run("shared/containers/bound")));
	assert_true(file_exists(file));
}

/* ---- volumes ---- */

static const char manifest_text[] =
	"{\"version\":1,\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"volumes\":["
	"{\"at\":\"/cache\",\"kind\":\"memory\",\"name\":\"cache\",\"size\":65536},"
	"{\"at\":\"/own\",\"kind\":\"memory\"},"
	"{\"at\":\"/config\",\"kind\":\"files\",\"read_only\":true},"
	"{\"at\":\"/data\",\"kind\":\"encrypted\"},"
	"{\"at\":\"/image\",\"kind\":\"image\"}]}]}";

static struct manifest manifest;

/* A container that asks for one mount; its volumes are prepared as its creation would. */
static struct err prepare(const char *destination, char *source, char **ret_bound)
{
	Agent__CreateContainerRequest q = AGENT__CREATE_CONTAINER_REQUEST__INIT;
	Oci__Spec spec = OCI__SPEC__INIT;
	Oci__Mount m = OCI__MOUNT__INIT, *mounts[] = { &m };
	struct container c = { .agent = &a, .id = "c", .request = &q };
	static char dir[512];
	struct err e;

	(void)snprintf(dir, sizeof(dir), "%s/container", test_dir());
	c.dir = dir;
	c.rule = manifest_container_at(&manifest, 0);
	q.oci = &spec;
	spec.mounts = mounts;
	spec.n_mounts = 1;
	m.destination = text(destination);
	m.type = text("bind");
	m.source = source;
	e = volumes_prepare(&c);
	*ret_bound = NULL;
	if (!failed(e) && c.mount_sources[0]) {
		struct statvfs fs;

		assert_ok(str_dup(c.mount_sources[0], ret_bound));
		assert_int_equal(statvfs(*ret_bound, &fs), 0);
		if (str_equal(destination, "/cache"))
			assert_int_equal(fs.f_blocks * fs.f_frsize, 65536);
	}
	volumes_done(&c);
	assert_ok(dir_remove_tree(dir));
	return e;
}

static struct err prepare_only(const char *destination, char *source)
{
	AUTO(auto_free) char *bound = NULL;

	return prepare(destination, source, &bound);
}

static void test_volumes(void **state)
{
	(void)state;
	Agent__Storage cache = storage_of("ephemeral", "tmpfs", in_run("sandbox/ephemeral/cache"));
	Agent__Storage own = storage_of("ephemeral", "tmpfs", in_run("sandbox/ephemeral/own"));
	char config[512], sneaky[512];

	need_mounts(false);
	(void)snprintf(config, sizeof(config), "%s", in_run("shared/containers/c-1-config"));
	(void)snprintf(sneaky, sizeof(sneaky), "%s", in_run("shared/containers/sneaky"));
	assert_ok(manifest_parse(bytes_str(manifest_text), &manifest));
	assert_ok(add(&cache));
	assert_ok(add(&own));
	assert_ok(dir_make(config, 0755));
	assert_int_equal(symlink(cache.mount_point, sneaky), 0);
	assert_ok(prepare_only("/cache", cache.mount_point));
	assert_ok(prepare_only("/own", own.mount_point));
	assert_ok(prepare_only("/config", config));
	assert_ok(prepare_only("/image", text("/anything")));
	/* One volume cannot be two, and two cannot be one. */
	assert_err(prepare_only("/own", cache.mount_point), ERR_DENIED);
	assert_err_text("manifest.volumes");
	assert_err(prepare_only("/cache", own.mount_point), ERR_DENIED);
	/* Nor is the host's what must be the guest's. */
	assert_err(prepare_only("/cache", config), ERR_DENIED);
	assert_err(prepare_only("/data", cache.mount_point), ERR_DENIED);
	assert_err(prepare_only("/config", cache.mount_point), ERR_DENIED);
	assert_err(prepare_only("/config", text("/proc/1")), ERR_DENIED);
	assert_err(prepare_only("/config", in_run("shared/containersX/y")), ERR_DENIED);
	assert_true(failed(prepare_only("/config", sneaky)));
	storage_sandbox_remove(&a);
	assert_int_equal(unlink(sneaky), 0);
	manifest_done(&manifest);
}

/* ---- encrypted devices ---- */

static struct effects effects;
static char helper_words[512]; /* of its command line */
static struct hub_volume asked;

static struct err fake_prepare(const struct agent *agent, const char *driver, const char *source)
{
	(void)agent;
	(void)driver;
	(void)source;
	return OK;
}

static struct err fake_find(
	const struct agent *agent, const char *driver, const char *source, char **ret_device)
{
	(void)agent;
	(void)driver;
	(void)source;
	return str_dup("/dev/sdx", ret_device);
}

/* The helper: says where the volume is. */
static struct err fake_run(
	struct agent *agent, const struct process_spec *spec, command_fn *fn, void *arg)
{
	size_t n = 0;

	(void)agent;
	for (size_t i = 1; spec->argv[i]; i++)
		n += (size_t)snprintf(
			helper_words + n, sizeof(helper_words) - n, "%s ", spec->argv[i]);
	TRY(fd_write_all(spec->stdout_fd, bytes_str("/dev/dm-7\n")));
	fn(arg, 0);
	return OK;
}

/* No such device is here: memory instead. */
static struct err fake_mount(const struct storage_mount *m, const char *target)
{
	const struct storage_mount memory = { "tmpfs", "tmpfs", m->flags, NULL };

	return effect_mount(m->type && str_equal(m->type, "ext4") ? &memory : m, target);
}

static struct err fake_secure_mount(
	struct agent *agent, const struct hub_volume *v, pull_fn *fn, void *arg)
{
	const struct storage_mount memory = { "tmpfs", "tmpfs", 0, NULL };

	(void)agent;
	asked = *v;
	assert_string_equal(v->device, "/dev/sdx");
	TRY(effect_mount(&memory, v->mount_point));
	fn(arg, OK);
	return OK;
}

struct boxed {
	struct container c;
	Agent__CreateContainerRequest q;
	Oci__Spec spec;
	Oci__Mount mount, *mounts[1];
	Agent__Storage storage, *storages[1];
	char *words[2];
	char dir[512];
};

/* A container that has one storage, mounted at `destination`. */
static void box_init(struct boxed *b, const char *id, const char *destination, char *at)
{
	*b = (struct boxed){ .c = { .agent = &a },
		.q = AGENT__CREATE_CONTAINER_REQUEST__INIT,
		.spec = OCI__SPEC__INIT,
		.mount = OCI__MOUNT__INIT,
		.storage = storage_of("scsi", "ext4", at) };
	(void)snprintf(b->c.id, sizeof(b->c.id), "%s", id);
	(void)snprintf(b->dir, sizeof(b->dir), "%s/box-%s", test_dir(), id);
	b->c.dir = b->dir;
	b->c.rule = manifest_container_at(&manifest, 0);
	b->c.request = &b->q;
	b->q.oci = &b->spec;
	b->mounts[0] = &b->mount;
	b->mount.destination = text(destination);
	b->mount.type = text("bind");
	b->mount.source = at;
	b->spec.mounts = b->mounts;
	b->spec.n_mounts = 1;
	b->storages[0] = &b->storage;
	b->q.storages = b->storages;
	b->q.n_storages = 1;
	b->words[0] = text("encryption_key=ephemeral");
	b->words[1] = text("create_filesystem");
	b->storage.driver_options = b->words;
	b->storage.n_driver_options = 2;
}

static void stop_soon(void *loop)
{
	loop_stop(loop, 0);
}

static struct err attach(struct boxed *b)
{
	struct err_saved result = { .code = ERR_TIMEOUT };
	struct loop_source *timer = NULL;
	int status = 0;

	assert_ok(storage_container_add(&b->c, on_added, &result));
	assert_ok(loop_add_timer(a.loop, 300, 0, stop_soon, a.loop, &timer));
	assert_ok(loop_run(a.loop, &status));
	loop_remove(timer);
	return result.code == ERR_OK ? OK : err_restore(&result);
}

static void detach_box(struct boxed *b)
{
	volumes_done(&b->c);
	storage_container_remove(&b->c);
	assert_ok(dir_remove_tree(b->dir));
}

static const char encrypted_text[] =
	"{\"version\":1,\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"volumes\":["
	"{\"at\":\"/keyed\",\"kind\":\"encrypted\",\"key\":\"kbs:///a/b/c\",\"create\":true},"
	"{\"at\":\"/small\",\"kind\":\"encrypted\",\"size\":4096},"
	"{\"at\":\"/plain\",\"kind\":\"encrypted\"}]}]}";

static void use_fakes(void)
{
	effects = effects_real;
	effects.block_prepare = fake_prepare;
	effects.block_find = fake_find;
	effects.run = fake_run;
	effects.mount = fake_mount;
	effects.secure_mount = fake_secure_mount;
	a.effects = &effects;
	a.set.volume = "/bin/true";
	assert_ok(manifest_parse(bytes_str(encrypted_text), &manifest));
}

static void drop_fakes(void)
{
	storage_sandbox_remove(&a);
	a.effects = &effects_real;
	manifest_done(&manifest);
}

/* The manifest's key, whatever the host asks for; and such a volume is no other one. */
static void test_keyed(void **state)
{
	(void)state;
	char *at = in_run("sandbox/block/data");
	struct boxed b, other;

	need_mounts(false);
	use_fakes();
	helper_words[0] = '\0';
	box_init(&b, "keyed", "/keyed", at);
	b.storage.fstype = text("bind");
	b.storage.options = LIST(text("bind"));
	b.storage.n_options = 1;
	assert_ok(attach(&b));
	assert_string_equal(asked.key, "kbs:///a/b/c");
	assert_true(asked.authentic && asked.create);
	assert_string_equal(helper_words, "");
	assert_true(is_mounted(at));
	box_init(&other, "other", "/plain", at);
	assert_err(attach(&other), ERR_DENIED);
	assert_err_text("manifest.volumes");
	detach_box(&other);
	detach_box(&b);
	drop_fakes();
	assert_false(is_mounted(at));
}

static void test_sized(void **state)
{
	(void)state;
	char *at = in_run("sandbox/storage/MDow");
	struct boxed b, other;

	need_mounts(false);
	use_fakes();
	helper_words[0] = '\0';
	box_init(&b, "sized", "/small", at);
	assert_ok(attach(&b));
	assert_non_null(strstr(helper_words, "make --encrypt sealpod-volume-"));
	assert_non_null(strstr(helper_words, "--size 4096 /dev/sdx"));
	/* Made for one place it has not the size of another. */
	box_init(&other, "other", "/plain", at);
	assert_err(attach(&other), ERR_DENIED);
	detach_box(&other);
	detach_box(&b);
	drop_fakes();
}

/* The disk of images: no device of the container, and nothing that a storage may claim to be. */
static void test_image_store(void **state)
{
	(void)state;
	Agent__Device device = AGENT__DEVICE__INIT, *devices[] = { &device };
	Oci__Linux linux_ = OCI__LINUX__INIT;
	Oci__LinuxDevice *node = calloc(1, sizeof(*node)), *nodes[] = { node };
	struct boxed b, host;
	struct stat st;

	need_mounts(false);
	use_fakes();
	assert_non_null(node);
	oci__linux_device__init(node);
	assert_ok(str_dup(SPEC_TRUSTED_STORE, &node->path));
	linux_.devices = nodes;
	linux_.n_devices = 1;
	device.container_path = text(SPEC_TRUSTED_STORE);
	device.type = text("scsi");
	device.id = text("1:0");
	box_init(&b, "store", "/plain", in_run("sandbox/storage/other"));
	b.spec.linux_ = &linux_;
	b.c.pulled = true;
	/* Named without a device. */
	assert_err(image_store_take(&b.c), ERR_DENIED);
	assert_int_equal(linux_.n_devices, 0);
	b.q.devices = devices;
	b.q.n_devices = 1;
	b.spec.n_mounts = 0;
	b.q.n_storages = 0;
	b.q.storages = NULL;
	assert_ok(image_store_take(&b.c));
	assert_int_equal(b.q.n_storages, 1);
	assert_ptr_equal(b.c.image_store, b.q.storages[0]);
	b.q.n_devices = 0; /* found already */
	assert_ok(attach(&b));
	assert_true(is_mounted(in_run("image")));
	assert_int_equal(stat(in_run("image"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	pb_free(&b.q.storages[0]->base);
	free(b.q.storages);
	detach_box(&b);
	drop_fakes();
	assert_false(is_mounted(in_run("image")));
	/* The host may not mount there by itself. */
	use_fakes();
	box_init(&host, "host", "/plain", in_run("image"));
	assert_err(attach(&host), ERR_DENIED);
	detach_box(&host);
	drop_fakes();
}

/* ---- requests about volumes ---- */

static struct err request(const char *method, const ProtobufCMessage *msg, struct buf *out)
{
	AUTO(buf_done) struct buf payload = BUF_INIT(TTRPC_MESSAGE_MAX);

	TRY(pb_pack(msg, &payload));
	return ttrpc_call_sync(client,
		&(struct ttrpc_request){ .service = "grpc.AgentService",
			.method = method,
			.payload = buf_bytes(&payload),
			.timeout_ms = 10 * 1000 },
		out);
}

static struct err stats_of(const char *path, uint64_t *ret_total)
{
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);
	AUTO(pb_free_any) Csi__VolumeStatsResponse *answer = NULL;
	Agent__VolumeStatsRequest q = AGENT__VOLUME_STATS_REQUEST__INIT;

	q.volume_guest_path = text(path);
	TRY(request("GetVolumeStats", &q.base, &out));
	TRY(PB_UNPACK(csi__volume_stats_response, buf_bytes(&out), &answer));
	assert_int_equal(answer->n_usage, 2);
	assert_int_equal(answer->usage[0]->unit, CSI__VOLUME_USAGE__UNIT__BYTES);
	assert_int_equal(answer->usage[1]->unit, CSI__VOLUME_USAGE__UNIT__INODES);
	assert_true(
		answer->usage[0]->used + answer->usage[0]->available <= answer->usage[0]->total);
	*ret_total = answer->usage[0]->total;
	return OK;
}

static struct err resize_to(const char *driver, char *at, const char *option)
{
	Agent__UpdateEphemeralMountsRequest q = AGENT__UPDATE_EPHEMERAL_MOUNTS_REQUEST__INIT;
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);
	Agent__Storage s = storage_of(driver, "tmpfs", at), *list[] = { &s };

	s.options = LIST(text(option), text("fsgid=7"));
	s.n_options = 2;
	q.storages = list;
	q.n_storages = 1;
	return request("UpdateEphemeralMounts", &q.base, &out);
}

static void test_requests(void **state)
{
	(void)state;
	Agent__RemoveStaleVirtiofsShareMountsRequest stale =
		AGENT__REMOVE_STALE_VIRTIOFS_SHARE_MOUNTS_REQUEST__INIT;
	Agent__ResizeVolumeRequest resize = AGENT__RESIZE_VOLUME_REQUEST__INIT;
	Agent__Storage s = storage_of("ephemeral", "tmpfs", in_run("sandbox/ephemeral/v"));
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);
	char *at = s.mount_point;
	uint64_t total = 0;

	need_mounts(true);
	s.options = LIST(text("size=65536"));
	s.n_options = 1;
	assert_ok(add(&s));
	assert_ok(stats_of(at, &total));
	assert_int_equal(total, 65536);
	assert_ok(resize_to("ephemeral", at, "size=131072"));
	assert_ok(stats_of(at, &total));
	assert_int_equal(total, 131072);
	assert_true(failed(resize_to("local", at, "size=4096")));
	assert_true(failed(resize_to("ephemeral", in_run("other"), "size=4096")));
	assert_true(failed(resize_to("ephemeral", at, "size=much")));
	assert_true(failed(stats_of("relative", &total)));
	assert_true(failed(stats_of("/absent", &total)));
	assert_ok(request("RemoveStaleVirtiofsShareMounts", &stale.base, &out));
	assert_true(failed(request("ResizeVolume", &resize.base, &out)));
	/* Without a manifest that allows it the host hears nothing. */
	a.open_world = false;
	assert_err(stats_of(at, &total), ERR_DENIED);
	storage_sandbox_remove(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_options_together),
		cmocka_unit_test(test_ephemeral),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_overlay),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_keyed),
		cmocka_unit_test(test_sized),
		cmocka_unit_test(test_image_store),
		cmocka_unit_test(test_requests),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
