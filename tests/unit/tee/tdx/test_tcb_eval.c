/* The shared table of real quotes, TCB infos and the levels that they lead to; Intel's sample set
 * under its own root. */
#include "collateral.h"
#include "tdx/quote_internal.h"
#include "tdx/tcb_info.h"
#include "util.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <base/auto.h>
#include <base/clock.h>
#include <tee/check.h>

#define TABLE_BELOW "expected/tcb-eval.json"
#define TABLE	    "tdx/" TABLE_BELOW
#define SAMPLE	    "tdx/intel-qvl/sample/"

struct judged {
	struct buf quote_file, info_file;
	struct tdx_quote quote;
	struct x509_list certs;
	struct pck_info pck;
	struct collateral *beside;
	struct tcb_info info;
};

static void judged_done(struct judged *j)
{
	tcb_info_done(&j->info);
	collateral_freep(&j->beside);
	x509_list_done(&j->certs);
	buf_done(&j->quote_file);
	buf_done(&j->info_file);
}

/* The table's paths are below one of the vendors' folders. */
static struct buf find_file(const struct json *c, const char *name)
{
	static const char *const vendors[] = { "dcap-qvl", "go-tdx-guest", "trustee",
		"attestation-rs", "automata-dcap" };
	const char *path = json_string(json_get(c, name));
	AUTO(auto_free) char *table = strdup(test_vector(TABLE));
	char full[1024];

	assert_non_null(path);
	assert_non_null(table);
	table[strlen(table) - strlen(TABLE_BELOW)] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(vendors); i++) {
		(void)snprintf(full, sizeof(full), "%s%s/%s", table, vendors[i], path);
		if (access(full, R_OK) == 0)
			return test_file(full);
	}
	print_error("no file %s\n", path);
	fail();
	return (struct buf){ 0 };
}

static void load(const struct json *c, struct judged *j)
{
	struct bytes text;

	j->quote_file = find_file(c, "quote");
	j->info_file = find_file(c, "tcb_info");
	assert_ok(tdx_quote_parse(buf_bytes(&j->quote_file), &j->quote));
	assert_ok(x509_list_parse(j->quote.cert_data, &j->certs));
	assert_ok(pck_info_parse(tdx_pck_of(&j->certs), &j->pck));
	assert_ok(collateral_new(&j->beside));
	assert_ok(collateral_add(j->beside, buf_bytes(&j->info_file), "TCB info"));
	for (size_t i = 0; i < j->beside->n; i++) {
		if (j->beside->v[i]->kind != COLLATERAL_TCB_INFO)
			continue;
		assert_ok(json_member_text(buf_bytes(&j->beside->v[i]->bytes), "tcbInfo", &text));
		assert_ok(tcb_info_parse(text, &j->info));
	}
	assert_non_null(j->info.levels);
}

/* Without an identity of its own the table says nothing about the QE. */
static struct tcb_verdict evaluate(const struct judged *j)
{
	static const struct qe_identity any = { .levels = { .n = 1 } };
	const struct tdx_tcb_input in = {
		.pck = &j->pck,
		.tdx = true,
		.tee_tcb_svn = j->quote.td.tee_tcb_svn,
		.tee_tcb_svn2 = j->quote.td.tee_tcb_svn2,
	};
	struct tcb_verdict v;

	tcb_evaluate(&in, &j->info, &any, &v);
	return v;
}

/* Each advisory that is wanted, and as many. */
static void compare_advisories(const struct json *want, const struct json *got)
{
	assert_int_equal(json_count(want), json_count(got));
	for (size_t i = 0; i < json_count(want); i++) {
		bool found = false;
		for (size_t k = 0; k < json_count(got); k++)
			found = found || str_equal(json_string(json_at(want, i)),
						 json_string(json_at(got, k)));
		assert_true(found);
	}
}

static void compare_levels(const struct json *c, const struct judged *j)
{
	const char *want = json_string(json_get(c, "tcb_level_status"));
	const char *module = json_string(json_get(c, "tdx_module"));
	struct tcb_verdict v = evaluate(j);
	char got[64] = "";

	assert_string_equal(tcb_status_name(v.level), want ? want : "NotSupported");
	compare_advisories(json_get(c, "advisories"), v.matched ? v.matched->advisories : NULL);
	if (!module || !want)
		return;
	assert_non_null(v.tdx_module);
	(void)snprintf(got, sizeof(got), "%s %s", v.tdx_module->id, tcb_status_name(v.module));
	assert_string_equal(got, module);
}

/* Failed rows of the TCB info's own, by their code. */
static bool fails_with(const struct judged *j, int64_t now, const char *code)
{
	AUTO(checks_freep) struct checks *rows = NULL;
	AUTO(tdx_tcb_result_done) struct tdx_tcb_result got = { 0 };
	const struct tee_policy policy = { .crl_optional = true };
	const struct tee_verify_input in = {
		.collateral = j->beside,
		.policy = &policy,
		.now = now,
	};
	const struct tdx_tcb_input tcb = {
		.pck = &j->pck,
		.tdx = true,
		.tee_tcb_svn = j->quote.td.tee_tcb_svn,
		.tee_tcb_svn2 = j->quote.td.tee_tcb_svn2,
		.mrsigner_seam = j->quote.td.mrsigner_seam,
		.seam_attributes = j->quote.td.seam_attributes,
		.qe_attributes = j->quote.qe.attributes,
		.qe_mr_signer = j->quote.qe.mr_signer,
		.root = j->certs.v[j->certs.n - 1],
	};

	assert_ok(checks_new(&rows));
	assert_ok(tdx_check_tcb(&in, &tcb, rows, &got));
	for (size_t i = 0; i < rows->n; i++)
		if (rows->v[i].verdict == CHECK_FAILED &&
			str_starts(rows->v[i].d.field, "TCB info") &&
			str_equal(rows->v[i].d.code, code))
			return true;
	return false;
}

static void test_table(void **state)
{
	AUTO(buf_done) struct buf text = test_file(test_vector(TABLE));
	AUTO(json_freep) struct json *table = NULL;

	(void)state;
	assert_ok(json_parse(buf_bytes(&text), &table));
	const struct json *cases = json_get(table, "cases");
	assert_true(json_count(cases) >= 9);
	for (size_t i = 0; i < json_count(cases); i++) {
		AUTO(judged_done) struct judged j = { 0 };
		const struct json *c = json_at(cases, i);
		const char *want = json_string(json_get(c, "tcb_level_status"));
		int64_t now;

		load(c, &j);
		assert_ok(clock_parse(json_string(json_get(c, "verify_time")), &now));
		bool ended = want && str_equal(want, "EXPIRED");
		bool other = want && str_equal(want, "FMSPC_MISMATCH");
		assert_true(fails_with(&j, now, "tdx.collateral-time") == ended);
		assert_true(fails_with(&j, now, "tdx.fmspc") == other);
		if (!ended && !other)
			compare_levels(c, &j);
	}
}

/* ---- Intel's sample: random numbers, signed under a root of its own ---- */
static struct key *sample_signer(const struct buf *chain, const struct buf *root, int64_t now)
{
	AUTO(x509_list_done) struct x509_list certs = { 0 }, anchors = { 0 };
	struct key *key = NULL;

	assert_ok(x509_list_parse(buf_bytes(chain), &certs));
	assert_ok(x509_list_parse(buf_bytes(root), &anchors));
	for (size_t i = 0; i < certs.n && !key; i++) {
		const struct x509_verify v = {
			.leaf = certs.v[i],
			.anchors = &anchors,
			.now = now,
		};
		if (x509_is_self_issued(certs.v[i]))
			continue;
		assert_ok(x509_verify(&v));
		assert_ok(x509_public_key(certs.v[i], &key));
	}
	assert_non_null(key);
	return key;
}

static void test_sample(void **state)
{
	static const char *const objects[][2] = { { SAMPLE "tcbInfo.json", "tcbInfo" },
		{ SAMPLE "qeIdentity.json", "enclaveIdentity" } };
	AUTO(buf_done) struct buf chain = test_file(test_vector(SAMPLE "tcbSignChain.pem"));
	AUTO(buf_done) struct buf root = test_file(test_vector(SAMPLE "trustedRootCaCert.pem"));
	int64_t now;

	(void)state;
	assert_ok(clock_parse("2024-01-01T00:00:00Z", &now));
	AUTO(key_freep) struct key *key = sample_signer(&chain, &root, now);
	for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
		AUTO(buf_done) struct buf file = test_file(test_vector(objects[i][0]));
		AUTO(buf_done) struct buf der = BUF_INIT(256);
		AUTO(collateral_freep) struct collateral *c = NULL;
		struct bytes text, hex;

		assert_ok(collateral_new(&c));
		assert_ok(collateral_add(c, buf_bytes(&file), "sample"));
		struct bytes body = buf_bytes(&c->v[0]->bytes);
		assert_ok(json_member_text(body, objects[i][1], &text));
		assert_ok(json_member_text(body, "signature", &hex));
		char digits[129];
		assert_int_equal(hex.n, sizeof(digits) + 1);
		memcpy(digits, hex.p + 1, sizeof(digits) - 1);
		digits[sizeof(digits) - 1] = '\0';
		assert_ok(ecdsa_raw_to_der(test_hex(digits), &der));
		assert_ok(key_verify(key, SIG_ECDSA_SHA256, text, buf_bytes(&der)));
		text.n--;
		assert_true(failed(key_verify(key, SIG_ECDSA_SHA256, text, buf_bytes(&der))));
	}
}

/* Its components have more than eight bits, which no platform has: refused, not cut. */
static void test_sample_numbers(void **state)
{
	AUTO(buf_done) struct buf file = test_file(test_vector(SAMPLE "tcbInfo.json"));
	AUTO(tcb_info_done) struct tcb_info info = { 0 };
	struct bytes text;

	(void)state;
	assert_ok(json_member_text(buf_bytes(&file), "tcbInfo", &text));
	assert_err(tcb_info_parse(text, &info), ERR_FORMAT);
	assert_err_text("svn");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_sample_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
