/* The published tables of launch measurements, row by row. */
#include "unxz.h"
#include "util.h"

#include <base/encode.h>
#include <base/json.h>
#include <measured-boot/launch.h>
#include <measured-boot/linux_boot.h>
#include <measured-boot/pcr_predict.h>

static struct json *load(const char *path)
{
	AUTO(buf_done) struct buf text = test_file(test_vector(path));
	struct json *root = NULL;

	assert_ok(json_parse(buf_bytes(&text), &root));
	return root;
}

static const char *text_of(const struct json *row, const char *name)
{
	return json_string(json_get(row, name));
}

static uint64_t number_of(const struct json *row, const char *name)
{
	const char *text = text_of(row, name);
	uint64_t v = 0;

	if (text)
		return strtoull(text, NULL, 0);
	assert_true(json_u64(json_get(row, name), &v));
	return v;
}

static void assert_digest(const struct digest_value *d, const char *want)
{
	assert_non_null(want);
	assert_bytes_equal(digest_bytes(d), test_hex(want));
}

/* ---- SNP, SEV-ES, SEV ---- */

static enum launch_vmm vmm_of(const struct json *row)
{
	static const struct {
		const char *name;
		enum launch_vmm vmm;
	} names[] = {
		{ "QEMU", LAUNCH_QEMU },
		{ "ec2", LAUNCH_EC2 },
		{ "gce", LAUNCH_GCE },
		{ "EC2(legacy rdx=0)", LAUNCH_EC2_RDX_0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_equal(text_of(row, "vmm"), names[i].name))
			return names[i].vmm;
	fail_msg("VMM %s", text_of(row, "vmm"));
	return LAUNCH_QEMU;
}

static RESULT compute(
	const struct json *row, const struct launch_machine *m, struct digest_value *ret)
{
	const char *mode = text_of(row, "mode");

	if (str_equal(mode, "SEV_SNP"))
		return launch_snp_digest(m, ret);
	if (str_equal(mode, "SEV_ES"))
		return launch_sev_es_digest(m, ret);
	assert_string_equal(mode, "SEV");
	return launch_sev_digest(m, ret);
}

static void run_launch_row(const struct json *row)
{
	AUTO(auto_free) char *path = NULL;
	const char *seed = text_of(row, "ovmf_hash");
	const char *type = text_of(row, "vcpu_type");
	uint32_t by_name = 0;
	struct digest_value d = { 0 };

	print_message("  %s\n", text_of(row, "test"));
	assert_ok(str_format(&path, "snp/sev-snp-measure/%s", text_of(row, "ovmf")));
	AUTO(buf_done) struct buf firmware = test_file(test_vector(path));
	/* Where the table has files for kernel and initrd, they are empty. */
	struct launch_kernel kernel = { .append = text_of(row, "append") };
	struct launch_machine m = { .vmm = vmm_of(row),
		.firmware = buf_bytes(&firmware),
		.kernel = text_of(row, "kernel") ? &kernel : NULL,
		.vcpus = (unsigned)number_of(row, "vcpus"),
		.cpu_signature = (uint32_t)number_of(row, "vcpu_sig"),
		.guest_features = number_of(row, "guest_features") };
	if (type) {
		assert_ok(launch_cpu_signature_by_name(type, &by_name));
		assert_int_equal(by_name, m.cpu_signature);
	}
	if (seed && str_equal(text_of(row, "mode"), "SEV_SNP"))
		m.firmware_digest = test_hex(seed);
	if (!text_of(row, "expected")) {
		assert_err(compute(row, &m, &d), ERR_UNSUPPORTED);
		assert_err_text("does not measure a kernel");
		return;
	}
	assert_ok(compute(row, &m, &d));
	assert_digest(&d, text_of(row, "expected"));
}

static void test_launch_digests(void **state)
{
	(void)state;
	AUTO(json_freep) struct json *root = load("snp/expected/launch-digest.json");
	const struct json *cases = json_get(root, "cases");

	assert_true(json_count(cases) > 0);
	for (size_t i = 0; i < json_count(cases); i++)
		run_launch_row(json_at(cases, i));
}

/* ---- TDX ---- */

static struct buf unpacked_firmware(const struct json *root)
{
	AUTO(auto_free) char *path = NULL;
	struct buf image = BUF_INIT(OVMF_CODE_MAX);

	assert_ok(str_format(&path, "tdx/virtee-tdx/%s", text_of(root, "firmware")));
	AUTO(buf_done) struct buf packed = test_file(test_vector(path));
	assert_ok(xz_unpack(buf_bytes(&packed), "firmware", &image));
	return image;
}

static void test_mrtd(void **state)
{
	(void)state;
	AUTO(json_freep) struct json *root = load("tdx/expected/mrtd.json");
	AUTO(buf_done) struct buf image = unpacked_firmware(root);
	const struct json *sections = json_get(root, "sections");
	struct tdvf t = { 0 };
	struct digest_value d = { 0 };

	assert_ok(tdvf_parse(buf_bytes(&image), &t));
	assert_int_equal(t.n, json_count(sections));
	for (size_t i = 0; i < t.n; i++) {
		const struct json *row = json_at(sections, i);
		assert_int_equal(t.sections[i].data_offset, number_of(row, "data_offset"));
		assert_int_equal(t.sections[i].raw_size, number_of(row, "raw_size"));
		assert_int_equal(t.sections[i].gpa, number_of(row, "gpa"));
		assert_int_equal(t.sections[i].mem_size, number_of(row, "mem_size"));
		assert_int_equal(t.sections[i].type, number_of(row, "type"));
		assert_int_equal(t.sections[i].attributes, number_of(row, "attr"));
	}
	assert_ok(mrtd_digest(buf_bytes(&image), MRTD_SINGLE_PASS, &d));
	assert_digest(&d, text_of(root, "single_pass"));
	assert_ok(mrtd_digest(buf_bytes(&image), MRTD_TWO_PASS, &d));
	assert_digest(&d, text_of(root, "two_pass"));
}

static struct td_memory stock(uint64_t size)
{
	return (struct td_memory){ .size = size };
}

static void test_td_hob(void **state)
{
	(void)state;
	AUTO(json_freep) struct json *root = load("tdx/expected/td-hob.json");
	const struct json *ranges = json_get(root, "temp_and_hob_ranges");
	uint64_t hob_gpa = number_of(root, "td_hob_gpa");
	AUTO(buf_done) struct buf hob = BUF_INIT(8192);
	struct tdvf t = { .n = json_count(ranges) };
	struct digest_value d = { 0 };

	assert_true(t.n > 0 && t.n <= OVMF_SECTIONS_MAX);
	for (size_t i = 0; i < t.n; i++) {
		const struct json *range = json_at(ranges, i);
		uint64_t start = strtoull(json_string(json_at(range, 0)), NULL, 0);
		uint64_t end = strtoull(json_string(json_at(range, 1)), NULL, 0);
		t.sections[i] = (struct tdvf_section){ .gpa = start,
			.mem_size = end - start,
			.type = start == hob_gpa ? TDVF_TD_HOB : TDVF_TEMP_MEM };
	}
	assert_ok(td_hob_make(&t, stock(number_of(root, "memory_size")), &hob));
	assert_bytes_equal(buf_bytes(&hob), test_hex(text_of(root, "hob_hex")));
	assert_ok(digest(DIGEST_SHA384, buf_bytes(&hob), &d));
	assert_digest(&d, text_of(root, "digest_sha384"));
}

/* Two published digests of the same firmware, whose sections stand in the table. */
static void test_td_hob_of_firmware(void **state)
{
	(void)state;
	AUTO(json_freep) struct json *root = load("tdx/expected/mrtd.json");
	AUTO(json_freep) struct json *table = load("tdx/expected/td-hob.json");
	AUTO(buf_done) struct buf image = unpacked_firmware(root);
	struct digest_value d = { 0 };

	assert_ok(td_hob_digest(buf_bytes(&image), stock(number_of(table, "memory_size")), &d));
	assert_digest(&d, text_of(table, "digest_sha384"));
	assert_ok(td_hob_digest(buf_bytes(&image), stock(UINT64_C(2) << 30), &d));
	assert_memory_equal(d.v, test_hex("0b8772e5").p, 4);
}

/* ---- PCRs ---- */

static struct digest_value digest_of(const char *hex)
{
	struct digest_value d = { .alg = DIGEST_SHA256, .n = DIGEST_SHA256_SIZE };

	assert_ok(hex_decode_fixed(bytes_str(hex), "digest", d.v, d.n));
	return d;
}

static void test_pcr9(void **state)
{
	(void)state;
	AUTO(json_freep) struct json *root = load("vtpm/expected/pcr-predict.json");
	const struct json *row = json_get(root, "pcr9_linux_stub");
	struct digest_value initrd = digest_of(text_of(row, "initrd_sha256"));
	struct digest_value options = { 0 }, pcr = { 0 };

	assert_ok(linux_load_options_digest(text_of(row, "cmdline"), DIGEST_SHA256, &options));
	assert_ok(pcr9_predict(&options, &initrd, &pcr));
	assert_digest(&pcr, text_of(row, "pcr9"));
}

static void test_pcr4(void **state)
{
	(void)state;
	AUTO(json_freep) struct json *root = load("vtpm/expected/pcr-predict.json");
	const struct json *row = json_get(root, "pcr4");
	const struct json *stages = json_get(row, "stages");
	struct digest_value images[8] = { 0 }, pcr = { 0 };

	assert_true(json_count(stages) > 0 && json_count(stages) <= ARRAY_LEN(images));
	for (size_t i = 0; i < json_count(stages); i++)
		images[i] = digest_of(json_string(json_at(stages, i)));
	assert_ok(pcr4_predict(PCR_BOOT_DISK, images, json_count(stages), &pcr));
	assert_digest(&pcr, text_of(row, "pcr4"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_launch_digests),
		cmocka_unit_test(test_mrtd),
		cmocka_unit_test(test_td_hob),
		cmocka_unit_test(test_td_hob_of_firmware),
		cmocka_unit_test(test_pcr9),
		cmocka_unit_test(test_pcr4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
