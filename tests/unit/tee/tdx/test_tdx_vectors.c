/* Quotes of real machines, with the time at which their certificates held. */
#include "tdx/event_log.h"
#include "tdx/tdreport.h"
#include "util.h"

#include <base/clock.h>
#include <base/encode.h>
#include <tee/check.h>
#include <tee/claims.h>
#include <tee/fields.h>

struct quote_vector {
	const char *path, *at, *fmspc, *ccel;
	size_t trailing;
	uint16_t version;
	enum tdx_body_type body;
	const char *failed_row, *code; /* NULL: all but the TCB passes */
};

static const struct quote_vector quotes[] = {
	{ "tdx/go-tdx-guest/quotes/tdx_prod_quote_SPR_E4.dat", "2023-06-20T00:00:00Z",
		"50806f000000", NULL, 39, 4, TDX_BODY_TD_10, NULL, NULL },
	{ "tdx/go-tdx-guest/quotes/quote_v5_sample.dat", "2026-02-20T00:00:00Z", "90c06f000000",
		NULL, 0, 5, TDX_BODY_TD_15, NULL, NULL },
	{ "tdx/go-tdx-guest/quotes/cos-113-tdx-quote.dat", "2025-07-01T00:00:00Z", "00806f050000",
		"tdx/go-tdx-guest/ccel/cos113_ccel_data.dat", 3065, 4, TDX_BODY_TD_10, NULL, NULL },
	{ "tdx/dcap-qvl/quotes/phala_tdx_quote", "2025-07-01T00:00:00Z", "b0c06f000000", NULL, 70,
		4, TDX_BODY_TD_10, NULL, NULL },
	{ "tdx/trustee/quotes/trustee_tdx_quote_4.dat", "2023-06-20T00:00:00Z", "50806f000000",
		NULL, 0, 4, TDX_BODY_TD_10, "td_attributes: DEBUG", "evidence.debug" },
	{ "tdx/trustee/quotes/trustee_tdx_quote_6.dat", "2025-11-05T00:00:00Z", "00a06d080000",
		NULL, 70, 4, TDX_BODY_TD_10, NULL, NULL },
	{ "tdx/automata-dcap/quotes/alibaba_quote_5.dat", "2025-06-20T00:00:00Z", "90c06f000000",
		NULL, 0, 5, TDX_BODY_TD_15, NULL, NULL },
	{ "tdx/attestation-rs/quotes/tdx_quote_live.dat", "2026-04-01T00:00:00Z", "b0c06f000000",
		"tdx/attestation-rs/ccel/tdx_ccel_live2.dat", 307, 4, TDX_BODY_TD_10, NULL, NULL },
	{ "tdx/attestation-rs/quotes/tdx_quote_live.dat", "2026-03-01T00:00:00Z", NULL, NULL, 307,
		4, TDX_BODY_TD_10, "PCK certificate: chain", "certificate.not-yet-valid" },
	{ "tdx/cc-trusted-api/quotes/cctrusted_preprod_quote.bin", "2025-07-01T00:00:00Z", NULL,
		NULL, 70, 4, TDX_BODY_TD_10, "PCK certificate: chain", "certificate.untrusted" },
	{ "tdx/openpcc/gce-v4/quote_8000_padded.bin", "2025-10-01T00:00:00Z", "00806f050000", NULL,
		3061, 4, TDX_BODY_TD_10, NULL, NULL },
	{ "az-tdx-vtpm/trustee/td-quote.bin", "2025-07-01T00:00:00Z", NULL, NULL, 70, 4,
		TDX_BODY_TD_10, NULL, NULL },
	{ "sgx/dcap-qvl/sgx_quote", "2025-07-01T00:00:00Z", "00a067110000", NULL, 0, 3,
		TDX_BODY_SGX, NULL, NULL },
};

static int64_t at(const char *text)
{
	int64_t t;

	assert_ok(clock_parse(text, &t));
	return t;
}

static bool of_tcb(const char *field)
{
	return strstr(field, "TCB") || strstr(field, "QE identity");
}

static const struct check *first_failed(const struct checks *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].verdict == CHECK_FAILED && !of_tcb(c->v[i].d.field))
			return &c->v[i];
	return NULL;
}

static void check_log(const char *path, const struct td_report *td)
{
	AUTO(checks_freep) struct checks *c = NULL;
	AUTO(buf_done) struct buf log = test_file(test_vector(path));

	assert_ok(checks_new(&c));
	tdx_check_ccel(buf_bytes(&log), td, c);
	assert_ok(checks_end(c));
	assert_int_equal(c->n, 5);
	for (size_t i = 1; i < 4; i++)
		assert_int_equal(c->v[i].verdict, CHECK_PASSED);
}

static void check_quote(const struct quote_vector *v)
{
	AUTO(buf_done) struct buf b = test_file(test_vector(v->path));
	AUTO(checks_freep) struct checks *c = NULL;
	AUTO(tdx_verified_done) struct tdx_verified got = { 0 };
	const struct tee_policy policy = { .crl_optional = true };
	const struct tee_verify_input in = { .now = at(v->at), .policy = &policy };
	char fmspc[13];

	assert_ok(checks_new(&c));
	assert_ok(tdx_check_quote(&in, buf_bytes(&b), c, &got));
	assert_int_equal(got.quote.version, v->version);
	assert_int_equal(got.quote.body_type, v->body);
	assert_int_equal(got.quote.trailing, v->trailing);
	const struct check *k = first_failed(c);
	if (v->code) {
		assert_non_null(k);
		assert_true(str_starts(k->d.field, v->failed_row));
		assert_string_equal(k->d.code, v->code);
	} else if (k) {
		print_error("%s: %s: %s\n", v->path, k->d.field, k->d.actual);
		fail();
	}
	if (v->fmspc) {
		hex_to(BYTES_OF(got.pck.fmspc), fmspc);
		assert_string_equal(fmspc, v->fmspc);
	}
	if (v->ccel)
		check_log(v->ccel, &got.quote.td);
}

static void test_quotes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(quotes); i++)
		check_quote(&quotes[i]);
}

/* Signed by Intel's own test root, with certificates in DER. */
static void test_intel_sample(void **state)
{
	static const char *const files[] = { "pckCert.pem", "pckSignChain.pem",
		"intermediateCaCrl.der", "rootCaCrl.der" };
	AUTO(buf_done) struct buf b = test_file(test_vector("tdx/intel-qvl/sample/quote.dat"));
	AUTO(buf_done)
	struct buf root = test_file(test_vector("tdx/intel-qvl/sample/trustedRootCaCert.pem"));
	AUTO(checks_freep) struct checks *c = NULL;
	AUTO(collateral_freep) struct collateral *beside = NULL;
	AUTO(tdx_verified_done) struct tdx_verified got = { 0 };
	struct tee_anchors anchors = { 0 };
	struct tee_verify_input in = { .now = at("2024-01-01T00:00:00Z"), .anchors = &anchors };
	static const char *const passed[] = { "PCK certificate: chain to the root",
		"PCK certificate: not revoked", "PCK CA: not revoked",
		"QE report: signed by the PCK", "QE report: digest of the attestation key",
		"quote: signed by the attestation key" };

	(void)state;
	assert_ok(collateral_new(&beside));
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char path[128];
		(void)snprintf(path, sizeof(path), "tdx/intel-qvl/sample/%s", files[i]);
		AUTO(buf_done) struct buf f = test_file(test_vector(path));
		assert_ok(collateral_add(beside, buf_bytes(&f), files[i]));
	}
	assert_ok(x509_list_parse(buf_bytes(&root), &anchors.vendor));
	in.collateral = beside;
	assert_ok(checks_new(&c));
	assert_ok(tdx_check_quote(&in, buf_bytes(&b), c, &got));
	for (size_t p = 0; p < ARRAY_LEN(passed); p++) {
		bool found = false;
		for (size_t i = 0; i < c->n; i++)
			found = found || (str_equal(c->v[i].d.field, passed[p]) &&
						 c->v[i].verdict == CHECK_PASSED);
		if (!found)
			for (size_t i = 0; i < c->n; i++)
				print_error("%u %s: %s| %s| %s\n", c->v[i].verdict, c->v[i].d.field,
					c->v[i].d.code, c->v[i].d.expected, c->v[i].d.actual);
		assert_true(found);
	}
	/* Its body is made up: no TD is without x87 and SSE. */
	assert_string_equal(first_failed(c)->d.code, "tdx.attributes");
	x509_list_done(&anchors.vendor);
}

/* ---- changed ---- */
static const struct mutation {
	const char *path, *at;
	size_t offset;
	enum err_code parse;	/* of the parser, or */
	const char *failed_row; /* ... what fails first */
} mutations[] = {
	{ "tdx/dcap-qvl/quotes/phala_tdx_quote", "2025-07-01T00:00:00Z", 0xb8, ERR_OK,
		"quote: signed by the attestation key" },
	{ "tdx/dcap-qvl/quotes/phala_tdx_quote", "2025-07-01T00:00:00Z", 0x27c, ERR_OK,
		"quote: signed by the attestation key" },
	{ "tdx/dcap-qvl/quotes/phala_tdx_quote", "2025-07-01T00:00:00Z", 0x4, ERR_UNSUPPORTED,
		NULL },
	{ "tdx/go-tdx-guest/quotes/quote_v5_sample.dat", "2026-02-20T00:00:00Z", 0x30, ERR_FORMAT,
		NULL },
	{ "sgx/dcap-qvl/sgx_quote", "2025-07-01T00:00:00Z", 0x70, ERR_OK,
		"quote: signed by the attestation key" },
};

static void test_mutations(void **state)
{
	const struct tee_policy policy = { .crl_optional = true };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(mutations); i++) {
		const struct mutation *m = &mutations[i];
		AUTO(buf_done) struct buf b = test_file(test_vector(m->path));
		AUTO(checks_freep) struct checks *c = NULL;
		AUTO(tdx_verified_done) struct tdx_verified got = { 0 };
		const struct tee_verify_input in = { .now = at(m->at), .policy = &policy };

		b.p[m->offset] ^= 1;
		assert_ok(checks_new(&c));
		assert_err(tdx_check_quote(&in, buf_bytes(&b), c, &got), m->parse);
		if (m->failed_row)
			assert_string_equal(first_failed(c)->d.field, m->failed_row);
	}
}

/* ---- event logs ---- */
static void check_replay(const char *path, const char *const *rtmr)
{
	AUTO(checks_freep) struct checks *c = NULL;
	AUTO(buf_done) struct buf log = test_file(test_vector(path));
	struct td_report td = { 0 };

	for (size_t i = 0; i < TDX_RTMRS && rtmr[i]; i++)
		assert_ok(hex_decode_fixed(bytes_str(rtmr[i]), "RTMR", td.rtmr[i], 48));
	assert_ok(checks_new(&c));
	tdx_check_ccel(buf_bytes(&log), &td, c);
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].verdict == CHECK_FAILED) {
			print_error("%s: %s: %s\n", path, c->v[i].d.field, c->v[i].d.actual);
			fail();
		}
	for (size_t i = 0; i < TDX_RTMRS && rtmr[i]; i++)
		assert_int_equal(c->v[1 + i].verdict, CHECK_PASSED);
}

static void test_ccel(void **state)
{
	static const struct {
		const char *path, *rtmr[TDX_RTMRS];
	} logs[] = {
		{ "tdx/go-eventlog/ccel/event_log.bin", { "f68df15175d7c810a6b35f1847ba318723b9de33"
							  "7ee00bc63cf42c0a29ad1d94a5b16d3e2b"
							  "a1b96ec55a46e67b1bea92",
								"8adfd9a44e11725208cbe1cf79726f1c86"
								"c0c45c1b5046b603e32650e7b44bdf7101"
								"abf1bf6ecbebc38b35f9f28f588e" } },
		{ "tdx/cc-trusted-api/ccel/cctrusted_ccel.bin",
			{ "c15727cac1f57d0e91106da180b3eaba72116661e17ba0553773843a9b072ecfa38cc803"
			  "df"
			  "b55e0f87ec236780adb3a6",
				"61e958c6f954ce23031fb3cae87bf4da209d697bc15a4aefcdcc92070f7b2df347"
				"20"
				"b2bb57de89c9d03c7c9aa1136569",
				"58bc48d5c486672529f26bc0dffe535856ba1b98c6f156848db7ecd25821d0c02a"
				"51"
				"39bdf78b7cb49f12ef7a2a16dd7d" } },
		{ "tdx/trustee/ccel/CCEL_data", { "2dc712306a963eadb894ad47dbaa17df44814151555aee11"
						  "cbb843becca88950ffd0796649"
						  "02e6f22c66f7c8213543f4",
							"0fa3be56af61208bbd179dc7b124988eb929319154"
							"663c539d6f46445ecac2fec287"
							"075047ff7bd1922829fec28cd3cf" } },
		{ "tdx/trustee/ccel/CCEL_data_ovmf", { "8566f998798db09443b244c62de9a3041fb02e2e693"
						       "6c4396d784bba2e90177329ec5aba3b"
						       "b484404f2ab9cc90abe193",
							     "775b9f6bfe99f8a31396f0d0218e67ffa796d"
							     "3b96ccf961cbb0deba48c79c00f082c"
							     "da1a5567c1c16305f1fc210c13c6",
							     "94eaf7a7bf398ed8d888c91057ae0261802e4"
							     "f3df084213a76ca7f0b5055ac9d2241"
							     "de43cd58d9e8b49c503bbf25f34a" } },
		{ "tdx/trustee/ccel/CCEL_data_gcp", { "3300980705adf09d28b707b79699d987489216428083"
						      "2be2c386a715b6e204e0897fb564a0"
						      "64f810659207ba862b304f",
							    "204d49f78d29918fe7b2f694e76653861a0c2a"
							    "018987d2c3a54266eff737232524cf"
							    "0af68c4d180e2f8c2c0937f21967" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(logs); i++)
		check_replay(logs[i].path, logs[i].rtmr);
}

/* IMA went on after the log was read: two registers hold, the third is seen to differ. */
static void test_ccel_extended_later(void **state)
{
	AUTO(buf_done)
	struct buf b =
		test_file(test_vector("tdx/cc-trusted-api/quotes/cctrusted_preprod_quote.bin"));
	AUTO(buf_done)
	struct buf log = test_file(test_vector("tdx/cc-trusted-api/ccel/cctrusted_ccel.bin"));
	AUTO(checks_freep) struct checks *c = NULL;
	struct tdx_quote q;

	(void)state;
	assert_ok(tdx_quote_parse(buf_bytes(&b), &q));
	assert_ok(checks_new(&c));
	tdx_check_ccel(buf_bytes(&log), &q.td, c);
	assert_int_equal(c->n, 5);
	assert_int_equal(c->v[1].verdict, CHECK_PASSED);
	assert_int_equal(c->v[2].verdict, CHECK_PASSED);
	assert_string_equal(c->v[3].d.field, "event log: RTMR2");
	assert_string_equal(c->v[3].d.code, "tdx.event-log-replay");
	assert_int_equal(c->v[4].verdict, CHECK_NOT_DONE);
}

static struct err verify_json(const char *text_path, const char *when, size_t *ret_rtmrs)
{
	AUTO(buf_done) struct buf text = test_file(test_vector(text_path));
	AUTO(json_freep) struct json *j = NULL;
	AUTO(checks_freep) struct checks *c = NULL;
	AUTO(claims_done) struct claims claims = { 0 };
	const struct tee_policy policy = { .crl_optional = true };
	struct tee_verify_input in = { .now = at(when), .policy = &policy };

	assert_ok(json_parse(buf_bytes(&text), &j));
	in.evidence = j;
	assert_ptr_equal(tee_recognise(&in), tee_by_platform("tdx"));
	assert_ok(checks_new(&c));
	struct err e = tee_by_platform("tdx")->verify->verify(&in, c, &claims);
	*ret_rtmrs = 0;
	for (size_t i = 0; i < c->n; i++)
		*ret_rtmrs += str_starts(c->v[i].d.field, "event log: RTMR") &&
			      c->v[i].verdict == CHECK_PASSED;
	const struct check *k = first_failed(c);
	if (k)
		print_error("%s: %s\n", k->d.field, k->d.actual);
	assert_null(k);
	return e;
}

static void test_dstack(void **state)
{
	size_t rtmrs;

	(void)state;
	err_ignore(
		verify_json("tdx/dstack/dstack/quote-report.json", "2025-10-01T00:00:00Z", &rtmrs));
	assert_int_equal(rtmrs, 4);
}

/* ---- TDREPORT and other files ---- */
static void test_tdreport(void **state)
{
	static const struct {
		const char *path;
		uint8_t version;
	} reports[] = {
		{ "tdx/guest-components/tdreport/tdx_report_1.bin", 1 },
		{ "tdx/intel-dcap/tdreport/tdreport_for_test.dat", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(reports); i++) {
		AUTO(buf_done) struct buf b = test_file(test_vector(reports[i].path));
		AUTO(checks_freep) struct checks *c = NULL;
		struct tdreport r;

		assert_ok(tdreport_parse(buf_bytes(&b), &r));
		assert_int_equal(r.version, reports[i].version);
		assert_ok(checks_new(&c));
		assert_ok(tdreport_check(&r, c));
		assert_ok(checks_end(c));
		assert_int_equal(c->n, 2);
	}
}

static const struct tee_format *format_of(struct bytes file)
{
	for (size_t i = 0; tee_format_at(i); i++)
		if (tee_format_at(i)->is(file))
			return tee_format_at(i);
	return NULL;
}

static void test_describe(void **state)
{
	static const struct {
		const char *path, *format, *holds;
	} files[] = {
		{ "tdx/go-tdx-guest/quotes/quote_v5_sample.dat", "TDX or SGX quote",
			"mr_servicetd @0x28e: 0000" },
		{ "sgx/dcap-qvl/sgx_quote", "TDX or SGX quote", "mr_enclave @0x70: " },
		{ "tdx/intel-qvl/sample/quote.dat", "TDX or SGX quote",
			"CN=Intel SGX PCK Certificate" },
		{ "tdx/guest-components/tdreport/tdx_report_1.bin", "TDREPORT", "(matches)" },
		{ "tdx/go-tdx-guest/ccel/cos113_ccel_table.dat", "CCEL ACPI table", "TDX" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(buf_done) struct buf b = test_file(test_vector(files[i].path));
		AUTO(buf_done) struct buf text = BUF_INIT(1024 * 1024);
		AUTO(fields_done) struct fields f = { 0 };
		const struct tee_format *format = format_of(buf_bytes(&b));

		assert_non_null(format);
		assert_string_equal(format->name, files[i].format);
		assert_ok(format->describe(buf_bytes(&b), &f));
		fields_print(&f, &text);
		if (!strstr(buf_cstr(&text), files[i].holds))
			print_error("%s", buf_cstr(&text));
		assert_non_null(strstr(buf_cstr(&text), files[i].holds));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_intel_sample),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_ccel),
		cmocka_unit_test(test_ccel_extended_later),
		cmocka_unit_test(test_dstack),
		cmocka_unit_test(test_tdreport),
		cmocka_unit_test(test_describe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
