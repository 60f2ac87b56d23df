/* What is decided before anything is done: volumes, sizes, what the guest is told. */
#include "direct_volume.h"
#include "message.h"
#include "pod_mounts.h"
#include "sandbox_size.h"
#include "sandbox_spec.h"
#include "sandbox_volume.h"
#include "util.h"

#include <base/file.h>
#include <net/pb.h>

static Oci__Spec *spec_of(const char *json)
{
	Oci__Spec *s = NULL;

	assert_ok(oci_json_spec(bytes_str(json), &s));
	return s;
}

/* ---- volumes ---- */

#define KUBELET "/var/lib/kubelet/pods/u/volumes/kubernetes.io"

static const struct volume_case {
	const char *mount; /* members of the mount */
	enum volume_source source;
	bool tmpfs, hugetlbfs, direct;
	bool shared;
	enum runtime_empty_dir empty_dir;
	enum volume_kind kind;
} volumes[] = {
	{ "\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"", 0, 0, 0, 0, true, 0,
		VOLUME_KEEP },
	{ "\"destination\":\"/tmp\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"", 0, 0, 0, 0, true, 0,
		VOLUME_KEEP },
	{ "\"destination\":\"/dev/shm\",\"type\":\"bind\",\"source\":\"/run/c/shm\"", SOURCE_DIR,
		true, 0, 0, true, 0, VOLUME_SHM },
	{ "\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\"", 0, 0, 0, 0, false,
		0, VOLUME_SHM },
	{ "\"destination\":\"/m\",\"type\":\"bind\",\"source\":\"" KUBELET "~empty-dir/a\"",
		SOURCE_DIR, true, 0, 0, true, EMPTY_DIR_ENCRYPTED, VOLUME_MEMORY },
	{ "\"destination\":\"/m\",\"type\":\"bind\",\"source\":\"" KUBELET "~empty-dir/a\"",
		SOURCE_DIR, false, 0, 0, true, EMPTY_DIR_ENCRYPTED, VOLUME_DISK },
	{ "\"destination\":\"/m\",\"type\":\"bind\",\"source\":\"" KUBELET "~empty-dir/a\"",
		SOURCE_DIR, false, 0, 0, true, EMPTY_DIR_SHARED, VOLUME_SHARE },
	{ "\"destination\":\"/m\",\"type\":\"bind\",\"source\":\"" KUBELET "~empty-dir/a\"",
		SOURCE_DIR, false, 0, 0, false, EMPTY_DIR_SHARED, VOLUME_LOCAL },
	{ "\"destination\":\"/m\",\"type\":\"bind\",\"source\":\"" KUBELET "~empty-dir/a\"",
		SOURCE_DIR, false, 0, 0, true, EMPTY_DIR_GUEST, VOLUME_LOCAL },
	{ "\"destination\":\"/m\",\"type\":\"bind\",\"source\":\"/dev/sdz\"", SOURCE_BLOCK, 0, 0, 0,
		true, 0, VOLUME_BLOCK },
	{ "\"destination\":\"/m\",\"type\":\"bind\",\"source\":\"/csi/v\"", SOURCE_DIR, 0, 0, true,
		true, 0, VOLUME_DIRECT },
	{ "\"destination\":\"/m\",\"type\":\"overlay\",\"source\":\"/csi/v\"", SOURCE_DIR, 0, 0,
		true, true, 0, VOLUME_KEEP },
	{ "\"destination\":\"/h\",\"type\":\"bind\",\"source\":\"/huge\"", SOURCE_DIR, 0, true, 0,
		true, 0, VOLUME_HUGEPAGES },
	{ "\"destination\":\"/h\",\"type\":\"bind\",\"source\":\"/"
	  "x\",\"options\":[\"pagesize=2M\"]",
		SOURCE_DIR, 0, 0, 0, true, 0, VOLUME_HUGEPAGES },
	{ "\"destination\":\"/d\",\"type\":\"bind\",\"source\":\"/data\"", SOURCE_DIR, 0, 0, 0,
		true, 0, VOLUME_SHARE },
	{ "\"destination\":\"/d\",\"type\":\"none\",\"source\":\"/data\",\"options\":[\"rbind\"]",
		SOURCE_DIR, 0, 0, 0, true, 0, VOLUME_SHARE },
	{ "\"destination\":\"/d\",\"type\":\"bind\",\"source\":\"/data\"", SOURCE_DIR, 0, 0, 0,
		false, 0, VOLUME_COPY },
	{ "\"destination\":\"/etc/hosts\",\"type\":\"bind\",\"source\":\"/h\"", SOURCE_FILE, 0, 0,
		0, false, 0, VOLUME_COPY },
	{ "\"destination\":\"/c\",\"type\":\"bind\",\"source\":\"" KUBELET "~configmap/c\"",
		SOURCE_DIR, 0, 0, 0, false, 0, VOLUME_WATCH },
	{ "\"destination\":\"/c\",\"type\":\"bind\",\"source\":\"" KUBELET "~secret/c\"",
		SOURCE_DIR, true, 0, 0, false, 0, VOLUME_WATCH },
	{ "\"destination\":\"/c\",\"type\":\"bind\",\"source\":\"" KUBELET "~configmap/c/f\"",
		SOURCE_FILE, 0, 0, 0, false, 0, VOLUME_COPY },
	{ "\"destination\":\"/c\",\"type\":\"bind\",\"source\":\"" KUBELET "~configmap/c\"",
		SOURCE_DIR, 0, 0, 0, true, 0, VOLUME_SHARE },
	{ "\"destination\":\"/s\",\"type\":\"bind\",\"source\":\"/run/x.sock\"", SOURCE_OTHER, 0, 0,
		0, false, 0, VOLUME_SKIP },
	{ "\"destination\":\"/s\",\"type\":\"bind\",\"source\":\"/run/x.sock\"", SOURCE_OTHER, 0, 0,
		0, true, 0, VOLUME_SHARE },
	{ "\"destination\":\"/dev/fuse\",\"type\":\"bind\",\"source\":\"/dev/fuse\"", SOURCE_OTHER,
		0, 0, 0, true, 0, VOLUME_KEEP },
	{ "\"destination\":\"/dev\",\"type\":\"bind\",\"source\":\"/x\"", SOURCE_DIR, 0, 0, 0, true,
		0, VOLUME_KEEP },
	{ "\"destination\":\"/dev/termination-log\",\"type\":\"bind\",\"source\":\"/k/t\"",
		SOURCE_FILE, 0, 0, 0, true, 0, VOLUME_SHARE },
	{ "\"destination\":\"/sys/fs/cgroup\",\"type\":\"bind\",\"source\":\"/sys/fs/cgroup\"",
		SOURCE_DIR, 0, 0, 0, true, 0, VOLUME_KEEP },
	{ "\"destination\":\"/p\",\"type\":\"bind\",\"source\":\"/proc\"", SOURCE_DIR, 0, 0, 0,
		true, 0, VOLUME_KEEP },
	{ "\"destination\":\"/p\",\"type\":\"bind\",\"source\":\"/process\"", SOURCE_DIR, 0, 0, 0,
		true, 0, VOLUME_SHARE },
};

static void test_volumes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(volumes); i++) {
		AUTO(auto_free) char *json = NULL;
		AUTO(pb_free_any) Oci__Spec *s = NULL;
		const struct volume_facts f = { .source = volumes[i].source,
			.tmpfs = volumes[i].tmpfs,
			.hugetlbfs = volumes[i].hugetlbfs,
			.direct = volumes[i].direct };
		const struct volume_rules r = { .shared = volumes[i].shared,
			.empty_dir = volumes[i].empty_dir };
		enum volume_kind kind = VOLUME_SKIP;

		assert_ok(str_format(&json, "{\"mounts\":[{%s}]}", volumes[i].mount));
		s = spec_of(json);
		assert_ok(volume_decide(s->mounts[0], &f, &r, &kind));
		if (kind != volumes[i].kind)
			fail_msg("%s: %d instead of %d", volumes[i].mount, kind, volumes[i].kind);
	}
}

static void test_volume_of_nothing(void **state)
{
	AUTO(pb_free_any) Oci__Spec *s = spec_of(
		"{\"mounts\":[{\"destination\":\"/d\",\"type\":\"bind\",\"source\":\"/none\"}]}");
	const struct volume_facts f = { 0 };
	const struct volume_rules r = { .shared = true };
	enum volume_kind kind = VOLUME_KEEP;

	(void)state;
	assert_err(volume_decide(s->mounts[0], &f, &r, &kind), ERR_NOT_FOUND);
	assert_err_text("mount /d: its source /none");
}

static void test_direct_volumes(void **state)
{
	static const char good[] =
		"{\"volume-type\":\"blk\",\"device\":\"/dev/vdz\",\"fstype\":\"xfs\",\"metadata\":"
		"{\"createFilesystem\":\"true\",\"encryptionKey\":\"ephemeral\",\"fsGroup\":\"7\"},"
		"\"options\":[\"ro\"]}";
	static const struct {
		const char *json;
		enum err_code code;
	} bad[] = {
		{ "{}", ERR_FORMAT },
		{ "{\"volume-type\":\"spdkvol\",\"device\":\"/d\"}", ERR_UNSUPPORTED },
		{ "{\"volume-type\":\"blk\",\"device\":\"d\"}", ERR_FORMAT },
		{ "{\"volume-type\":\"blk\",\"device\":\"/d\",\"metadata\":{\"fsGroup\":\"x\"}}",
			ERR_FORMAT },
		{ "{\"volume-type\":\"blk\",\"device\":\"/d\",\"metadata\":{\"encryptionKey\":"
		  "\"k\"}}",
			ERR_UNSUPPORTED },
	};
	AUTO(direct_volume_done) struct direct_volume v = { 0 };
	AUTO(auto_free) char *dir = NULL;

	(void)state;
	assert_ok(direct_volume_parse(bytes_str(good), &v));
	assert_string_equal(v.device, "/dev/vdz");
	assert_string_equal(v.fstype, "xfs");
	assert_true(v.create && v.encrypted);
	assert_int_equal(v.fs_group, 7);
	assert_string_equal(v.options.v[0], "ro");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(direct_volume_done) struct direct_volume none = { 0 };

		assert_err(direct_volume_parse(bytes_str(bad[i].json), &none), bad[i].code);
	}
	assert_ok(volume_direct_dir("/a/b", &dir));
	assert_true(str_ends(dir, "/direct-volumes/L2EvYg=="));
}

static struct err parse_direct(void *arg, struct bytes in)
{
	AUTO(direct_volume_done) struct direct_volume v = { 0 };

	(void)arg;
	return direct_volume_parse(in, &v);
}

static void test_direct_volumes_damaged(void **state)
{
	static const char good[] = "{\"volume-type\":\"directvol\",\"device\":\"/d\"}";

	(void)state;
	each_prefix(bytes_str(good), parse_direct, NULL);
	each_flip_survives(bytes_str(good), parse_direct, NULL);
}

/* ---- sizes ---- */

#define CRI(text) "{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\"" text "}}"
#define QUOTA(v)  ",\"io.kubernetes.cri.sandbox-cpu-quota\":\"" v "\""
#define PERIOD(v) ",\"io.kubernetes.cri.sandbox-cpu-period\":\"" v "\""
#define MEMORY(v) ",\"io.kubernetes.cri.sandbox-memory\":\"" v "\""

static void test_sizes(void **state)
{
	static const struct {
		const char *json;
		uint64_t vcpus, memory;
	} good[] = {
		{ "{}", 2, 2048 },
		{ CRI(""), 2, 2048 },
		{ CRI(QUOTA("-1") PERIOD("100000")), 2, 2048 },
		{ CRI(QUOTA("100000") PERIOD("100000")), 2, 2048 },
		{ CRI(QUOTA("250000") PERIOD("100000")), 4, 2048 },
		{ CRI(MEMORY("536870912")), 1, 640 },
		{ CRI(MEMORY("1048576001")), 1, 1128 },
		{ CRI(QUOTA("50000") PERIOD("100000") MEMORY("1073741824")), 2, 1152 },
		{ CRI(MEMORY("1048576")), 1, 256 }, /* the least that boots */
		{ "{\"linux\":{\"resources\":{\"cpu\":{\"quota\":300000,\"period\":100000},"
		  "\"memory\":{\"limit\":268435456}}}}",
			4, 384 },
		/* Limits of the sandbox's own container say nothing about the pod. */
		{ "{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\"},"
		  "\"linux\":{\"resources\":{\"memory\":{\"limit\":268435456}}}}",
			2, 2048 },
	};
	static const struct {
		const char *json;
		enum err_code code;
	} bad[] = {
		{ CRI(MEMORY("x")), ERR_FORMAT },
		{ CRI(QUOTA("1e6") PERIOD("1")), ERR_FORMAT },
		{ CRI(QUOTA("9223372036854775807") PERIOD("1")), ERR_LIMIT },
		{ CRI(MEMORY("9223372036854775807")), ERR_LIMIT },
	};
	const struct runtime_config c = { .vcpus = 2,
		.memory_mib = 2048,
		.overhead_vcpus_milli = 400,
		.overhead_memory_mib = 128 };
	struct sandbox_size size;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(pb_free_any) Oci__Spec *s = spec_of(good[i].json);

		assert_ok(sandbox_size(s, &c, &size));
		if (size.vcpus != good[i].vcpus || size.memory_mib != good[i].memory)
			fail_msg("%s: %llu, %llu", good[i].json, (unsigned long long)size.vcpus,
				(unsigned long long)size.memory_mib);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(pb_free_any) Oci__Spec *s = spec_of(bad[i].json);

		assert_err(sandbox_size(s, &c, &size), bad[i].code);
	}
}

/* ---- specifications ---- */

static void test_amend(void **state)
{
	AUTO(pb_free_any) Oci__Spec *s = spec_of(
		"{\"process\":{\"args\":[\"x\"],\"apparmorProfile\":\"p\",\"selinuxLabel\":\"l\"},"
		"\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"hooks\":{\"prestart\":"
		"[{\"path\":\"/p\"}],\"startContainer\":[{\"path\":\"/s\"}]},"
		"\"annotations\":{\"" ANNOTATION_INITDATA "\":\"x\",\"k\":\"v\"},"
		"\"linux\":{\"mountLabel\":\"m\",\"namespaces\":[{\"type\":\"pid\",\"path\":\"/"
		"p\"},"
		"{\"type\":\"network\"},{\"type\":\"ipc\",\"path\":\"/i\"},{\"type\":\"mount\"}],"
		"\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":true,"
		"\"type\":\"c\",\"major\":1}],\"cpu\":{\"shares\":5,\"cpus\":\"0-3\"},\"pids\":"
		"{\"limit\":9},\"blockIO\":{\"weight\":1}},\"intelRdt\":{}}}");
	const struct spec_amend how = {
		.bundle = "/b", .root = "/r", .terminal = true, .role = OCI_CONTAINER
	};
	bool pidns = false;

	(void)state;
	assert_ok(spec_amend(&how, s, &pidns));
	assert_true(pidns);
	assert_string_equal(s->root->path, "/r");
	assert_true(s->root->readonly);
	assert_true(s->process->terminal);
	assert_string_equal(s->process->apparmorprofile, "");
	assert_string_equal(s->process->selinuxlabel, "");
	assert_int_equal(s->hooks->n_prestart, 0);
	assert_int_equal(s->hooks->n_startcontainer, 1);
	assert_null(oci_annotation(s, ANNOTATION_INITDATA));
	assert_string_equal(oci_annotation(s, "k"), "v");
	assert_string_equal(
		oci_annotation(s, "io.katacontainers.pkg.oci.container_type"), "pod_container");
	assert_string_equal(oci_annotation(s, "io.katacontainers.pkg.oci.bundle_path"), "/b");
	assert_int_equal(s->linux_->n_namespaces, 2);
	assert_string_equal(s->linux_->namespaces[0]->type, "ipc");
	assert_string_equal(s->linux_->namespaces[0]->path, "");
	assert_int_equal(s->linux_->resources->n_devices, 0);
	assert_int_equal(s->linux_->resources->cpu->shares, 5);
	assert_string_equal(s->linux_->resources->cpu->cpus, "");
	assert_int_equal(s->linux_->resources->pids->limit, 9);
	assert_null(s->linux_->resources->blockio);
	assert_null(s->linux_->intelrdt);
	assert_string_equal(s->linux_->mountlabel, "");
}

/* What is mounted already stays, what the pod has not is left out. */
static void test_pod_files(void **state)
{
	AUTO(auto_free) char *resolv = NULL;
	AUTO(pb_free_any) Oci__Spec *bare = spec_of("{}");
	AUTO(pb_free_any) Oci__Spec *has = spec_of(
		"{\"mounts\":[{\"destination\":\"/etc/resolv.conf\",\"source\":\"/mine\"}]}");

	(void)state;
	assert_ok(path_join(test_dir(), "resolv.conf", &resolv));
	assert_ok(file_write_atomic(resolv, bytes_str("nameserver 10.0.0.1\n"), 0644));
	assert_ok(spec_add_pod_files(test_dir(), bare));
	assert_int_equal(bare->n_mounts, 1);
	assert_string_equal(bare->mounts[0]->destination, "/etc/resolv.conf");
	assert_string_equal(bare->mounts[0]->source, resolv);
	assert_string_equal(bare->mounts[0]->type, "bind");
	assert_string_equal(bare->mounts[0]->options[0], "rbind");
	assert_ok(spec_add_pod_files(test_dir(), has));
	assert_int_equal(has->n_mounts, 1);
	assert_string_equal(has->mounts[0]->source, "/mine");
}

static void test_amend_refuses(void **state)
{
	const struct spec_amend how = { .bundle = "/b", .root = "/r" };
	AUTO(pb_free_any) Oci__Spec *no_process = spec_of("{\"root\":{\"path\":\"r\"}}");
	AUTO(pb_free_any) Oci__Spec *no_root = spec_of("{\"process\":{}}");
	bool pidns = false;

	(void)state;
	assert_err(spec_amend(&how, no_process, &pidns), ERR_FORMAT);
	assert_err_text("process");
	assert_err(spec_amend(&how, no_root, &pidns), ERR_FORMAT);
	assert_err_text("root");
}

static void test_images(void **state)
{
	AUTO(pb_free_any) Oci__Spec *cri =
		spec_of("{\"annotations\":{\"io.kubernetes.cri.image-name\":\"r/a\"}}");
	AUTO(pb_free_any) Oci__Spec *crio =
		spec_of("{\"annotations\":{\"io.kubernetes.cri-o.ImageName\":\"r/b\"}}");
	AUTO(pb_free_any) Oci__Spec *none = spec_of("{}");

	(void)state;
	assert_string_equal(spec_image_name(cri, OCI_CONTAINER), "r/a");
	assert_string_equal(spec_image_name(crio, OCI_SINGLE), "r/b");
	assert_string_equal(spec_image_name(none, OCI_SANDBOX), "pause");
	assert_null(spec_image_name(none, OCI_CONTAINER));
}

/* With a manifest, a privileged container's rule is the only one that means something. */
static void test_device_rules(void **state)
{
	AUTO(pb_free_any) Oci__LinuxResources *r = NULL;

	(void)state;
	assert_ok(oci_json_resources(
		bytes_str("{\"devices\":[{\"allow\":false},{\"allow\":true,\"access\":\"rwm\"},"
			  "{\"allow\":true,\"type\":\"a\",\"major\":-1,\"minor\":-1},"
			  "{\"allow\":true,\"type\":\"b\"},{\"allow\":true,\"major\":5}]}"),
		&r));
	spec_amend_resources(true, r);
	assert_int_equal(r->n_devices, 5);
	assert_int_equal(r->devices[1]->major, -1);
	assert_int_equal(r->devices[4]->major, 5);
	assert_int_equal(r->devices[4]->minor, -1);
	spec_amend_resources(false, r);
	assert_int_equal(r->n_devices, 2);
}

/* ---- mounts of a pod ---- */

static void test_mountinfo(void **state)
{
	static const char text[] = "22 27 0:21 / /proc rw - proc proc rw\n"
				   "30 27 0:3 / /run/p rw - tmpfs t rw\n"
				   "31 30 0:3 / /run/p/shared rw shared:1 - tmpfs t rw\n"
				   "32 30 0:3 / /run/p/a\\040b\\134 rw - tmpfs t rw\n"
				   "33 30 0:3 / /run/pods rw - tmpfs t rw";
	AUTO(strv_done) struct strv points = { 0 };
	struct strv none = { 0 };

	(void)state;
	assert_ok(pod_mounts_parse(bytes_str(text), "/run/p", &points));
	assert_int_equal(points.n, 3);
	assert_string_equal(points.v[1], "/run/p/shared");
	assert_string_equal(points.v[2], "/run/p/a b\\");
	assert_err(pod_mounts_parse(bytes_str("22 27\n"), "/", &none), ERR_FORMAT);
}

static struct err parse_mountinfo(void *arg, struct bytes in)
{
	AUTO(strv_done) struct strv points = { 0 };

	(void)arg;
	return pod_mounts_parse(in, "/run/p", &points);
}

static void test_mountinfo_damaged(void **state)
{
	static const char text[] = "32 30 0:3 / /run/p/a\\040b\\134 rw - tmpfs t rw\n";

	(void)state;
	each_prefix_survives(bytes_str(text), parse_mountinfo, NULL);
	each_flip_survives(bytes_str(text), parse_mountinfo, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_volume_of_nothing),
		cmocka_unit_test(test_direct_volumes),
		cmocka_unit_test(test_direct_volumes_damaged),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_amend),
		cmocka_unit_test(test_amend_refuses),
		cmocka_unit_test(test_pod_files),
		cmocka_unit_test(test_images),
		cmocka_unit_test(test_device_rules),
		cmocka_unit_test(test_mountinfo),
		cmocka_unit_test(test_mountinfo_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
