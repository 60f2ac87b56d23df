#include "config_parts.h"
#include "util.h"

#include <base/file.h>
#include <runtime/host_probe.h>

/* What `text`, in a file of that name, is as ours. */
static struct err import(
	const char *text, const char *file, const char *platform, struct config_import_result *ret)
{
	static char name[] = "kata.toml";
	struct config_source kata = { .name = name };
	const struct config_import i = { .file = file, .platform = platform };
	struct err e = toml_parse(bytes_str(text), &kata.tree);

	if (!failed(e))
		e = config_import_from(&kata, 1, &i, ret);
	json_freep(&kata.tree);
	return e;
}

static const struct {
	const char *text, *file;
	const struct vm_platform *platform;
} platforms[] = {
	{ "[hypervisor.qemu]\nshared_fs = 'virtio-fs'", "configuration-qemu.toml", &vm_none },
	{ "[hypervisor.clh]\nshared_fs = 'virtio-fs'", "configuration-clh.toml", &vm_none },
	{ "[hypervisor.qemu]\nconfidential_guest = true\nsev_snp_guest = true", "c.toml", &vm_snp },
	{ "[hypervisor.qemu]\nconfidential_guest = true\n"
	  "tdx_quote_generation_service_socket_port = 4050",
		"c.toml", &vm_tdx },
	{ "[hypervisor.qemu]\nconfidential_guest = true", "configuration-qemu-tdx.toml", &vm_tdx },
	{ "[hypervisor.qemu]\nconfidential_guest = true\nmachine_type = 's390-ccw-virtio'",
		"c.toml", &vm_se },
	{ "[hypervisor.qemu]\nconfidential_guest = true", "configuration-qemu-sev.toml", &vm_sev },
	{ "[hypervisor.qemu]\nshared_fs = 'none'", "configuration-qemu-coco-dev.toml", &vm_vtpm },
};

static void test_platforms(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(platforms); i++) {
		AUTO(config_import_result_done) struct config_import_result r = { 0 };
		assert_ok(import(platforms[i].text, platforms[i].file, NULL, &r));
		assert_ptr_equal(r.config.platform, platforms[i].platform);
	}
}

static const struct {
	const char *platform, *text;
	const char *has, *has_not;
} cases[] = {
	{ "snp", "[hypervisor.qemu]\nsnp_guest_policy = 196608", "policy = \"0x30000\"", "Not" },
	{ "tdx", "[hypervisor.qemu]\ntdx_quote_generation_service_socket_port = 4050",
		"quote_socket = \"vsock://2:4050\"", "Not" },
	{ "tdx", "[hypervisor.qemu]\nsnp_guest_policy = 1", "snp_guest_policy = 1: policy",
		"\npol" },
	{ "none", "[hypervisor.qemu]\ndefault_vcpus = 1.5", "vcpus = 2\n", "Not" },
	{ "none", "[hypervisor.qemu]\ndefault_vcpus = -1", "default_vcpus = -1: must", "\nvcpus" },
	{ "none", "[hypervisor.qemu]\ndefault_memory = 1", "default_memory = 1: must be from",
		"memory_mib = 1\n" },
	{ "none", "[hypervisor.qemu]\nfirmware = '/f'",
		"firmware = \"/f\": firmware: platform none", "\nfirmware" },
	{ "none", "[hypervisor.qemu]\nfirmware = ''", "platform", "firmware" },
	{ "none", "[hypervisor.qemu]\nkernel_params = 'agent.log=debug nokaslr'",
		"kernel_params = \"nokaslr\"", "agent" },
	{ "vtpm", "[hypervisor.qemu]\nkernel_params = 'nokaslr'", "command line is measured",
		"\nkernel_params" },
	{ "vtpm", "[hypervisor.qemu]\nshared_fs = 'virtio-fs'", "keeps its files from the host",
		"\nshared_fs" },
	{ "none", "[hypervisor.qemu]\nvirtio_fs_daemon = '/v'", "[runtime]\nvirtiofsd = \"/v\"",
		"Not" },
	{ "none", "[runtime]\nemptydir_mode = 'block-plain'", "always encrypted", "\nempty_dir" },
	{ "none", "[runtime]\ninternetworking_model = 'none'", "network = \"none\"", "Not" },
	{ "none", "[runtime]\nexperimental = []", "platform", "experimental" },
	{ "none", "[agent.kata]\nenable_tracing = true", "sealpod metrics", "\nenable" },
	{ "none", "[new.thing]\nkey = 1", "key = 1: no key that Kata documents", "\nkey" },
	{ "none", "[runtime]\n\"a\\n[handler.x]\" = \"\xc3\xa4\"", "#   a?[handler.x] = \"??\": no",
		"\n[handler.x]" },
	{ "none", "[hypervisor.qemu]\nenable_annotations = ['.*', 'kernel', 'kernel_params']",
		"annotations = [\"kernel\", \"kernel_params\"]", "\".*\"]" },
};

static void test_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(config_import_result_done) struct config_import_result r = { 0 };
		assert_ok(import(cases[i].text, "c.toml", cases[i].platform, &r));
		const char *toml = buf_cstr(&r.toml);
		if (!strstr(toml, cases[i].has) || strstr(toml, cases[i].has_not))
			print_message("%s\n-> %s\n", cases[i].text, toml);
		assert_non_null(strstr(toml, cases[i].has));
		assert_null(strstr(toml, cases[i].has_not));
	}
}

/* Later files win, and what comes out is read by ours. */
static void test_whole(void **state)
{
	static char first[] = "a", second[] = "b", ours_name[] = "ours.toml";
	struct config_source kata[2] = { { .name = first }, { .name = second } };
	struct config_source ours = { .name = ours_name };
	AUTO(config_import_result_done) struct config_import_result r = { 0 };
	AUTO(runtime_config_done) struct runtime_config c = { 0 };
	AUTO(buf_done) struct buf text =
		test_file(test_source("tests/fuzz/corpus/config_import/snp.toml"));
	const struct config_import i = { .file = "/x/configuration-qemu-snp.toml",
		.handler = "kata" };

	(void)state;
	assert_ok(toml_parse(buf_bytes(&text), &kata[0].tree));
	assert_ok(toml_parse(bytes_str("[hypervisor.qemu]\ndefault_memory = 512"), &kata[1].tree));
	assert_ok(config_import_from(kata, 2, &i, &r));
	assert_ok(toml_parse(buf_bytes(&r.toml), &ours.tree));
	assert_ok(config_from(&ours, 1, "kata", &c));
	assert_ptr_equal(c.platform, &vm_snp);
	assert_int_equal(c.memory_mib, 512);
	assert_int_equal(c.overhead_vcpus_milli, 400);
	assert_int_equal(c.rx_bytes_per_s, 10000);
	assert_non_null(strstr(buf_cstr(&r.unused), "{\"key\":\"machine_type\",\"value\":\"q35\""));
	json_freep(&kata[0].tree);
	json_freep(&kata[1].tree);
	json_freep(&ours.tree);
}

static void test_refused(void **state)
{
	AUTO(config_import_result_done) struct config_import_result r = { 0 };

	(void)state;
	assert_err(import("[handler.x]\nplatform = 'none'", "c.toml", NULL, &r), ERR_FORMAT);
	assert_err_text("a configuration of Sealpod already");
	assert_err(import("", "c.toml", "sgx", &r), ERR_UNSUPPORTED);
}

static struct err parse(void *arg, struct bytes in)
{
	AUTO(auto_free) char *text = NULL;
	AUTO(config_import_result_done) struct config_import_result r = { 0 };

	(void)arg;
	TRY(bytes_to_str(in, &text));
	return import(text, "c.toml", NULL, &r);
}

static void test_cut_and_flipped(void **state)
{
	AUTO(buf_done) struct buf text =
		test_file(test_source("tests/fuzz/corpus/config_import/none.toml"));

	(void)state;
	each_prefix_survives(buf_bytes(&text), parse, NULL);
	each_flip_survives(buf_bytes(&text), parse, NULL);
}

/* ---- fit for a host ---- */

static const struct host_check *row(const struct host_checks *c, const char *what)
{
	for (size_t i = 0; i < c->n; i++) {
		if (str_equal(c->v[i].what, what))
			return &c->v[i];
	}
	return NULL;
}

static void test_fit(void **state)
{
	AUTO(runtime_config_done) struct runtime_config c = { 0 };
	struct host_facts facts = { .root = test_dir(), .arch = VM_ARCH_X86_64 };
	struct host_checks checks;

	(void)state;
	assert_ok(config_defaults("sealpod", &vm_none, &c));
	assert_ok(str_dup("/nowhere/vmlinuz", &c.kernel));
	assert_ok(str_dup("no-such-user", &c.qemu_user));
	assert_ok(str_dup("/nowhere/initdata.toml", &c.initdata));
	c.memory_mib = VM_MEMORY_MIB_MAX;
	runtime_config_fit(&facts, &c, &checks);
	assert_int_equal(row(&checks, "kernel")->status, HOST_BAD);
	assert_int_equal(row(&checks, "virtiofsd")->status, HOST_BAD);
	assert_int_equal(row(&checks, "qemu_user")->status, HOST_BAD);
	assert_int_equal(row(&checks, "initdata")->status, HOST_BAD);
	assert_int_equal(row(&checks, "sizes")->status, HOST_WARN);
	assert_non_null(strstr(row(&checks, "annotations")->found, "cc_init_data"));
	assert_null(row(&checks, "initrd"));
	assert_false(host_checks_pass(&checks));
	for (size_t i = 0; i < checks.n; i++)
		assert_true(checks.v[i].status == HOST_OK || checks.v[i].fix[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_platforms),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cut_and_flipped),
		cmocka_unit_test(test_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
