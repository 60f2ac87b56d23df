/* What `inspect` and `explain` say. */
#include "snp_gen.h"
#include "util.h"

#include <stdio.h>
#include <string.h>

#include <tee/fields.h>

enum {
	RAW_MAX = SNP_REPORT_SIZE + SNP_GEN_TABLE_MAX,
};

static const struct tee_format *format_of(struct bytes file)
{
	const struct tee_format *f;

	for (size_t i = 0; (f = tee_format_at(i)); i++)
		if (f->is(file))
			return f;
	return NULL;
}

static struct err describe(void *arg, struct bytes file)
{
	AUTO(fields_done) struct fields out = { 0 };
	const struct tee_format *f = format_of(file);

	(void)arg;
	return f ? f->describe(file, &out) : err_new(ERR_FORMAT, "not known");
}

static const struct field_row *row(const struct fields *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (str_equal(f->v[i].name, name))
			return &f->v[i];
	return NULL;
}

static void assert_field(
	const struct fields *f, const char *name, int64_t offset, const char *value)
{
	const struct field_row *r = row(f, name);

	if (!r || r->offset != offset || (value && !str_equal(r->value, value))) {
		print_error("%s: 0x%llx %s\n", name, r ? (unsigned long long)r->offset : 0,
			r && r->value ? r->value : "(none)");
		fail();
	}
}

static void decode(struct bytes file, const char *format, struct fields *out)
{
	const struct tee_format *f = format_of(file);

	assert_non_null(f);
	assert_string_equal(f->name, format);
	assert_ok(f->describe(file, out));
}

static void check_report(const struct fields *f, int64_t base, enum snp_product product)
{
	assert_field(f, "VERSION", base, "5");
	assert_field(f, "POLICY", base + 0x008, "0x3001f");
	assert_field(f, "POLICY: least ABI", base + 0x008, "0.31");
	assert_field(f, "SMT", FIELDS_NO_OFFSET, "bit 16");
	assert_field(f, "KEY_INFO: SIGNING_KEY", base + 0x048, "0");
	assert_field(f, "CHIP_ID", base + 0x1a0, NULL);
	assert_field(f, "LAUNCH_MIT_VECTOR", base + 0x1f8, "0100000000000000");
	assert_field(f, "CURRENT version", base + 0x1e8, "1.55.40");
	assert_field(f, "bootloader", base + (product == SNP_TURIN ? 0x039 : 0x038), "5");
	assert_field(f, "product", FIELDS_NO_OFFSET, snp_product_name(product));
	assert_null(row(f, "DEBUG"));
}

static void test_report(void **state)
{
	(void)state;
	for (enum snp_product p = SNP_MILAN; p <= SNP_TURIN; p++) {
		AUTO(buf_done) struct buf raw = BUF_INIT(RAW_MAX), rsp = BUF_INIT(4000);
		AUTO(fields_done) struct fields f = { 0 };
		AUTO(fields_done) struct fields wrapped = { 0 };
		AUTO(fields_done) struct fields extended = { 0 };
		struct snp_gen g;

		snp_gen_init(&g, 5, p, false);
		snp_gen_report(&g, &raw);
		decode(buf_bytes(&raw), "SNP report", &f);
		check_report(&f, 0, p);
		snp_gen_response(buf_bytes(&raw), &rsp);
		decode(buf_bytes(&rsp), "SNP report response", &wrapped);
		check_report(&wrapped, 0x20, p);
		assert_field(&wrapped, "STATUS", 0, "0");
		snp_gen_table(&g, &raw);
		decode(buf_bytes(&raw), "SNP report", &extended);
		check_report(&extended, 0, p);
		assert_field(&extended, "certificate table", SNP_REPORT_SIZE, NULL);
		assert_field(&extended, "VCEK", SNP_REPORT_SIZE + 4 * 24, NULL);
		assert_field(&extended, "subject", FIELDS_NO_OFFSET, "CN=SEV-VCEK");
		assert_field(&extended, "HWID", FIELDS_NO_OFFSET, NULL);
		assert_field(&extended, "not before", FIELDS_NO_OFFSET, "2024-10-09T08:53:20Z");
		snp_gen_done(&g);
	}
}

static void test_table(void **state)
{
	AUTO(buf_done) struct buf table = BUF_INIT(SNP_GEN_TABLE_MAX);
	AUTO(fields_done) struct fields f = { 0 };
	struct snp_gen g;

	(void)state;
	snp_gen_init(&g, 3, SNP_MILAN, true);
	snp_gen_table(&g, &table);
	decode(buf_bytes(&table), "SNP certificate table", &f);
	assert_field(&f, "VLEK", 4 * 24, NULL);
	assert_field(&f, "CSP_ID", FIELDS_NO_OFFSET, "Test Cloud");
	each_prefix(buf_bytes(&table), describe, NULL);
	each_flip_survives(buf_bytes(&table), describe, NULL);
	snp_gen_done(&g);
}

static void test_survives(void **state)
{
	AUTO(buf_done) struct buf raw = BUF_INIT(RAW_MAX), rsp = BUF_INIT(4000);
	struct snp_gen g;

	(void)state;
	snp_gen_init(&g, 2, SNP_MILAN, false);
	snp_gen_report(&g, &raw);
	each_prefix(buf_bytes(&raw), describe, NULL);
	each_flip_survives(buf_bytes(&raw), describe, NULL);
	snp_gen_response(buf_bytes(&raw), &rsp);
	each_prefix_survives(buf_bytes(&rsp), describe, NULL);
	snp_gen_done(&g);
}

/* A failed request; a host's own entries in the table. */
static void test_other_forms(void **state)
{
	static const uint8_t extra[] = { 0xec, 0xae, 0x0c, 0x0f, 0x95, 0x02, 0x43, 0xb1, 0xaf, 0xa2,
		0x0a, 0xe2, 0xe0, 0xd5, 0x65, 0xb6, 0x30, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0x11, 0x0f, 0xa1,
		0 };
	uint8_t rsp[4000] = { 0x27 };
	AUTO(fields_done) struct fields failed_one = { 0 };
	AUTO(fields_done) struct fields f = { 0 };

	(void)state;
	decode(BYTES_OF(rsp), "SNP report response", &failed_one);
	assert_int_equal(failed_one.n, 2);
	assert_string_equal(failed_one.v[0].meaning, "the key asked for is not there");
	decode(BYTES_OF(extra), "SNP certificate table", &f);
	assert_field(&f, "data", 48, "08000000110fa100");
}

/* The key of a guest is not shown. */
static void test_derived_key(void **state)
{
	AUTO(fields_done) struct fields f = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(4096);
	uint8_t rsp[64] = { 0 };

	(void)state;
	memset(rsp + 32, 0xab, 32);
	decode(BYTES_OF(rsp), "SNP derived key response", &f);
	assert_field(&f, "DERIVED_KEY", 32, NULL);
	fields_print(&f, &text);
	assert_null(strstr(buf_cstr(&text), "abab"));
	memset(rsp + 32, 0, 32); /* success, but no key */
	assert_null(format_of(BYTES_OF(rsp)));
	rsp[0] = 0x16;
	assert_non_null(format_of(BYTES_OF(rsp)));
	rsp[4] = 1;
	assert_null(format_of(BYTES_OF(rsp)));
}

static void test_codes(void **state)
{
	static const struct {
		uint64_t code;
		const char *word;
	} cases[] = {
		{ 0x16, "INVALID_PARAM" },
		{ 0x27, "INVALID_KEY" },
		{ 0x0b, "BAD_MEASUREMENT" },
		{ UINT64_C(0x200000000), "BUSY" },
		{ UINT64_C(0x100000000), "INVALID_LEN" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(fields_done) struct fields f = { 0 };
		AUTO(buf_done) struct buf text = BUF_INIT(4096);

		assert_true(tee_explain(cases[i].code, &f) >= 1);
		fields_print(&f, &text);
		assert_non_null(strstr(buf_cstr(&text), cases[i].word));
	}
}

static void test_real(void **state)
{
	static const struct {
		const char *path, *format, *name, *value;
		int64_t offset;
	} files[] = {
		{ "snp/ms-tee-attestation/ms-turin-v5/report.bin", "SNP report", "product", "Turin",
			FIELDS_NO_OFFSET },
		{ "snp/cocos/ext-report-certtable/attestation.bin", "SNP report", "GUID",
			"ecae0c0f950243b1afa20ae2e0d565b6", 0x4a0 },
		{ "snp/sev-snp-utils/snp_report_msg_resp.bin", "SNP report response", "VERSION",
			"2", 0x20 },
		{ "snp/sev-snp-utils/snp_derived_key_msg_resp.bin", "SNP derived key response",
			"DERIVED_KEY", NULL, 0x20 },
		{ "snp/openpcc/gce-milan-v4/report.bin", "SNP report", "VERSION", "4", 0 },
		{ "snp/sev-snp-utils/guest_report.bin", "SNP report", "VERSION", "2", 0 },
		{ "snp/go-sev-guest/milan-v2-debug/report.bin", "SNP report", "DEBUG", "bit 19",
			FIELDS_NO_OFFSET },
		{ "snp/trustee/milan-v3-vlek/report.bin", "SNP report", "KEY_INFO: SIGNING_KEY",
			"1", 0x48 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(buf_done) struct buf b = test_file(test_vector(files[i].path));
		AUTO(fields_done) struct fields f = { 0 };

		decode(buf_bytes(&b), files[i].format, &f);
		assert_field(&f, files[i].name, files[i].offset, files[i].value);
	}
	AUTO(buf_done) struct buf longer =
		test_file(test_vector("snp/sev-snp-utils/guest_report_bad_sig.bin"));
	assert_int_equal(longer.n, SNP_REPORT_SIZE + 1);
	assert_err(describe(NULL, buf_bytes(&longer)), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_survives),
		cmocka_unit_test(test_other_forms),
		cmocka_unit_test(test_derived_key),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
