/* What `sealpod inspect` and `explain` say: quotes, TDREPORTs, CCEL tables, Intel's codes. */
#include "platforms.h"
#include "tdx/tdreport.h"
#include "tdx_gen.h"
#include "util.h"

#include <stdio.h>
#include <string.h>

#include <base/encode.h>
#include <tee/check.h>
#include <tee/fields.h>

enum {
	TEXT_MAX = 256 * 1024
};

static const struct tee_format *format_of(struct bytes file)
{
	for (const struct tee_format *f = tdx_formats; f->name; f++)
		if (f->is(file))
			return f;
	return NULL;
}

/* As text; NULL: refused. Valid until the next call. */
static const char *described(struct bytes file)
{
	static struct buf text;
	AUTO(fields_done) struct fields f = { 0 };
	const struct tee_format *format = format_of(file);

	buf_done(&text);
	text = BUF_INIT(TEXT_MAX);
	assert_non_null(format);
	if (failed(format->describe(file, &f)))
		return NULL;
	fields_print(&f, &text);
	return buf_cstr(&text);
}

static struct err describe_any(void *arg, struct bytes file)
{
	AUTO(fields_done) struct fields f = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
	const struct tee_format *format = format_of(file);

	(void)arg;
	if (!format)
		return err_new(ERR_FORMAT, "not known");
	TRY(format->describe(file, &f));
	fields_print(&f, &text);
	return OK;
}

static void test_quotes(void **state)
{
	static const char *const holds[][3] = {
		[TDX_BODY_SGX] = { "att_key_data_0 @0x4: 00000000  (TEE type: SGX)",
			"mr_enclave @0x70: 3131", "PROVISION_KEY: bit 4" },
		[TDX_BODY_TD_10] = { "SEPT_VE_DISABLE: bit 28", "FMSPC: 112233445566",
			"trailing bytes: 5" },
		[TDX_BODY_TD_15] = { "body type @0x30: 3  (TD 1.5)", "mr_servicetd @0x28e: 0000",
			"other bits: 0x10000000000  (not known)" },
	};
	struct tdx_gen g;

	(void)state;
	tdx_gen_init(&g);
	for (enum tdx_body_type t = TDX_BODY_SGX; t <= TDX_BODY_TD_15; t++) {
		AUTO(buf_done) struct buf b = { 0 };
		struct tdx_gen_quote q = tdx_gen_quote(t);

		q.sgx.attributes[0] |= 1u << 4;
		q.td.td_attributes |= UINT64_C(1) << 40;
		q.trailing = 5;
		tdx_gen_quote_make(&g, &q, &b);
		const char *text = described(buf_bytes(&b));
		assert_non_null(text);
		for (size_t i = 0; i < ARRAY_LEN(holds[0]); i++)
			if (!strstr(text, holds[t][i])) {
				print_error("no '%s' in\n%s", holds[t][i], text);
				fail();
			}
		each_flip_survives(bytes_of(b.p, 1300), describe_any, NULL);
		each_prefix(bytes_of(b.p, b.n - 5), describe_any, NULL);
	}
	tdx_gen_done(&g);
}

/* ---- TDREPORT ---- */
static void make_tdreport(uint8_t to[static TDREPORT_SIZE])
{
	struct digest_value d;

	for (size_t i = 0; i < TDREPORT_SIZE; i++)
		to[i] = (uint8_t)i;
	memcpy(to, "\x81\0\1\0", 4);
	assert_ok(digest(DIGEST_SHA384, bytes_of(to + 256, 239), &d));
	memcpy(to + 32, d.v, d.n);
	assert_ok(digest(DIGEST_SHA384, bytes_of(to + 512, 512), &d));
	memcpy(to + 80, d.v, d.n);
}

static struct err tdreport_verdict(struct bytes in)
{
	AUTO(checks_freep) struct checks *c = NULL;
	struct tdreport r;

	TRY(tdreport_parse(in, &r));
	assert_ok(checks_new(&c));
	TRY(tdreport_check(&r, c));
	return checks_end(c);
}

static void test_tdreport(void **state)
{
	uint8_t b[TDREPORT_SIZE];
	struct tdreport r;

	(void)state;
	make_tdreport(b);
	assert_ok(tdreport_parse(BYTES_OF(b), &r));
	assert_int_equal(r.version, 1);
	assert_memory_equal(r.report_data, b + 128, 64);
	assert_memory_equal(r.mac, b + 224, 32);
	assert_memory_equal(r.td.tee_tcb_svn, b + 264, 16);
	assert_memory_equal(r.td.mr_seam, b + 280, 48);
	assert_memory_equal(r.td.seam_attributes, b + 376, 8);
	assert_memory_equal(r.td.tee_tcb_svn2, b + 384, 16);
	assert_memory_equal(r.td.mr_td, b + 528, 48);
	assert_memory_equal(r.td.mr_config_id, b + 576, 48);
	assert_memory_equal(r.td.rtmr, b + 720, 192);
	assert_int_equal(r.td.td_attributes, UINT64_C(0x0706050403020100));
	assert_ok(tdreport_verdict(BYTES_OF(b)));
	/* What a hash covers, and the hashes themselves. */
	for (size_t i = 32; i < TDREPORT_SIZE; i++) {
		bool covered = i < 128 || (i >= 256 && i < 495) || i >= 512;
		b[i] ^= 0x10;
		assert_int_equal(failed(tdreport_verdict(BYTES_OF(b))), covered);
		b[i] ^= 0x10;
	}
	assert_non_null(strstr(described(BYTES_OF(b)), "(matches)"));
	b[600] ^= 1;
	assert_non_null(strstr(described(BYTES_OF(b)), "(does not match TDINFO)"));
	assert_err(tdreport_parse(bytes_of(b, sizeof(b) - 1), &r), ERR_FORMAT);
	b[0] = 0;
	assert_err(tdreport_parse(BYTES_OF(b), &r), ERR_FORMAT);
	assert_err_text("offset 0");
}

/* ---- CCEL table ---- */
static void test_ccel_table(void **state)
{
	uint8_t b[56] = "CCEL\x38";

	(void)state;
	b[36] = 2;
	b[42] = 4; /* 256 KiB at 0xbe000000 */
	b[51] = 0xbe;
	for (size_t i = 0; i < sizeof(b); i++)
		if (i != 9)
			b[9] = (uint8_t)(b[9] - b[i]);
	const char *text = described(BYTES_OF(b));
	assert_non_null(strstr(text, "(right)"));
	assert_non_null(strstr(text, "CC Type @0x24: 2  (TDX)"));
	assert_non_null(strstr(text, "Log Area Start Address @0x30: 0xbe000000"));
	b[20] ^= 1;
	assert_non_null(strstr(described(BYTES_OF(b)), "(wrong)"));
	b[4] = 57;
	assert_null(described(BYTES_OF(b)));
	each_prefix(BYTES_OF(b), describe_any, NULL);
}

/* ---- codes ---- */
static void test_codes(void **state)
{
	static const struct {
		uint64_t code;
		const char *from, *text;
	} want[] = {
		{ 0x12001, "QGS message", "journal" },
		{ 0xe011, "DCAP quote library", "register the platform" },
		{ 0xe053, "DCAP quote library", "collateral" },
		{ UINT64_MAX, "TDVMCALL GetQuote", "still being made" },
		{ 4, "TDX attestation library", "vsock" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		AUTO(fields_done) struct fields f = { 0 };
		bool found = false;

		assert_true(tee_explain(want[i].code, &f) > 0);
		for (size_t r = 0; r < f.n; r++)
			found = found || (str_equal(f.v[r].name, want[i].from) &&
						 strstr(f.v[r].value, want[i].text));
		assert_true(found);
	}
	for (const struct tee_code *k = tdx_codes; k->text; k++) /* none twice */
		for (const struct tee_code *other = tdx_codes; other < k; other++)
			assert_false(other->code == k->code && str_equal(other->from, k->from));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_tdreport),
		cmocka_unit_test(test_ccel_table),
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
