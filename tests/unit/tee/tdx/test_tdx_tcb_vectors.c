/* Real quotes with Intel's collateral of their time: the whole verdict, and the claims. */
#include "util.h"

#include <stdio.h>
#include <string.h>

#include <base/auto.h>
#include <base/clock.h>
#include <tee/check.h>
#include <tee/claims.h>
#include <tee/tee.h>

enum {
	FILES_MAX = 5,
	TEXT_MAX = 1024 * 1024,
};

#define TDX  "tdx/"
#define QVL  "tdx/dcap-qvl/"
#define GO   "tdx/go-tdx-guest/"
#define ATT  "tdx/attestation-rs/collateral/"
#define AUTA "tdx/automata-dcap/"
#define TRU  "tdx/trustee/"

struct verdict_vector {
	const char *quote, *platform, *at;
	const char *files[FILES_MAX];
	const char *accept; /* status */
	bool debug, no_crls;
	const char *status; /* the row "TCB status" begins with it; NULL: there is none */
	const char *code;   /* of the first failure; NULL: verified */
	size_t advisories;
};

static const struct verdict_vector verdicts[] = {
	{ QVL "quotes/phala_tdx_quote", "tdx", "2025-07-01T00:00:00Z",
		{ QVL "collateral/tdx_quote_collateral.json" }, .status = "UpToDate" },
	{ QVL "quotes/phala_tdx_quote", "tdx", "2025-08-01T00:00:00Z",
		{ QVL "collateral/tdx_quote_collateral.json" }, .status = "UpToDate",
		.code = "crl.expired" },
	{ QVL "quotes/phala_tdx_quote", "tdx", "2026-02-20T00:00:00Z",
		{ GO "collateral/sample_tcbinfo_response_v5", ATT "td_qe_identity.json",
			ATT "tcb_signing_chain.pem" },
		.no_crls = true, .code = "tdx.fmspc" },
	{ QVL "quotes/phala_tdx_quote", "tdx", "2025-07-01T00:00:00Z", { 0 }, .no_crls = true,
		.code = "collateral.missing" },
	{ GO "quotes/quote_v5_sample.dat", "tdx", "2026-02-20T00:00:00Z",
		{ GO "collateral/sample_tcbinfo_response_v5", ATT "td_qe_identity.json",
			ATT "tcb_signing_chain.pem" },
		.no_crls = true, .status = "UpToDate", .code = "tdx.collateral-time" },
	{ TRU "quotes/trustee_tdx_quote_4.dat", "tdx", "2023-06-20T00:00:00Z",
		{ GO "collateral/sample_tcbInfo_response",
			GO "collateral/sample_qeIdentity_response", GO "collateral/pckcrl",
			GO "collateral/rootcrl.der" },
		.status = "UpToDate", .code = "evidence.debug" },
	{ TRU "quotes/trustee_tdx_quote_4.dat", "tdx", "2023-06-20T00:00:00Z",
		{ GO "collateral/sample_tcbInfo_response",
			GO "collateral/sample_qeIdentity_response", GO "collateral/pckcrl",
			GO "collateral/rootcrl.der" },
		.debug = true, .status = "UpToDate", .code = "collateral.missing" },
	{ TRU "quotes/trustee_tdx_quote_4.dat", "tdx", "2026-04-01T00:00:00Z",
		{ ATT "tcb_info_50806f000000.json", ATT "td_qe_identity.json",
			ATT "pck_crl_platform.der", ATT "root_ca_crl.der",
			ATT "tcb_signing_chain.pem" },
		.debug = true, .status = "OutOfDate", .code = "tdx.tcb-status" },
	{ TRU "quotes/trustee_tdx_quote_4.dat", "tdx", "2026-04-01T00:00:00Z",
		{ ATT "tcb_info_50806f000000.json", ATT "td_qe_identity.json",
			ATT "pck_crl_platform.der", ATT "root_ca_crl.der",
			ATT "tcb_signing_chain.pem" },
		.accept = "OutOfDate", .debug = true, .status = "OutOfDate", .advisories = 11 },
	{ GO "quotes/tdx_prod_quote_SPR_E4.dat", "tdx", "2023-06-20T00:00:00Z",
		{ GO "collateral/sample_tcbInfo_response",
			GO "collateral/sample_qeIdentity_response", GO "collateral/pckcrl",
			GO "collateral/rootcrl.der" },
		.accept = "OutOfDate", .status = "NotSupported", .code = "collateral.missing" },
	{ TRU "quotes/trustee_tdx_quote_6.dat", "tdx", "2025-11-05T00:00:00Z",
		{ TRU "collateral/tcbInfo_00A06D080000.json", TRU "collateral/enclaveIdentity.json",
			ATT "tcb_signing_chain.pem" },
		.no_crls = true, .status = "OutOfDate", .code = "tdx.tcb-status" },
	{ TRU "quotes/trustee_tdx_quote_6.dat", "tdx", "2025-11-05T00:00:00Z",
		{ TRU "collateral/tcbInfo_00A06D080000.json", TRU "collateral/enclaveIdentity.json",
			ATT "tcb_signing_chain.pem" },
		.accept = "OutOfDate", .no_crls = true, .status = "OutOfDate" },
	{ AUTA "quotes/alibaba_quote_5.dat", "tdx", "2025-06-20T00:00:00Z",
		{ AUTA "collateral/2025-06_tcbinfo_90C06F000000.json",
			AUTA "collateral/2025-06_qe_td.json",
			QVL "collateral/tdx_quote_collateral.json" },
		.status = "UpToDate" },
	{ "sgx/dcap-qvl/sgx_quote", "sgx", "2025-07-01T00:00:00Z",
		{ "sgx/dcap-qvl/sgx_quote_collateral.json" },
		.status = "ConfigurationAndSWHardeningNeeded", .code = "tdx.tcb-status" },
	{ "sgx/dcap-qvl/sgx_quote", "sgx", "2025-07-01T00:00:00Z",
		{ "sgx/dcap-qvl/sgx_quote_collateral.json" },
		.accept = "ConfigurationAndSWHardeningNeeded",
		.status = "ConfigurationAndSWHardeningNeeded", .advisories = 2 },
	{ "sgx/dcap-qvl/sgx_quote", "tdx", "2025-07-01T00:00:00Z",
		{ "sgx/dcap-qvl/sgx_quote_collateral.json" },
		.accept = "ConfigurationAndSWHardeningNeeded",
		.status = "ConfigurationAndSWHardeningNeeded", .code = "tdx.quote-type" },
};

static struct collateral *gather(const char *const *files)
{
	struct collateral *c;

	assert_ok(collateral_new(&c));
	for (size_t i = 0; i < FILES_MAX && files[i]; i++) {
		AUTO(buf_done) struct buf f = test_file(test_vector(files[i]));
		assert_ok(collateral_add(c, buf_bytes(&f), files[i]));
	}
	return c;
}

static void print_rows(const struct checks *c)
{
	static const char *const verdict[] = { "ok", "FAILED", "not done" };

	for (size_t i = 0; i < c->n; i++)
		print_error("%s: %s: %s, not %s %s\n", verdict[c->v[i].verdict], c->v[i].d.field,
			c->v[i].d.actual, c->v[i].d.expected, c->v[i].d.code);
}

static bool status_is(const struct checks *c, const char *status)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct check *k = &c->v[i];
		if (str_equal(k->d.field, "TCB status") && k->verdict != CHECK_NOT_DONE)
			return status && str_starts(k->d.actual, status) &&
			       k->d.actual[strlen(status)] == ' ';
	}
	return !status;
}

static struct err judge(const struct verdict_vector *v, struct claims *ret_claims)
{
	AUTO(buf_done) struct buf quote = test_file(test_vector(v->quote));
	AUTO(collateral_freep) struct collateral *beside = gather(v->files);
	AUTO(checks_freep) struct checks *c = NULL;
	char *accepted[] = { (char *)(uintptr_t)v->accept };
	const struct tee_policy policy = {
		.allow_debug = v->debug,
		.crl_optional = v->no_crls,
		.tcb_status = { accepted, v->accept ? 1 : 0 },
	};
	struct tee_verify_input in = {
		.raw = buf_bytes(&quote),
		.collateral = beside,
		.policy = &policy,
	};

	assert_ok(clock_parse(v->at, &in.now));
	assert_ok(checks_new(&c));
	struct err e = tee_by_platform(v->platform)->verify->verify(&in, c, ret_claims);
	if (!status_is(c, v->status)) {
		print_error("%s: the status is not %s\n", v->quote, v->status);
		print_rows(c);
		fail();
	}
	if (v->code ? !failed(e) || !err_denial() || !str_equal(err_denial()->code, v->code)
		    : failed(e)) {
		print_error("%s at %s: wanted %s, got %s\n", v->quote, v->at,
			v->code ? v->code : "success", failed(e) ? err_text() : "success");
		print_rows(c);
		fail();
	}
	return e;
}

static void test_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
		AUTO(claims_done) struct claims claims = { 0 };
		const struct verdict_vector *v = &verdicts[i];
		char name[32];

		if (failed(judge(v, &claims)))
			continue;
		(void)snprintf(name, sizeof(name), "%s.advisory_ids", v->platform);
		const struct claim *list = claims_get(&claims, name);
		assert_int_equal(list ? list->list.n : 0, v->advisories);
		(void)snprintf(name, sizeof(name), "%s.tcb_status", v->platform);
		assert_string_equal(claim_text(claims_get(&claims, name)), v->status);
		assert_string_equal(claim_text(claims_get(&claims, "simulated")), "false");
	}
}

/* ---- claims ---- */
static void compare(const struct json *want, const struct json *got, const char *name);

static void compare_members(const struct json *want, const struct json *got)
{
	for (size_t i = 0; i < json_count(want); i++) {
		const char *name = json_name_at(want, i);
		if (!str_equal(name, "uefi_event_logs"))
			compare(json_at(want, i), json_get(got, name), name);
	}
}

static void compare(const struct json *want, const struct json *got, const char *name)
{
	AUTO(buf_done) struct buf a = BUF_INIT(TEXT_MAX), b = BUF_INIT(TEXT_MAX);

	if (!got) {
		print_error("no claim %s\n", name);
		fail();
	}
	if (json_type(want) == JSON_OBJECT) {
		compare_members(want, got);
		return;
	}
	json_print(want, &a);
	json_print(got, &b);
	if (!str_equal(buf_cstr(&a), buf_cstr(&b)))
		print_error("claim %s: %s, not %s\n", name, buf_cstr(&b), buf_cstr(&a));
	assert_string_equal(buf_cstr(&a), buf_cstr(&b));
}

/* Every member that Trustee makes of this quote, but for the decoded log. */
static void test_trustee_claims(void **state)
{
	AUTO(buf_done)
	struct buf text = test_file(test_vector("tdx/trustee/ccel/parse_tdx_claims_expected.json"));
	AUTO(buf_done) struct buf own = BUF_INIT(TEXT_MAX);
	AUTO(json_freep) struct json *want = NULL, *got = NULL;
	AUTO(claims_done) struct claims claims = { 0 };
	const struct verdict_vector *v = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
		if (verdicts[i].debug && !verdicts[i].code)
			v = &verdicts[i];
	assert_non_null(v);
	assert_ok(judge(v, &claims));
	assert_ok(claims_print(&claims, &own));
	assert_ok(json_parse(buf_bytes(&own), &got));
	assert_ok(json_parse(buf_bytes(&text), &want));
	for (size_t i = 0; i < json_count(want); i++) {
		const char *name = json_name_at(want, i);
		bool top = str_equal(name, "init_data") || str_equal(name, "report_data");
		if (!str_equal(name, "uefi_event_logs"))
			compare(json_at(want, i), json_get(top ? got : json_get(got, "tdx"), name),
				name);
	}
	/* Members that Trustee takes from Intel's library. */
	assert_string_equal(
		claim_text(claims_get(&claims, "tdx.tcb_date")), "2023-02-15T00:00:00Z");
	assert_string_equal(claim_text(claims_get(&claims, "tdx.sgx_type")), "Scalable");
	assert_string_equal(claim_text(claims_get(&claims, "tdx.root_key_id")),
		"46e403bd34f05a3f2817ab9badcaacc7ffc98e0f261008cd30dae936cace18d5dcf58eef31463613"
		"de1570d516200993");
	assert_string_equal(
		claim_text(claims_get(&claims, "tdx.earliest_issue_date")), "2018-05-21T10:45:10Z");
	assert_string_equal(claim_text(claims_get(&claims, "debug")), "true");
	assert_string_equal(claim_text(claims_get(&claims, "tdx.debug")), "true");
}

static void test_sgx_claims(void **state)
{
	AUTO(buf_done) struct buf own = BUF_INIT(TEXT_MAX);
	AUTO(claims_done) struct claims claims = { 0 };
	const struct verdict_vector *v = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
		if (str_equal(verdicts[i].platform, "sgx") && !verdicts[i].code)
			v = &verdicts[i];
	assert_non_null(v);
	assert_ok(judge(v, &claims));
	assert_string_equal(claim_text(claims_get(&claims, "sgx.header.version")), "0300");
	assert_string_equal(claim_text(claims_get(&claims, "sgx.header.pce_svn")), "0f00");
	assert_string_equal(
		claim_text(claims_get(&claims, "sgx.body.attributes\\.flags")), "0500000000000000");
	assert_int_equal(strlen(claim_text(claims_get(&claims, "init_data"))), 128);
	assert_ok(claims_print(&claims, &own));
	assert_non_null(strstr(buf_cstr(&own), "\"attributes.flags\":\"0500000000000000\""));
	assert_string_equal(claim_text(claims_get(&claims, "debug")), "false");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_trustee_claims),
		cmocka_unit_test(test_sgx_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
