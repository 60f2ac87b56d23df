#include "config_parts.h"
#include "util.h"

#include <stdio.h>

#include <base/file.h>
#include <runtime/guest_files.h>
#include <runtime/run.h>
#include <sys/stat.h>

/* Configuration of `handler` from the texts of files. */
static struct err from(
	const char *const *texts, size_t n, const char *handler, struct runtime_config *c)
{
	static char names[][8] = { "a.toml", "b.toml" };
	struct config_source sources[ARRAY_LEN(names)];
	struct err e = OK;
	size_t read = 0;

	for (; read < n && !failed(e); read++) {
		sources[read] = (struct config_source){ .name = names[read] };
		e = toml_parse(bytes_str(texts[read]), &sources[read].tree);
	}
	if (!failed(e))
		e = config_from(sources, n, handler, c);
	for (size_t i = 0; i < read; i++)
		json_freep(&sources[i].tree);
	return e;
}

static struct err from_one(const char *text, const char *handler, struct runtime_config *c)
{
	return from(&text, 1, handler, c);
}

static bool lists(const struct strv *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++) {
		if (str_equal(s->v[i], name))
			return true;
	}
	return false;
}

static const struct {
	const char *handler;
	const struct vm_platform *platform;
	const char *accel;
	uint64_t overhead_mib;
} built_in[] = {
	{ "sealpod", &vm_none, "auto", 128 },
	{ "sealpod-vtpm", &vm_vtpm, "auto", 128 },
	{ "sealpod-snp", &vm_snp, "kvm", 128 },
	{ "sealpod-tdx", &vm_tdx, "kvm", 128 },
	{ "sealpod-sev", &vm_sev, "kvm", 128 },
	{ "sealpod-se", &vm_se, "kvm", 768 },
};

static void test_built_in(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(built_in); i++) {
		AUTO(runtime_config_done) struct runtime_config c = { 0 };
		bool open = built_in[i].platform == &vm_none;
		assert_ok(from(NULL, 0, built_in[i].handler, &c));
		assert_string_equal(c.handler, built_in[i].handler);
		assert_ptr_equal(c.platform, built_in[i].platform);
		assert_string_equal(c.accel, built_in[i].accel);
		assert_string_equal(c.run_dir, "/run/sealpod");
		assert_int_equal(c.overhead_memory_mib, built_in[i].overhead_mib);
		assert_int_equal(c.overhead_vcpus_milli, open ? 200 : 400);
		assert_int_equal(c.shared_fs, open ? SHARED_FS_VIRTIOFS : SHARED_FS_NONE);
		assert_int_equal(c.empty_dir, open ? EMPTY_DIR_SHARED : EMPTY_DIR_ENCRYPTED);
		assert_int_equal(c.memory_mib, 2048);
		assert_int_equal(c.vcpus, 1);
		assert_int_equal(c.timeout_s, RUN_TIMEOUT_S);
		assert_true(lists(&c.annotations, "cc_init_data"));
		assert_int_equal(lists(&c.annotations, "kernel_params"), open);
	}
}

static const char everything[] = "[runtime]\n"
				 "run_dir = \"/r\"\nstate_dir = '/s'\n"
				 "qemu_user = \"qemu\"\nvirtiofsd = \"/v\"\n"
				 "[handler.mine]\nplatform = \"snp\"\narch = \"x86_64\"\n"
				 "accel = \"kvm\"\nkernel = \"/k\"\ninitrd = \"/i\"\n"
				 "firmware = \"/f\"\ncmdline = \"a b\"\nvcpus = 4\n"
				 "memory_mib = 4096\noverhead_vcpus = 0.25\n"
				 "overhead_memory_mib = 64\nshared_fs = \"none\"\n"
				 "empty_dir = \"guest\"\nnetwork = \"none\"\n"
				 "network_queues = 2\nrx_bytes_per_s = 1\ntx_bytes_per_s = 2\n"
				 "disk_bytes_per_s = 3\ndisk_ops_per_s = 4\n"
				 "hugepages = true\npin_vcpus = true\n"
				 "sandbox_cgroup_only = false\ntimeout_s = 7\n"
				 "annotations = [\"default_vcpus\"]\ninitdata = \"/d\"\n"
				 "policy = \"0x30000\"\ncpu_model = \"EPYC-v4\"\n";

static void test_every_member(void **state)
{
	AUTO(runtime_config_done) struct runtime_config c = { 0 };

	(void)state;
	assert_ok(from_one(everything, "mine", &c));
	assert_string_equal(c.run_dir, "/r");
	assert_string_equal(c.state_dir, "/s");
	assert_string_equal(c.qemu_user, "qemu");
	assert_string_equal(c.virtiofsd, "/v");
	assert_ptr_equal(c.platform, &vm_snp);
	assert_int_equal(c.arch, VM_ARCH_X86_64);
	assert_string_equal(c.kernel, "/k");
	assert_string_equal(c.initrd, "/i");
	assert_string_equal(c.firmware, "/f");
	assert_string_equal(c.cmdline, "a b");
	assert_int_equal(c.vcpus, 4);
	assert_int_equal(c.memory_mib, 4096);
	assert_int_equal(c.overhead_vcpus_milli, 250);
	assert_int_equal(c.overhead_memory_mib, 64);
	assert_int_equal(c.empty_dir, EMPTY_DIR_GUEST);
	assert_int_equal(c.network, NETWORK_NONE);
	assert_int_equal(c.network_queues, 2);
	assert_int_equal(c.rx_bytes_per_s, 1);
	assert_int_equal(c.tx_bytes_per_s, 2);
	assert_int_equal(c.disk_bytes_per_s, 3);
	assert_int_equal(c.disk_ops_per_s, 4);
	assert_true(c.hugepages && c.pin_vcpus && !c.sandbox_cgroup_only);
	assert_int_equal(c.timeout_s, 7);
	assert_int_equal(c.annotations.n, 1);
	assert_string_equal(c.initdata, "/d");
	assert_true(c.protection.has_policy);
	assert_int_equal(c.protection.policy, 0x30000);
	assert_ptr_equal(c.protection.cpu_model, c.cpu_model);
	/* Files that are named are not looked for. */
	assert_ok(guest_files_arch("x86_64", NULL, vm_snp.archs, &c.arch));
}

/* What is printed reads back as the same. */
static void test_print(void **state)
{
	static const char *const handlers[] = { "sealpod", "sealpod-se", "mine" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
		AUTO(runtime_config_done) struct runtime_config c = { 0 };
		AUTO(runtime_config_done) struct runtime_config again = { 0 };
		AUTO(buf_done) struct buf first = BUF_INIT(RUNTIME_CONFIG_MAX);
		AUTO(buf_done) struct buf second = BUF_INIT(RUNTIME_CONFIG_MAX);
		assert_ok(from_one(everything, handlers[i], &c));
		assert_ok(runtime_config_print(&c, &first));
		assert_ok(from_one(buf_cstr(&first), handlers[i], &again));
		assert_ok(runtime_config_print(&again, &second));
		assert_string_equal(buf_cstr(&first), buf_cstr(&second));
	}
}

static void test_later_files_win(void **state)
{
	static const char *const files[] = {
		"[handler.sealpod]\nmemory_mib = 512\nvcpus = 2\nkernel = '/k'\n"
		"[handler.new]\nvcpus = 3\n",
		"[handler.sealpod]\nplatform = 'vtpm'\nmemory_mib = 1024\nkernel = ''\n"
		"[handler.new]\nplatform = 'none'\n",
	};
	AUTO(runtime_config_done) struct runtime_config c = { 0 };
	AUTO(runtime_config_done) struct runtime_config other = { 0 };

	(void)state;
	assert_ok(from(files, 2, "sealpod", &c));
	assert_ptr_equal(c.platform, &vm_vtpm);
	assert_int_equal(c.memory_mib, 1024);
	assert_int_equal(c.vcpus, 2);
	assert_null(c.kernel);
	/* The defaults are those of the platform that holds in the end. */
	assert_int_equal(c.shared_fs, SHARED_FS_NONE);
	assert_ok(from(files, 2, "new", &other));
	assert_int_equal(other.vcpus, 3);
}

static const struct {
	const char *text, *handler;
	enum err_code code;
	const char *says;
} bad[] = {
	{ "[engine]\na = 1", "sealpod", ERR_FORMAT, "a.toml: [engine]: unknown table" },
	{ "runtime = 1", "sealpod", ERR_FORMAT, "a.toml: [runtime]: must be a table" },
	{ "handler = 1", "sealpod", ERR_FORMAT, "a.toml: handler: must be tables" },
	{ "[handler]\nsealpod = 1", "sealpod", ERR_FORMAT,
		"a.toml: [handler.sealpod]: must be a table" },
	{ "[handler.Mine]\nvcpus = 1", "sealpod", ERR_FORMAT, "a.toml: handler 'Mine'" },
	{ "[handler.mine]\nvcpus = 1", "mine", ERR_FORMAT, "[handler.mine] platform: missing" },
	{ "", "other", ERR_NOT_FOUND, "no handler other: there are sealpod, sealpod-vtpm" },
	{ "", "../x", ERR_FORMAT, "handler '../x'" },
	{ "[handler.sealpod]\nplatform = 'sgx'", "sealpod", ERR_UNSUPPORTED,
		"a.toml: [handler.sealpod] platform: " },
	{ "[handler.sealpod]\nplatform = 1", "sealpod", ERR_FORMAT,
		"a.toml: [handler.sealpod] platform: must be a string" },
	{ "[handler.sealpod]\nmemory = 1", "sealpod", ERR_FORMAT,
		"a.toml: [handler.sealpod] memory: unknown member" },
	{ "[handler.sealpod]\nmemory_mib = 1", "sealpod", ERR_LIMIT, "memory_mib: must be from" },
	{ "[handler.sealpod]\nmemory_mib = 0.5", "sealpod", ERR_FORMAT, "must be a number" },
	{ "[handler.sealpod]\nvcpus = -1", "sealpod", ERR_FORMAT, "vcpus: must be a number" },
	{ "[handler.sealpod]\nvcpus = 0", "sealpod", ERR_LIMIT, "vcpus: must be from 1" },
	{ "[handler.sealpod]\noverhead_vcpus = 0.0001", "sealpod", ERR_FORMAT, "three decimals" },
	{ "[handler.sealpod]\noverhead_vcpus = 100000", "sealpod", ERR_LIMIT, "from 0 to" },
	{ "[handler.sealpod]\nkernel = 'k'", "sealpod", ERR_FORMAT,
		"kernel: 'k' is no absolute path" },
	{ "[handler.sealpod]\nkernel = '/a/../b'", "sealpod", ERR_FORMAT, "goes through '..'" },
	{ "[handler.sealpod]\nkernel_params = \"a\\nb\"", "sealpod", ERR_FORMAT, "control" },
	{ "[handler.sealpod]\nshared_fs = '9p'", "sealpod", ERR_FORMAT,
		"shared_fs: '9p': one of none|virtiofs" },
	{ "[handler.sealpod]\nhugepages = 1", "sealpod", ERR_FORMAT, "true or false" },
	{ "[handler.sealpod]\nannotations = ''", "sealpod", ERR_FORMAT, "an array of strings" },
	{ "[handler.sealpod]\nannotations = ['.*']", "sealpod", ERR_FORMAT, "'.*': none of" },
	{ "[handler.sealpod]\naccel = 'xen'", "sealpod", ERR_FORMAT, "one of auto, kvm, tcg" },
	{ "[handler.sealpod]\narch = 'arm'", "sealpod", ERR_USAGE, "arch: " },
	{ "[handler.sealpod]\nfirmware = '/f'", "sealpod", ERR_FORMAT,
		"handler sealpod: firmware: platform none boots without it" },
	{ "[handler.sealpod]\nshared_fs = 'none'", "sealpod", ERR_FORMAT, "empty_dir: " },
	{ "[handler.sealpod]\npolicy = 1", "sealpod", ERR_FORMAT, "does not take it" },
	{ "[handler.sealpod]\ncmdline = 'a'\ndebug = true", "sealpod", ERR_FORMAT, "one of them" },
	{ "[handler.sealpod-vtpm]\nshared_fs = 'virtiofs'", "sealpod-vtpm", ERR_FORMAT,
		"shared_fs: platform vtpm keeps its files from the host" },
	{ "[handler.sealpod-snp]\nshared_fs = 'virtiofs'", "sealpod-snp", ERR_FORMAT, "shared_fs" },
	{ "[handler.sealpod-vtpm]\nkernel_params = 'x'", "sealpod-vtpm", ERR_FORMAT,
		"kernel_params: platform vtpm measures" },
	{ "[handler.sealpod-vtpm]\nannotations = ['kernel_params']", "sealpod-vtpm", ERR_FORMAT,
		"platform vtpm measures it" },
	{ "[handler.sealpod-snp]\naccel = 'tcg'", "sealpod-snp", ERR_FORMAT, "needs kvm" },
	{ "[handler.sealpod-snp]\narch = 's390x'", "sealpod-snp", ERR_FORMAT, "architecture" },
	{ "[handler.sealpod-snp]\nfirmware_vars = '/v'", "sealpod-snp", ERR_FORMAT,
		"keeps nothing" },
	{ "[handler.sealpod-snp]\npolicy = 'x'", "sealpod-snp", ERR_FORMAT, "policy: must be" },
	{ "[handler.sealpod-snp]\nid_block = 'AA=='", "sealpod-snp", ERR_FORMAT, "go together" },
	{ "[handler.sealpod-se]\ninitrd = '/i'", "sealpod-se", ERR_FORMAT, "inside of its image" },
	{ "[handler.sealpod-se]\ndebug = true", "sealpod-se", ERR_FORMAT, "debug: platform se" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(runtime_config_done) struct runtime_config c = { 0 };
		struct err e = from_one(bad[i].text, bad[i].handler, &c);
		if (e.code != bad[i].code)
			print_message("%s: %s\n", bad[i].text, err_text());
		assert_int_equal(e.code, bad[i].code);
		assert_err_text(bad[i].says);
		assert_null(c.handler);
	}
}

/* A table with a mistake keeps pods of its own handler from starting, not those of others. */
static void test_other_handlers(void **state)
{
	AUTO(runtime_config_done) struct runtime_config c = { 0 };

	(void)state;
	assert_ok(from_one("[handler.sealpod-snp]\nvcpus = 'x'", "sealpod", &c));
}

static struct err parse(void *arg, struct bytes in)
{
	AUTO(runtime_config_done) struct runtime_config c = { 0 };
	struct config_source source = { .name = arg };
	struct err e = toml_parse(in, &source.tree);

	if (failed(e))
		return e;
	e = config_from(&source, 1, "mine", &c);
	json_freep(&source.tree);
	return e;
}

static void test_cut_and_flipped(void **state)
{
	char name[] = "cut.toml";

	(void)state;
	each_prefix_survives(bytes_str(everything), parse, name);
	each_flip_survives(bytes_str(everything), parse, name);
}

/* ---- files ---- */

static void put(const char *dir, const char *name, const char *text)
{
	AUTO(auto_free) char *path = NULL;

	assert_ok(path_join(dir, name, &path));
	assert_ok(file_write_atomic(path, bytes_str(text), 0600));
}

static void test_files(void **state)
{
	AUTO(auto_free) char *file = NULL;
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_free) char *kernel = NULL;
	AUTO(auto_free) char *text = NULL;
	AUTO(runtime_config_done) struct runtime_config c = { 0 };
	AUTO(strv_done) struct strv handlers = { 0 };

	(void)state;
	assert_ok(path_join(test_dir(), "config.toml", &file));
	assert_ok(path_join(test_dir(), "config.d", &dir));
	assert_ok(path_join(test_dir(), "kernel", &kernel));
	assert_err(runtime_config_load(file, NULL, &c), ERR_NOT_FOUND);
	assert_ok(dir_make(dir, 0700));
	put(test_dir(), "kernel", "not a kernel of a known kind");
	assert_ok(str_format(
		&text, "[handler.sealpod]\nkernel = '%s'\ninitrd = '/i'\nvcpus = 2", kernel));
	put(test_dir(), "config.toml", text);
	put(dir, "20-b.toml", "[handler.sealpod]\nvcpus = 4\n[handler.two]\nplatform = 'none'");
	put(dir, "10-a.toml", "[handler.sealpod]\nvcpus = 3\nmemory_mib = 512");
	put(dir, "30-ignored.toml.bak", "nonsense");
	put(dir, ".hidden.toml", "nonsense");
	assert_ok(runtime_config_load(file, NULL, &c));
	assert_int_equal(c.vcpus, 4);
	assert_int_equal(c.memory_mib, 512);
	assert_string_equal(c.kernel, kernel);
	assert_true(c.arch < VM_ARCHS);
	assert_ok(runtime_config_handlers(file, true, &handlers));
	assert_int_equal(handlers.n, 7);
	assert_string_equal(handlers.v[6], "two");
	put(dir, "40-c.toml", "[handler.sealpod");
	runtime_config_done(&c);
	assert_err(runtime_config_load(file, NULL, &c), ERR_FORMAT);
	assert_err_text("config.d/40-c.toml: TOML line 1");
}

/* ---- annotations ---- */

#define HYPERVISOR "io.katacontainers.config.hypervisor."
#define RUNTIME	   "io.katacontainers.config.runtime."

static struct err annotate(struct runtime_config *c, const char *name, const char *value)
{
	char n[128], v[128];
	struct json_pair pairs[] = {
		{ (char[]){ "io.kubernetes.cri.sandbox-id" }, (char[]){ "x" } }, { n, v }
	};
	const struct json_map map = { pairs, ARRAY_LEN(pairs) };

	(void)snprintf(n, sizeof(n), "%s", name);
	(void)snprintf(v, sizeof(v), "%s", value);
	return runtime_config_annotate(c, &map);
}

static void test_annotations(void **state)
{
	AUTO(runtime_config_done) struct runtime_config c = { 0 };

	(void)state;
	assert_ok(from_one("[handler.sealpod]\nkernel = '/g/vmlinuz'\nkernel_params = 'a'\n"
			   "annotations = ['default_vcpus', 'default_memory', 'kernel', "
			   "'kernel_params', 'cc_init_data', 'rx_rate_limiter_max_rate', "
			   "'enable_hugepages', 'runtime.create_container_timeout', "
			   "'runtime.internetworking_model']",
		"sealpod", &c));
	assert_ok(annotate(&c, HYPERVISOR "default_vcpus", "3"));
	assert_ok(annotate(&c, HYPERVISOR "default_memory", "768"));
	assert_ok(annotate(&c, HYPERVISOR "kernel", "/g/other"));
	assert_ok(annotate(&c, HYPERVISOR "kernel_params", "b=1 c"));
	assert_ok(annotate(&c, HYPERVISOR "cc_init_data", "H4sI"));
	assert_ok(annotate(&c, HYPERVISOR "rx_rate_limiter_max_rate", "8000"));
	assert_ok(annotate(&c, HYPERVISOR "enable_hugepages", "true"));
	assert_ok(annotate(&c, RUNTIME "create_container_timeout", "600"));
	assert_ok(annotate(&c, RUNTIME "internetworking_model", "none"));
	assert_ok(annotate(&c, "io.katacontainers.pkg.oci.container_type", "pod_sandbox"));
	assert_int_equal(c.vcpus, 3);
	assert_int_equal(c.memory_mib, 768);
	assert_string_equal(c.kernel, "/g/other");
	assert_string_equal(c.kernel_params, "a b=1 c");
	assert_int_equal(c.rx_bytes_per_s, 1000);
	assert_true(c.hugepages);
	assert_int_equal(c.timeout_s, 600);
	assert_int_equal(c.network, NETWORK_NONE);
}

static const struct {
	const char *handler, *name, *value;
	enum err_code code;
	const char *says;
} refused[] = {
	{ "sealpod", HYPERVISOR "kernel", "/k", ERR_DENIED,
		"'kernel' in annotations of [handler.sealpod]" },
	{ "sealpod", HYPERVISOR "path", "/bin/sh", ERR_DENIED, "no meaning here" },
	{ "sealpod", HYPERVISOR "enable_iommu", "true", ERR_DENIED, "no meaning here" },
	{ "sealpod", "io.katacontainers.config.agent.kernel_modules", "x", ERR_DENIED,
		"config.annotation" },
	{ "sealpod", "io.katacontainers.config.other", "x", ERR_DENIED, "config.annotation" },
	{ "sealpod", RUNTIME "sandbox_cgroup_only", "true", ERR_DENIED,
		"'runtime.sandbox_cgroup_only' in annotations" },
	{ "sealpod-vtpm", HYPERVISOR "kernel_params", "agent.log=debug", ERR_DENIED,
		"change its measurement" },
	{ "sealpod", HYPERVISOR "default_vcpus", "many", ERR_FORMAT, "'many' is no number" },
	{ "sealpod", HYPERVISOR "default_vcpus", "0", ERR_LIMIT, "must be from 1" },
	{ "sealpod", HYPERVISOR "default_vcpus", "1,2", ERR_FORMAT, "no number" },
	{ "sealpod", HYPERVISOR "default_memory", "99999999999", ERR_LIMIT, "default_memory" },
	{ "sealpod", HYPERVISOR "kernel_params", "a\nb", ERR_FORMAT, "control character" },
	{ "files", HYPERVISOR "kernel", "/etc/shadow", ERR_DENIED, "is not in /g" },
	{ "files", HYPERVISOR "kernel", "/g/../etc/shadow", ERR_FORMAT, "goes through" },
	{ "files", HYPERVISOR "initrd", "/g/initrd", ERR_DENIED, "is not in " },
};

static void test_annotations_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		AUTO(runtime_config_done) struct runtime_config c = { 0 };
		assert_ok(from_one("[handler.files]\nplatform = 'none'\nkernel = '/g/vmlinuz'\n"
				   "annotations = ['kernel', 'initrd']",
			refused[i].handler, &c));
		assert_err(annotate(&c, refused[i].name, refused[i].value), refused[i].code);
		assert_err_text(refused[i].says);
	}
}

static void test_annotation_names(void **state)
{
	AUTO(runtime_config_done) struct runtime_config c = { 0 };

	(void)state;
	assert_ok(from(NULL, 0, "sealpod", &c));
	assert_err(annotate(&c, HYPERVISOR "kernel", "/k"), ERR_DENIED);
	assert_string_equal(err_denial()->code, "config.annotation");
	assert_string_equal(err_denial()->field, HYPERVISOR "kernel");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_built_in),
		cmocka_unit_test(test_every_member),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_later_files_win),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_other_handlers),
		cmocka_unit_test(test_cut_and_flipped),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_annotations),
		cmocka_unit_test(test_annotations_refused),
		cmocka_unit_test(test_annotation_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
