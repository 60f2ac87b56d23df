/* Quotes from their bytes. */
#include "tdx_gen.h"
#include "util.h"

#include <base/encode.h>

static struct tdx_gen gen;

static int setup(void **state)
{
	(void)state;
	tdx_gen_init(&gen);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tdx_gen_done(&gen);
	return 0;
}

static struct err parse(void *arg, struct bytes in)
{
	struct tdx_quote q;

	(void)arg;
	return tdx_quote_parse(in, &q);
}

/* ---- good ones ---- */
static void check_td(const struct td_report *got, const struct td_report *want)
{
	assert_memory_equal(got->tee_tcb_svn, want->tee_tcb_svn, 16);
	assert_memory_equal(got->mr_seam, want->mr_seam, 48);
	assert_int_equal(got->td_attributes, want->td_attributes);
	assert_int_equal(got->xfam, want->xfam);
	assert_memory_equal(got->mr_td, want->mr_td, 48);
	assert_memory_equal(got->mr_owner, want->mr_owner, 48);
	assert_memory_equal(got->rtmr, want->rtmr, sizeof(got->rtmr));
	assert_memory_equal(got->report_data, want->report_data, 64);
}

static void test_good(void **state)
{
	static const enum tdx_body_type types[] = { TDX_BODY_SGX, TDX_BODY_TD_10, TDX_BODY_TD_15 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		struct tdx_gen_quote want = tdx_gen_quote(types[i]);
		struct tdx_quote q;

		want.trailing = i * 100;
		tdx_gen_quote_make(&gen, &want, &b);
		assert_ok(tdx_quote_parse(buf_bytes(&b), &q));
		assert_int_equal(q.version, 3 + i);
		assert_int_equal(q.body_type, types[i]);
		assert_int_equal(q.trailing, i * 100);
		assert_int_equal(q.cert_type, 5);
		assert_int_equal(q.signed_bytes.n, (i == 2 ? 54 : 48) + q.body_size);
		assert_int_equal(q.qe.isv_svn, 4);
		assert_bytes_equal(q.qe_auth_data, want.auth_data);
		assert_bytes_equal(q.qe_vendor_id, BYTES_OF(want.qe_vendor_id));
		if (types[i] == TDX_BODY_SGX)
			assert_memory_equal(q.sgx.mr_enclave, want.sgx.mr_enclave, 32);
		else
			check_td(&q.td, &want.td);
	}
}

static void test_prefixes(void **state)
{
	(void)state;
	for (enum tdx_body_type t = TDX_BODY_SGX; t <= TDX_BODY_TD_15; t++) {
		AUTO(buf_done) struct buf b = { 0 };
		struct tdx_gen_quote q = tdx_gen_quote(t);

		tdx_gen_quote_make(&gen, &q, &b);
		each_prefix(buf_bytes(&b), parse, NULL);
		each_flip_survives(buf_bytes(&b), parse, NULL);
	}
}

/* ---- bad ones ---- */
static void version_2(struct tdx_gen_quote *q)
{
	q->version = 2;
}

static void version_6(struct tdx_gen_quote *q)
{
	q->version = 6;
}

static void version_3_of_td(struct tdx_gen_quote *q)
{
	q->version = 3;
}

static void key_p384(struct tdx_gen_quote *q)
{
	q->att_key_type = 3;
}

static void tee_80(struct tdx_gen_quote *q)
{
	q->tee_type = 0x80;
}

static void body_type_0(struct tdx_gen_quote *q)
{
	q->version = 5;
	q->body_type = 0;
}

static void body_type_4(struct tdx_gen_quote *q)
{
	q->version = 5;
	q->body_type = 4;
}

static void body_size_long(struct tdx_gen_quote *q)
{
	q->version = 5;
	q->body_size++;
}

static void body_size_huge(struct tdx_gen_quote *q)
{
	q->version = 5;
	q->body_size = UINT32_MAX;
}

static void outer_5(struct tdx_gen_quote *q)
{
	q->outer_cert_type = 5;
}

static void test_bad(void **state)
{
	static const struct {
		void (*bend)(struct tdx_gen_quote *q);
		enum err_code code;
		const char *text;
	} bad[] = {
		{ version_2, ERR_UNSUPPORTED, "version 2 at offset 0" },
		{ version_6, ERR_UNSUPPORTED, "version 6 at offset 0" },
		{ version_3_of_td, ERR_FORMAT, "TEE type at offset 4" },
		{ key_p384, ERR_UNSUPPORTED, "attestation key type 3 at offset 2" },
		{ tee_80, ERR_UNSUPPORTED, "TEE type 0x80 at offset 4" },
		{ body_type_0, ERR_UNSUPPORTED, "body type 0 at offset 48" },
		{ body_type_4, ERR_UNSUPPORTED, "body type 4 at offset 48" },
		{ body_size_long, ERR_FORMAT, "body size at offset 50" },
		{ body_size_huge, ERR_FORMAT, "body size at offset 50" },
		{ outer_5, ERR_UNSUPPORTED, "certification data type 5 at offset 764" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		struct tdx_gen_quote q = tdx_gen_quote(TDX_BODY_TD_10);

		bad[i].bend(&q);
		tdx_gen_quote_make(&gen, &q, &b);
		assert_err(parse(NULL, buf_bytes(&b)), bad[i].code);
		assert_err_text(bad[i].text);
	}
}

/* Sizes that say more or less than there is, at each place that has one. */
static void test_sizes(void **state)
{
	static const struct {
		size_t at, width;
		const char *text;
	} sizes[] = {
		{ 632, 4, "size of the signature data at offset 632" },
		{ 766, 4, "certification data at offset 764" },
		{ 1218, 2, "QE authentication data at offset 1218" },
		{ 1254, 4, "certification data at offset 1252" },
	};
	AUTO(buf_done) struct buf b = { 0 };
	struct tdx_gen_quote q = tdx_gen_quote(TDX_BODY_TD_10);

	(void)state;
	tdx_gen_quote_make(&gen, &q, &b);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint8_t kept[4];

		memcpy(kept, b.p + sizes[i].at, sizes[i].width);
		memset(b.p + sizes[i].at, 0xff, sizes[i].width);
		assert_err(parse(NULL, buf_bytes(&b)), ERR_FORMAT);
		assert_err_text(sizes[i].text);
		memset(b.p + sizes[i].at, 0, sizes[i].width);
		assert_err(parse(NULL, buf_bytes(&b)), ERR_FORMAT);
		memcpy(b.p + sizes[i].at, kept, sizes[i].width);
		b.p[sizes[i].at]--; /* one byte left over */
		assert_true(failed(parse(NULL, buf_bytes(&b))));
		memcpy(b.p + sizes[i].at, kept, sizes[i].width);
		assert_ok(parse(NULL, buf_bytes(&b)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
