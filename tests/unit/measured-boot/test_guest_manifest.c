#include "firmware.h"
#include "launch_gen.h"
#include "se_image_gen.h"
#include "unxz.h"
#include "util.h"

#include <base/file.h>
#include <measured-boot/cmdline.h>
#include <measured-boot/guest_manifest.h>
#include <measured-boot/launch.h>
#include <measured-boot/td_boot.h>

/* Everything that a manifest is made of; the kernel is a real one. */
struct fixture {
	struct buf firmware, kernel;
	uint8_t described[GEN_SIZE]; /* for SEV-SNP and TDX */
	struct boot_reference_inputs boot;
	struct guest_manifest_inputs in;
};

static void fixture_done(struct fixture *f)
{
	buf_done(&f->firmware);
	buf_done(&f->kernel);
}

static const char *kernel_path(void)
{
	return test_source("build/guest-kernel/vmlinuz");
}

/* First of all in a test: what skip() jumps over is not freed. */
static void need_kernel(void)
{
	if (!file_exists(kernel_path())) {
		print_message("SKIPPED: no %s (target guest-kernel)\n", kernel_path());
		skip();
	}
}

static void set_up(struct fixture *f)
{
	const char *path = kernel_path();

	f->firmware = BUF_INIT(FIRMWARE_MAX);
	f->kernel = BUF_INIT(64 * 1024 * 1024);
	assert_ok(file_read(path, &f->kernel));
	firmware_make(&f->firmware, NULL, NULL);
	gen_firmware(f->described);
	f->boot = (struct boot_reference_inputs){ .firmware = buf_bytes(&f->firmware),
		.kernel = buf_bytes(&f->kernel),
		.initrd = bytes_str("initrd"),
		.kernel_version = "6.12" };
	f->in = (struct guest_manifest_inputs){
		.name = "guest", .version = 3, .boot = &f->boot, .cpus = MACHINE_CPUS_MAX
	};
}

static size_t count(const struct manifest *m, const char *id, bool debug)
{
	size_t n = 0;

	for (size_t i = 0; i < m->values.n; i++)
		n += m->values.v[i].debug == debug && str_equal(m->values.v[i].id, id);
	return n;
}

static const struct manifest_item *labelled(
	const struct manifest *m, const char *id, const char *label, bool debug)
{
	for (size_t i = 0; i < m->values.n; i++) {
		const struct manifest_item *v = &m->values.v[i];
		if (v->debug == debug && str_equal(v->id, id) && v->text &&
			str_equal(v->text, label))
			return v;
	}
	fail_msg("no %s of %s", id, label);
	return NULL;
}

static void test_vtpm(void **state)
{
	need_kernel();
	AUTO(fixture_done) struct fixture f = { 0 };
	AUTO(ref_manifest_done) struct manifest m = { 0 };

	(void)state;
	set_up(&f);
	assert_ok(guest_manifest_make(&f.in, &m));
	assert_string_equal(m.name, "guest");
	assert_int_equal(m.version, 3);
	assert_int_equal(count(&m, "vtpm.crtm", false), 1);
	assert_int_equal(count(&m, "vtpm.firmware", false), 3 + MACHINE_CPUS_MAX);
	assert_int_equal(count(&m, "vtpm.kernel", false), 1);
	assert_int_equal(count(&m, "vtpm.cmdline", false), 1);
	assert_int_equal(count(&m, "vtpm.cmdline", true), 1);
	assert_int_equal(count(&m, "vtpm.initrd", false), 1);
	assert_int_equal(count(&m, "vtpm.pcr0", false), MACHINE_CPUS_MAX);
	assert_int_equal(count(&m, "vtpm.pcr4", false), 1);
	assert_int_equal(count(&m, "vtpm.pcr4", true), 0); /* the same kernel */
	assert_int_equal(count(&m, "vtpm.pcr9", false), 1);
	assert_int_equal(count(&m, "vtpm.pcr9", true), 1);
	assert_int_equal(count(&m, "vtpm.pcr8", false), 0);
	assert_int_equal(count(&m, "snp_launch_measurement", false), 0);
	assert_int_equal(count(&m, "mr_td", false), 0);
}

static struct digest_value snp_digest(const struct fixture *f, unsigned cpus, const char *append)
{
	const struct launch_kernel kernel = { f->boot.kernel, f->boot.initrd, append };
	struct launch_machine machine = { .firmware = BYTES_OF(f->described),
		.kernel = &kernel,
		.vcpus = cpus,
		.guest_features = 1 };
	struct digest_value d;

	assert_ok(launch_cpu_signature_by_name("EPYC-Milan", &machine.cpu_signature));
	assert_ok(launch_snp_digest(&machine, &d));
	return d;
}

static void test_snp(void **state)
{
	need_kernel();
	AUTO(fixture_done) struct fixture f = { 0 };
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	char *models[] = { (char[]){ "EPYC-Milan" }, (char[]){ "EPYC-Genoa" },
		(char[]){ "EPYC-Milan-v2" } };
	struct digest_value d;

	(void)state;
	set_up(&f);
	f.in.snp_firmware = BYTES_OF(f.described);
	f.in.cpu_models = (struct strv){ models, ARRAY_LEN(models) };
	f.in.cpus = 3;
	assert_ok(guest_manifest_make(&f.in, &m));
	/* EPYC-Milan-v2 is the same processor. */
	assert_int_equal(count(&m, "snp_launch_measurement", false), 12);
	assert_int_equal(count(&m, "snp_launch_measurement", true), 12);
	d = snp_digest(&f, 2, LINUX_CMDLINE_DEFAULT);
	assert_bytes_equal(manifest_bytes(labelled(&m, "snp_launch_measurement",
				   "2 vCPUs, EPYC-Milan, features 0x1; "
				   "2 vCPUs, EPYC-Milan-v2, features 0x1",
				   false)),
		digest_bytes(&d));
	d = snp_digest(&f, 3, LINUX_CMDLINE_DEBUG);
	assert_bytes_equal(manifest_bytes(labelled(&m, "snp_launch_measurement",
				   "3 vCPUs, EPYC-Milan, features 0x1; "
				   "3 vCPUs, EPYC-Milan-v2, features 0x1",
				   true)),
		digest_bytes(&d));

	AUTO(ref_manifest_done) struct manifest all = { 0 };
	f.in.cpu_models = (struct strv){ 0 };
	assert_ok(guest_manifest_make(&f.in, &all));
	assert_int_equal(count(&all, "snp_launch_measurement", false), 4 * 3 * 2);
	AUTO(ref_manifest_done) struct manifest one = { 0 };
	f.in.guest_features = 0x21;
	assert_ok(guest_manifest_make(&f.in, &one));
	assert_int_equal(count(&one, "snp_launch_measurement", false), 4 * 3);
	(void)labelled(&one, "snp_launch_measurement", "1 vCPU, EPYC-v4, features 0x21", false);
}

/* The registers of a firmware as it is built, for both ways in which QEMU passes the kernel. */
static void test_tdx(void **state)
{
	need_kernel();
	AUTO(fixture_done) struct fixture f = { 0 };
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	AUTO(td_boot_done) struct td_boot boot = { 0 };
	AUTO(buf_done)
	struct buf packed = test_file(test_vector("tdx/virtee-tdx/tdvf/OVMF.inteltdx.fd.xz"));
	AUTO(buf_done) struct buf firmware = BUF_INIT(OVMF_CODE_MAX);
	struct digest_value d;

	(void)state;
	assert_ok(xz_unpack(buf_bytes(&packed), "firmware", &firmware));
	set_up(&f);
	f.in.tdx_firmware = buf_bytes(&firmware);
	assert_ok(guest_manifest_make(&f.in, &m));
	assert_int_equal(count(&m, "mr_td", false), 2);
	assert_ok(mrtd_digest(f.in.tdx_firmware, MRTD_TWO_PASS, &d));
	assert_bytes_equal(
		manifest_bytes(labelled(&m, "mr_td", "the kernels and QEMUs before", false)),
		digest_bytes(&d));
	assert_int_equal(count(&m, "rtmr_1", false), 2);
	assert_int_equal(count(&m, "rtmr_1", true), 0); /* the same kernel */
	assert_int_equal(count(&m, "rtmr_2", false), 1);
	assert_int_equal(count(&m, "rtmr_2", true), 1);
	/* any memory of our machine gives the same */
	const struct td_boot_inputs inputs = { .firmware = f.in.tdx_firmware,
		.memory = { UINT64_C(8) << 30, UINT64_C(256) << 20 },
		.kernel = f.boot.kernel,
		.kernel_patched = true,
		.initrd = f.boot.initrd,
		.append = LINUX_CMDLINE_DEFAULT };
	assert_ok(td_boot_predict(&inputs, &boot));
	assert_bytes_equal(manifest_bytes(labelled(&m, "rtmr_1", "QEMU before 10.2", false)),
		digest_bytes(&boot.rtmr[1]));
}

static void test_se(void **state)
{
	need_kernel();
	AUTO(fixture_done) struct fixture f = { 0 };
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	AUTO(se_gen_done) struct se_gen g;
	AUTO(buf_done) struct buf image = BUF_INIT(16 * 1024 * 1024);
	struct se_image_measurement want;

	(void)state;
	se_gen_init(&g);
	assert_ok(se_image_make(&g.make, &image));
	assert_ok(se_image_measure(buf_bytes(&image), &want));
	set_up(&f);
	f.in.se_image = buf_bytes(&image);
	assert_ok(guest_manifest_make(&f.in, &m));
	assert_int_equal(count(&m, "se_tag", false), 1);
	assert_int_equal(count(&m, "se_image_phkh", false), 2);
	assert_int_equal(count(&m, "se_attestation_phkh", false), 2);
	for (size_t i = 0; i < m.values.n; i++)
		if (str_equal(m.values.v[i].id, "se_tag"))
			assert_bytes_equal(manifest_bytes(&m.values.v[i]), BYTES_OF(want.tag));

	/* As an image for s390x has it: nothing of the other platforms. */
	AUTO(ref_manifest_done) struct manifest alone = { 0 };
	f.boot.firmware = BYTES_NONE;
	assert_ok(guest_manifest_make(&f.in, &alone));
	assert_int_equal(alone.values.n, 1 + 3 + 2 + 2);
	assert_int_equal(alone.inputs.n, 3);
}

/* A firmware that says nothing of the platform is told, with the platform. */
static void test_other_firmware(void **state)
{
	need_kernel();
	AUTO(fixture_done) struct fixture f = { 0 };
	AUTO(ref_manifest_done) struct manifest m = { 0 };

	(void)state;
	set_up(&f);
	f.in.snp_firmware = bytes_str("firmware");
	assert_true(failed(guest_manifest_make(&f.in, &m)));
	assert_err_text("platform snp");
	f.in.snp_firmware = BYTES_NONE;
	f.in.tdx_firmware = bytes_str("firmware");
	assert_true(failed(guest_manifest_make(&f.in, &m)));
	assert_err_text("platform tdx");
	assert_null(m.name);
}

static void print(const struct fixture *f, struct buf *json)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };

	assert_ok(guest_manifest_make(&f->in, &m));
	assert_ok(manifest_print(&m, json));
}

static void test_same_bytes(void **state)
{
	need_kernel();
	AUTO(fixture_done) struct fixture f = { 0 };
	AUTO(buf_done) struct buf a = BUF_INIT(MANIFEST_FILE_MAX), b = BUF_INIT(MANIFEST_FILE_MAX);
	AUTO(buf_done) struct buf other = BUF_INIT(MANIFEST_FILE_MAX);

	(void)state;
	set_up(&f);
	f.in.snp_firmware = BYTES_OF(f.described);
	f.in.cpus = 2;
	print(&f, &a);
	print(&f, &b);
	assert_bytes_equal(buf_bytes(&a), buf_bytes(&b));
	f.boot.initrd = bytes_str("initrd, longer");
	print(&f, &other);
	assert_false(bytes_equal(buf_bytes(&a), buf_bytes(&other)));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vtpm),
		cmocka_unit_test(test_snp),
		cmocka_unit_test(test_tdx),
		cmocka_unit_test(test_se),
		cmocka_unit_test(test_other_firmware),
		cmocka_unit_test(test_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
