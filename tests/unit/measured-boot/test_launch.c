/* The expected digests were computed by another program, which also has those of the published
 * tables (see test_launch_vectors.c). */
#include "launch_gen.h"
#include "util.h"

#include <measured-boot/launch.h>

enum {
	MILAN = 0xa00f11
};

static const struct launch_kernel kernel = { .kernel = { (const uint8_t *)"kernel", 6 },
	.initrd = { (const uint8_t *)"initrd", 6 },
	.append = "console=hvc0" };

static uint8_t firmware[GEN_SIZE], svsm_image[GEN_SIZE];

static struct launch_machine machine(void)
{
	gen_firmware(firmware);
	return (struct launch_machine){ .firmware = BYTES_OF(firmware),
		.vcpus = 1,
		.cpu_signature = MILAN,
		.guest_features = 1 };
}

typedef struct err digest_fn(const struct launch_machine *m, struct digest_value *ret);

static void assert_digest(digest_fn *fn, const struct launch_machine *m, const char *want)
{
	struct digest_value d = { 0 };

	assert_ok(fn(m, &d));
	assert_bytes_equal(digest_bytes(&d), test_hex(want));
}

/* ---- SNP ---- */

static void test_snp(void **state)
{
	(void)state;
	static const struct {
		enum launch_vmm vmm;
		bool kernel;
		unsigned vcpus;
		uint64_t features;
		const char *want;
	} cases[] = {
		{ LAUNCH_QEMU, true, 3, 0x21,
			"0dcc9d7b314e163bacb5fa9e737c508859430291e4d414c5eced5e60b6b8ae18"
			"eb0a82566497b9d4d5d37fe975325fbd" },
		{ LAUNCH_QEMU, false, 1, 1,
			"9449cf6023e96ed97b54dd4f6936b089956729a86c8e9bd1668bdc851542a877"
			"90fcdbbfae625b5d400e9394bfd700f3" },
		{ LAUNCH_EC2, true, 2, 1,
			"6ccba23f3d91308f9c34e0c77b5fb0b8bccf63e5f1f2aaa10cb5e49ac9cfeb06"
			"25ebcb7c1ad98047833976fd6c598464" },
		{ LAUNCH_EC2_RDX_0, true, 2, 1,
			"315432e11b97fb785aba04f7432ddd7c541b501e998f407628b91630a633e746"
			"6affbc210f466cb63b711dd8935bb668" },
		{ LAUNCH_GCE, false, 2, 1,
			"b77e8c32c4f8072b77c4839f83f08a9ea814b54fdc65be6d55989edc5d067cce"
			"f7d56c6b0a2b5b6ee5c38fc16c7b71e3" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct launch_machine m = machine();
		m.vmm = cases[i].vmm;
		m.kernel = cases[i].kernel ? &kernel : NULL;
		m.vcpus = cases[i].vcpus;
		m.guest_features = cases[i].features;
		assert_digest(launch_snp_digest, &m, cases[i].want);
	}
}

static void test_svsm(void **state)
{
	(void)state;
	struct launch_machine m = machine();
	struct launch_svsm svsm = { .image = BYTES_OF(svsm_image), .vars_size = 0x3000 };
	struct digest_value d = { 0 };

	gen_svsm(svsm_image);
	m.svsm = &svsm;
	m.vcpus = 2;
	m.guest_features = 0x21; /* an SVSM takes its own */
	assert_digest(launch_snp_digest, &m,
		"928b666258fc3681b0ca7fd62998b98ae7f7a2e531298e50efad61d83e7281358592f80d802f2bb81d"
		"fc7c990397e2d5");

	svsm.vars_size = 0x3001;
	assert_err(launch_snp_digest(&m, &d), ERR_USAGE);
	svsm.vars_size = UINT64_MAX - 0xfff;
	assert_err(launch_snp_digest(&m, &d), ERR_USAGE);
	svsm.vars_size = 0;
	m.vmm = LAUNCH_EC2;
	assert_err(launch_snp_digest(&m, &d), ERR_USAGE);
	m.vmm = LAUNCH_QEMU;
	gen_put(svsm_image + GEN_RESET, GEN_SIZE, 4);
	assert_err(launch_snp_digest(&m, &d), ERR_FORMAT);
	assert_err_text("entry lies outside");
	gen_firmware(svsm_image);
	assert_err(launch_snp_digest(&m, &d), ERR_UNSUPPORTED);
	assert_err_text("no entry");
}

/* The seed stands for pages that are not at hand. */
static void test_firmware_digest(void **state)
{
	(void)state;
	struct launch_machine m = machine();
	struct digest_value seed = { 0 };

	assert_ok(launch_snp_firmware_digest(m.firmware, &seed));
	assert_bytes_equal(digest_bytes(&seed), test_hex("60be1366b9d13ceb9869d0828201004f006e116fa"
							 "fb92b16b14d92386ed51b50ba2c8ffd1ee"
							 "21527b031b65fbe0e00c6"));
	firmware[0] ^= 1;
	m.firmware_digest = digest_bytes(&seed);
	assert_digest(launch_snp_digest, &m,
		"9449cf6023e96ed97b54dd4f6936b089956729a86c8e9bd1668bdc851542a87790fcdbbfae625b5d40"
		"0e9394bfd700f3");
	m.firmware_digest.n = 47;
	assert_err(launch_snp_digest(&m, &seed), ERR_USAGE);
}

struct wanted {
	struct launch_machine machine;
	digest_fn *fn;
	struct digest_value digest;
};

static RESULT same_digest(void *arg, struct bytes in)
{
	const struct wanted *w = arg;
	struct launch_machine m = w->machine;
	struct digest_value d = { 0 };

	m.firmware = in;
	TRY(w->fn(&m, &d));
	return bytes_equal(digest_bytes(&d), digest_bytes(&w->digest))
		       ? OK
		       : err_new(ERR_UNVERIFIED, "another digest");
}

/* Whatever changes in the firmware, the digest follows, or the firmware is refused. */
static void test_every_byte_counts(void **state)
{
	(void)state;
	static digest_fn *const all[] = { launch_snp_digest, launch_sev_es_digest,
		launch_sev_digest };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct wanted w = { .machine = machine(), .fn = all[i] };
		w.machine.kernel = &kernel;
		w.machine.vcpus = 2;
		assert_ok(all[i](&w.machine, &w.digest));
		assert_ok(same_digest(&w, w.machine.firmware));
		each_prefix(w.machine.firmware, same_digest, &w);
		each_flip(w.machine.firmware, same_digest, &w);
	}
}

static RESULT parse_table(void *arg, struct bytes in)
{
	(void)arg;
	struct ovmf_table t = { 0 };

	return ovmf_table_parse(in, &t);
}

static void test_table(void **state)
{
	(void)state;
	struct launch_machine m = machine();
	struct ovmf_table t = { 0 };

	assert_ok(ovmf_table_parse(m.firmware, &t));
	assert_int_equal(t.hashes.gpa, 0x810c00);
	assert_int_equal(t.hashes.size, 0x400);
	assert_int_equal(t.secret.gpa, 0x810000);
	assert_int_equal(t.secret.size, 0xc00);
	assert_true(t.has_reset_eip && !t.has_svsm_entry);
	assert_int_equal(t.reset_eip, 0x80b004);
	assert_int_equal(t.n_sections, GEN_SEV_SECTIONS);
	assert_int_equal(t.sections[4].type, OVMF_SEV_KERNEL_HASHES);
	assert_int_equal(t.tdx_offset, GEN_SIZE - GEN_TDVF);
	each_prefix_survives(m.firmware, parse_table, NULL);
	each_flip_survives(m.firmware, parse_table, NULL);

	/* Only the table's end: what it points to is missing. */
	struct bytes end = bytes_of(firmware + GEN_RESET, GEN_SIZE - GEN_RESET);
	assert_err(ovmf_table_parse(end, &t), ERR_FORMAT);
	assert_err_text("outside of the image");
	assert_ok(ovmf_table_parse(BYTES_NONE, &t));
	assert_int_equal(t.n_sections, 0);
	firmware[GEN_FOOTER + 2] ^= 1;
	assert_ok(ovmf_table_parse(m.firmware, &t));
	assert_int_equal(t.n_sections, 0);
}

static void test_snp_refused(void **state)
{
	(void)state;
	static const struct {
		size_t at, width;
		uint64_t value;
		enum err_code code;
		const char *text;
	} cases[] = {
		{ GEN_FOOTER, 2, 17, ERR_FORMAT, "table: 17 bytes" },
		{ GEN_FOOTER, 2, GEN_SIZE, ERR_FORMAT, "table:" },
		{ GEN_FOOTER, 2, 137, ERR_FORMAT, "before an entry" },
		{ GEN_SEV_ENTRY + 4, 2, 17, ERR_FORMAT, "entry of 17" },
		{ GEN_SEV_ENTRY + 4, 2, 0xffff, ERR_FORMAT, "entry of 65535" },
		{ GEN_SEV_ENTRY + 4, 2, 19, ERR_FORMAT, "outside of the image" },
		{ GEN_SEV_ENTRY, 4, 0xffffffff, ERR_FORMAT, "outside of the image" },
		{ GEN_SEV_ENTRY, 4, 3, ERR_FORMAT, "no descriptor" },
		{ GEN_SEV_ENTRY, 4, GEN_SIZE - GEN_SEV - 1, ERR_FORMAT, "no descriptor" },
		{ GEN_SEV_ENTRY + 6, 1, 0, ERR_UNSUPPORTED, "not for SNP" },
		{ GEN_SEV + 4, 4, 16 + 12 * GEN_SEV_SECTIONS - 1, ERR_FORMAT, "7 sections in" },
		{ GEN_SEV + 8, 4, 2, ERR_UNSUPPORTED, "version 2" },
		{ GEN_SEV + 12, 4, OVMF_SECTIONS_MAX + 1, ERR_LIMIT, "65 sections" },
		{ GEN_SEV + 12, 4, 0xffffffff, ERR_LIMIT, "sections" },
		{ GEN_SEV + 12, 4, 0, ERR_UNSUPPORTED, "not for SNP" },
		{ GEN_SEV_SECTION, 4, 0x800001, ERR_FORMAT, "section 0 is not whole pages" },
		{ GEN_SEV_SECTION + 4, 4, 0x9001, ERR_FORMAT, "section 0 is not whole pages" },
		{ GEN_SEV_SECTION + 4, 4, 0xfffff000, ERR_FORMAT, "beyond 4 GiB" },
		{ GEN_SEV_SECTION + 4, 4, 0x10000000, ERR_LIMIT, "pages" },
		{ GEN_SEV_SECTION + 8, 4, 5, ERR_UNSUPPORTED, "type 5" },
		{ GEN_SEV_SECTION + 8, 4, 0, ERR_UNSUPPORTED, "type 0" },
		{ GEN_SEV_SECTION + 4 * 12 + 8, 4, 1, ERR_UNSUPPORTED,
			"does not measure a kernel" },
		{ GEN_SEV_SECTION + 4 * 12, 4, 0x811000, ERR_FORMAT, "not in its section" },
		{ GEN_SEV_SECTION + 4 * 12 + 4, 4, 0x2000, ERR_FORMAT, "not in its section" },
		{ GEN_HASHES, 4, 0x810f51, ERR_FORMAT, "not in its section" },
		{ GEN_HASHES + 4, 4, 175, ERR_FORMAT, "not in its section" },
		{ GEN_HASHES + 4, 4, 0xffffffff, ERR_FORMAT, "beyond 4 GiB" },
		{ GEN_HASHES + 8 + 2, 1, 0, ERR_FORMAT, "not in its section" },
		{ GEN_RESET + 4 + 2, 1, 0, ERR_UNSUPPORTED, "one processor" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct launch_machine m = machine();
		struct digest_value d = { 0 };
		m.kernel = &kernel;
		m.vcpus = 2;
		gen_put(firmware + cases[i].at, cases[i].value, cases[i].width);
		assert_err(launch_snp_digest(&m, &d), cases[i].code);
		assert_err_text(cases[i].text);
		assert_int_equal(d.n, 0);
	}
}

static void test_entry_twice(void **state)
{
	(void)state;
	struct launch_machine m = machine();
	struct digest_value d = { 0 };

	memcpy(firmware + GEN_SECRET + 10, firmware + GEN_HASHES + 10, 16);
	assert_err(launch_snp_digest(&m, &d), ERR_FORMAT);
	assert_err_text("SEV hash table comes twice");
}

static void test_machines_refused(void **state)
{
	(void)state;
	struct launch_machine m = machine();
	struct digest_value d = { 0 };
	AUTO(buf_done) struct buf large = BUF_INIT(2 * (size_t)OVMF_CODE_MAX);

	m.vcpus = 0;
	assert_err(launch_snp_digest(&m, &d), ERR_USAGE);
	assert_err(launch_sev_es_digest(&m, &d), ERR_USAGE);
	m.vcpus = LAUNCH_VCPUS_MAX + 1;
	assert_err(launch_snp_digest(&m, &d), ERR_USAGE);
	assert_err(launch_sev_es_digest(&m, &d), ERR_USAGE);
	m = machine();
	m.firmware.n--;
	assert_err(launch_snp_digest(&m, &d), ERR_FORMAT);
	assert_err(launch_snp_firmware_digest(m.firmware, &d), ERR_FORMAT);
	m.firmware.n = 0;
	assert_err(launch_snp_digest(&m, &d), ERR_FORMAT);
	buf_zero(&large, OVMF_CODE_MAX + LAUNCH_PAGE);
	m.firmware = buf_bytes(&large);
	assert_err(launch_snp_digest(&m, &d), ERR_LIMIT);
	assert_err(launch_sev_digest(&m, &d), ERR_LIMIT);
	m = machine();
	m.firmware_digest = bytes_of(firmware, 48);
	assert_err(launch_sev_digest(&m, &d), ERR_USAGE);
}

/* ---- match ---- */

static void test_match(void **state)
{
	(void)state;
	struct launch_machine m = machine();
	struct digest_value d = { 0 };
	struct launch_match found = { 0 };

	m.kernel = &kernel;
	m.vcpus = 3;
	m.guest_features = 0x21;
	assert_ok(launch_snp_digest(&m, &d));
	struct launch_machine asked = machine();
	asked.kernel = &kernel;
	asked.vcpus = 4;
	asked.cpu_signature = 0;
	assert_ok(launch_snp_match(&asked, digest_bytes(&d), &found));
	assert_string_equal(found.cpu_model, "EPYC-Milan");
	assert_int_equal(found.vcpus, 3);
	assert_int_equal(found.guest_features, 0x21);

	asked.vcpus = 2;
	assert_err(launch_snp_match(&asked, digest_bytes(&d), &found), ERR_NOT_FOUND);
	asked.vcpus = 4;
	asked.kernel = NULL;
	assert_err(launch_snp_match(&asked, digest_bytes(&d), &found), ERR_NOT_FOUND);
}

/* ---- SEV-ES and SEV ---- */

static void test_sev(void **state)
{
	(void)state;
	struct launch_machine m = machine();
	struct digest_value d = { 0 };

	assert_digest(launch_sev_es_digest, &m,
		"10c5c00a2c6b025b5041293349ae5442d40c912c594120c2dc1cf09ca08b482a");
	assert_digest(launch_sev_digest, &m,
		"4601732aa190a78d40448d9927eedd7058e97f0cc1c4161199c8c3131f3f1a2e");
	m.kernel = &kernel;
	m.vcpus = 2;
	m.guest_features = 0x21; /* of SNP only */
	assert_digest(launch_sev_es_digest, &m,
		"116c722c56ae8205c90d15a36d2e96646f1cff9cf0ebc9ab8632dd57fb1daf9e");
	assert_digest(launch_sev_digest, &m,
		"ed587724e19ae3c5b81bba1425eb046d0031a603e49a3b7efa0d0fe1db9a9b13");

	gen_put(firmware + GEN_HASHES + 4, 0, 4);
	assert_err(launch_sev_digest(&m, &d), ERR_UNSUPPORTED);
	assert_err(launch_sev_es_digest(&m, &d), ERR_UNSUPPORTED);
	m = machine();
	m.vcpus = 2;
	firmware[GEN_RESET + 6] ^= 1;
	assert_err(launch_sev_es_digest(&m, &d), ERR_UNSUPPORTED);
	assert_err_text("one processor");
}

/* Each part of what is booted has its own digest. */
static void test_kernel_parts(void **state)
{
	(void)state;
	struct launch_kernel none = { 0 }, empty = { .append = "" };
	struct launch_kernel others[] = { none, kernel, kernel, kernel, kernel };
	struct digest_value seen[ARRAY_LEN(others) + 1] = { 0 };
	struct launch_machine m = machine();

	others[1].append = "console=hvc0 ";
	others[2].initrd = BYTES_NONE;
	others[3].kernel = bytes_str("kerneL");
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		m.kernel = &others[i];
		assert_ok(launch_snp_digest(&m, &seen[i]));
		for (size_t j = 0; j < i; j++)
			assert_false(bytes_equal(digest_bytes(&seen[i]), digest_bytes(&seen[j])));
	}
	m.kernel = &empty;
	assert_ok(launch_snp_digest(&m, &seen[ARRAY_LEN(others)]));
	assert_bytes_equal(digest_bytes(&seen[ARRAY_LEN(others)]), digest_bytes(&seen[0]));
}

/* ---- names ---- */

static void test_names(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t signature;
	} cpus[] = {
		{ "EPYC", 0x800f12 },
		{ "EPYC-v4", 0x800f12 },
		{ "EPYC-IBPB", 0x800f12 },
		{ "EPYC-Rome-v3", 0x830f10 },
		{ "EPYC-Milan-v2", 0xa00f11 },
		{ "EPYC-Genoa", 0xa10f10 },
		{ "EPYC-Turin", 0xb00f00 },
	};
	uint32_t signature = 0;
	enum launch_vmm vmm = LAUNCH_QEMU;

	for (size_t i = 0; i < ARRAY_LEN(cpus); i++) {
		assert_ok(launch_cpu_signature_by_name(cpus[i].name, &signature));
		assert_int_equal(signature, cpus[i].signature);
	}
	assert_int_equal(launch_cpu_signature(6, 0x2a, 7), 0x206a7);
	assert_err(launch_cpu_signature_by_name("EPYC-Zen", &signature), ERR_USAGE);
	assert_err_text("EPYC-Turin");
	assert_ok(launch_vmm_parse("ec2", &vmm));
	assert_int_equal(vmm, LAUNCH_EC2);
	assert_ok(launch_vmm_parse("ec2-rdx-0", &vmm));
	assert_int_equal(vmm, LAUNCH_EC2_RDX_0);
	assert_ok(launch_vmm_parse("gce", &vmm));
	assert_ok(launch_vmm_parse("qemu", &vmm));
	assert_int_equal(vmm, LAUNCH_QEMU);
	assert_err(launch_vmm_parse("xen", &vmm), ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_snp),
		cmocka_unit_test(test_svsm),
		cmocka_unit_test(test_firmware_digest),
		cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_snp_refused),
		cmocka_unit_test(test_entry_twice),
		cmocka_unit_test(test_machines_refused),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_sev),
		cmocka_unit_test(test_kernel_parts),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
