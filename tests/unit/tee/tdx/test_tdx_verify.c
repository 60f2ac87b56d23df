/* The platforms tdx and sgx as a relying party calls them: evidence, collateral, verdict. */
#include "tdx_collateral_gen.h"
#include "util.h"

#include <base/encode.h>
#include <tee/check.h>

enum {
	TEXT_MAX = 1024 * 1024
};

struct world {
	struct tdx_gen g;
	struct tdx_gen_log log;
	struct tdx_gen_quote q;
	struct tdx_gen_collateral want;
	struct tee_policy policy;
	struct tee_verify_input in;
	bool bare, with_log; /* the quote alone; a CCEL that fits */
	struct key *other;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	tdx_gen_init(&w->g);
	tdx_gen_log_start(&w->log);
	tdx_gen_log_boot(&w->log);
	assert_ok(key_generate(KEY_P256, &w->other));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	tdx_gen_done(&w->g);
	tdx_gen_log_done(&w->log);
	key_free(w->other);
	free(w);
	return 0;
}

static void start(struct world *w, enum tdx_body_type type)
{
	w->q = tdx_gen_quote(type);
	w->want = tdx_gen_collateral(type != TDX_BODY_SGX);
	w->policy = (struct tee_policy){ 0 };
	w->in = (struct tee_verify_input){
		.anchors = &w->g.anchors,
		.policy = &w->policy,
		.now = TDX_GEN_NOW,
	};
	w->bare = false;
	w->with_log = true;
	tdx_gen_log_quoted(&w->log, &w->q);
}

static struct err verify(struct world *w, const char *platform, struct claims *ret_claims)
{
	AUTO(buf_done) struct buf quote = { 0 }, text = BUF_INIT(TEXT_MAX);
	AUTO(json_freep) struct json *j = NULL;
	AUTO(collateral_freep) struct collateral *beside = NULL;

	tdx_gen_quote_make(&w->g, &w->q, &quote);
	assert_ok(collateral_new(&beside));
	tdx_gen_collateral_add(&w->g, &w->want, beside);
	w->in.collateral = beside;
	if (w->bare) {
		w->in.raw = buf_bytes(&quote);
	} else {
		tdx_gen_evidence(buf_bytes(&quote),
			w->with_log ? buf_bytes(&w->log.log) : BYTES_NONE, &text);
		assert_ok(json_parse(buf_bytes(&text), &j));
		w->in.evidence = j;
	}
	return tee_verify(tee_by_platform(platform), &w->in, ret_claims);
}

/* ---- good ---- */
static const char *platform_of(enum tdx_body_type t)
{
	return t == TDX_BODY_SGX ? "sgx" : "tdx";
}

static const char *claim(const struct claims *c, const char *platform, const char *name)
{
	char full[96];

	(void)snprintf(full, sizeof(full), "%s.%s", platform, name);
	return claim_text(claims_get(c, full));
}

static void test_good(void **state)
{
	struct world *w = *state;

	for (enum tdx_body_type t = TDX_BODY_SGX; t <= TDX_BODY_TD_15; t++)
		for (int bare = 0; bare < 2; bare++) {
			AUTO(claims_done) struct claims c = { 0 };
			const char *p = platform_of(t);

			start(w, t);
			w->bare = bare;
			assert_ok(verify(w, p, &c));
			assert_string_equal(claim(&c, p, "tcb_status"), "UpToDate");
			assert_string_equal(claim(&c, p, "simulated"), "false");
			assert_string_equal(claim(&c, p, "debug"), "false");
			assert_string_equal(claim(&c, p, "collateral_expiration_status"), "0");
			assert_string_equal(claim(&c, p, "pck_crl_num"), "7");
			assert_string_equal(claim(&c, p, "root_ca_crl_num"), "7");
			assert_string_equal(claim(&c, p, "tcb_eval_num"), "17");
			assert_string_equal(claim(&c, p, "fmspc"), "112233445566");
			assert_string_equal(claim_text(claims_get(&c, "simulated")), "false");
			assert_int_equal(strlen(claim_text(claims_get(&c, "report_data"))), 128);
			assert_int_equal(str_starts(claim(&c, p, "uefi_event_logs"), "[{"),
				t != TDX_BODY_SGX && !bare);
		}
}

/* Newer versions carry the older reports, too. */
static void test_other_versions(void **state)
{
	static const struct {
		enum tdx_body_type type;
		uint16_t version;
	} others[] = {
		{ TDX_BODY_SGX, 4 },
		{ TDX_BODY_SGX, 5 },
		{ TDX_BODY_TD_10, 5 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		AUTO(claims_done) struct claims c = { 0 };

		start(w, others[i].type);
		w->q.version = others[i].version;
		assert_ok(verify(w, platform_of(others[i].type), &c));
	}
}

static void test_simulated(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct tee_anchors anchors = { 0 };
	struct world *w = *state;

	start(w, TDX_BODY_TD_15);
	anchors.software = w->g.anchors.vendor;
	w->in.anchors = &anchors;
	assert_ok(verify(w, "tdx", &c));
	assert_string_equal(claim_text(claims_get(&c, "simulated")), "true");
	assert_string_equal(claim(&c, "tdx", "simulated"), "true");
}

/* ---- what is bound to the quote ---- */
static void test_bound(void **state)
{
	struct world *w = *state;
	uint8_t nonce[65] = { 1, 2, 3 }, digest48[64];

	memset(digest48, 0x5a, sizeof(digest48));
	for (enum tdx_body_type t = TDX_BODY_SGX; t <= TDX_BODY_TD_15; t++) {
		AUTO(claims_done) struct claims c = { 0 };

		start(w, t);
		memset(w->q.td.report_data, 0, 64);
		memset(w->q.sgx.report_data, 0, 64);
		memcpy(w->q.td.report_data, nonce, 3);
		memcpy(w->q.sgx.report_data, nonce, 3);
		memcpy(w->q.td.mr_config_id, digest48, 48);
		memset(w->q.sgx.config_id, 0, 64);
		memcpy(w->q.sgx.config_id, digest48, 48);
		w->in.report_data = bytes_of(nonce, 3);
		w->in.initdata_digest = bytes_of(digest48, 48);
		w->policy.measurement =
			t == TDX_BODY_SGX ? BYTES_OF(w->q.sgx.mr_enclave) : BYTES_OF(w->q.td.mr_td);
		assert_ok(verify(w, platform_of(t), &c));
	}
}

struct unbound {
	struct bytes report_data, initdata, measurement;
	const char *code;
};

static void test_not_bound(void **state)
{
	static const uint8_t zero[65], da[64] = { 0xda, 0xda }, one[1] = { 0xda };
	const struct unbound bad[] = {
		{ .report_data = BYTES_OF(da), .code = "evidence.report-data" },
		{ .report_data = BYTES_OF(one), .code = "evidence.report-data" },
		{ .report_data = BYTES_OF(zero), .code = "evidence.report-data" },
		{ .initdata = BYTES_OF(one), .code = "initdata.mismatch" },
		{ .measurement = BYTES_OF(da), .code = "evidence.measurement" },
		{ .measurement = BYTES_OF(one), .code = "evidence.measurement" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		for (enum tdx_body_type t = TDX_BODY_SGX; t <= TDX_BODY_TD_15; t++) {
			struct claims c;

			start(w, t);
			w->in.report_data = bad[i].report_data;
			w->in.initdata_digest = bad[i].initdata;
			w->policy.measurement = bad[i].measurement;
			assert_err(verify(w, platform_of(t), &c), ERR_UNVERIFIED);
			assert_string_equal(err_denial()->code, bad[i].code);
		}
}

/* ---- collateral and evidence that must not pass ---- */
static void bend_status(struct world *w)
{
	w->want.status = "SWHardeningNeeded";
}

static void bend_revoked_level(struct world *w)
{
	static char revoked[] = "Revoked";
	static char *accepted[] = { revoked };

	w->want.status = "Revoked";
	w->policy.tcb_status = (struct strv){ accepted, 1 };
}

static void bend_old_cpu(struct world *w)
{
	w->want.sgx_svn = 6;
}

static void bend_old_module(struct world *w)
{
	w->want.module_svn = 6;
}

static void bend_old_qe(struct world *w)
{
	w->want.qe_svn = 5;
}

static void bend_no_level(struct world *w)
{
	w->want.sgx_svn = 6;
	w->want.one_level = true;
}

static void bend_module_major(struct world *w)
{
	w->want.module_major = 3;
}

/* Launched on an old module, which the policy accepts; the one that runs now is nobody's. */
static void bend_module_of_now(struct world *w)
{
	static char old[] = "OutOfDate";
	static char *accepted[] = { old };

	w->want.module_svn = 6;
	w->q.td.tee_tcb_svn2[0] = 6;
	w->q.td.tee_tcb_svn2[1] = 7;
	w->policy.tcb_status = (struct strv){ accepted, 1 };
}

static void bend_seam_attributes(struct world *w)
{
	w->q.td.seam_attributes[3] = 1;
}

static void bend_seam_signer(struct world *w)
{
	w->q.td.mrsigner_seam[3] = 1;
}

static void bend_fmspc(struct world *w)
{
	static const uint8_t other[6] = { 1, 2, 3, 4, 5, 6 };

	w->want.fmspc = other;
}

static void bend_qe_signer(struct world *w)
{
	static const uint8_t other[32] = { 1 };

	w->want.qe_mr_signer = other;
}

static void bend_info_key(struct world *w)
{
	w->want.sign_info = w->other;
}

static void bend_identity_key(struct world *w)
{
	w->want.sign_identity = w->other;
}

static void bend_pck_revoked(struct world *w)
{
	w->want.revoke_pck = true;
}

static void bend_ca_revoked(struct world *w)
{
	w->want.revoke_ca = true;
}

static void bend_signing_revoked(struct world *w)
{
	w->want.revoke_signing = true;
}

static void bend_no_signing(struct world *w)
{
	w->want.no_signing = true;
}

static void bend_no_info(struct world *w)
{
	w->want.no_info = true;
}

static void bend_no_identity(struct world *w)
{
	w->want.no_identity = true;
}

static void bend_no_pck_crl(struct world *w)
{
	w->want.no_pck_crl = true;
}

static void bend_no_root_crl(struct world *w)
{
	w->want.no_root_crl = true;
}

static void bend_expired(struct world *w)
{
	w->want.next_update = TDX_GEN_NOW - 1;
}

static void bend_future(struct world *w)
{
	w->want.issued = TDX_GEN_NOW + 1;
}

static void bend_log(struct world *w)
{
	w->q.td.rtmr[1][5] ^= 1;
}

static void bend_debug(struct world *w)
{
	w->q.td.td_attributes |= 1;
}

static void bend_signature(struct world *w)
{
	w->q.sign_quote = w->other;
}

static void test_bad(void **state)
{
	static const struct {
		void (*bend)(struct world *w);
		const char *code;
	} bad[] = {
		{ bend_status, "tdx.tcb-status" },
		{ bend_revoked_level, "tdx.tcb-status" },
		{ bend_old_cpu, "tdx.tcb-status" },
		{ bend_old_module, "tdx.tcb-status" },
		{ bend_old_qe, "tdx.tcb-status" },
		{ bend_no_level, "tdx.tcb-status" },
		{ bend_module_major, "tdx.module" },
		{ bend_module_of_now, "tdx.module" },
		{ bend_seam_attributes, "tdx.module" },
		{ bend_seam_signer, "tdx.module" },
		{ bend_fmspc, "tdx.fmspc" },
		{ bend_qe_signer, "tdx.qe-identity" },
		{ bend_info_key, "tdx.tcb-signature" },
		{ bend_identity_key, "tdx.tcb-signature" },
		{ bend_pck_revoked, "certificate.revoked" },
		{ bend_ca_revoked, "certificate.revoked" },
		{ bend_signing_revoked, "certificate.revoked" },
		{ bend_no_signing, "collateral.missing" },
		{ bend_no_info, "collateral.missing" },
		{ bend_no_identity, "collateral.missing" },
		{ bend_no_pck_crl, "crl.missing" },
		{ bend_no_root_crl, "crl.missing" },
		{ bend_expired, "crl.expired" },
		{ bend_future, "crl.not-yet-valid" },
		{ bend_log, "tdx.event-log-replay" },
		{ bend_debug, "evidence.debug" },
		{ bend_signature, "tdx.signature" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct claims c;

		start(w, TDX_BODY_TD_15);
		bad[i].bend(w);
		struct err e = verify(w, "tdx", &c);
		if (!failed(e))
			print_error("case %zu passed\n", i);
		assert_err(e, ERR_UNVERIFIED);
		if (!str_equal(err_denial()->code, bad[i].code))
			print_error("case %zu: %s\n", i, err_text());
		assert_string_equal(err_denial()->code, bad[i].code);
	}
}

static void test_accepted(void **state)
{
	static char hardening[] = "SWHardeningNeeded", old[] = "OutOfDate";
	static char *accepted[] = { hardening, old };
	AUTO(claims_done) struct claims c = { 0 }, d = { 0 }, e = { 0 };
	struct world *w = *state;

	start(w, TDX_BODY_TD_10);
	w->policy.tcb_status = (struct strv){ accepted, 1 };
	w->want.status = hardening;
	w->want.advisory = "INTEL-SA-00001";
	assert_ok(verify(w, "tdx", &c));
	assert_string_equal(claim(&c, "tdx", "tcb_status"), hardening);
	assert_string_equal(claim(&c, "tdx", "advisory_ids"), "INTEL-SA-00001");
	start(w, TDX_BODY_TD_10);
	w->policy.tcb_status = (struct strv){ accepted, 2 };
	w->want.sgx_svn = 6;
	assert_ok(verify(w, "tdx", &d));
	assert_string_equal(claim(&d, "tdx", "tcb_status"), old);
	start(w, TDX_BODY_TD_10); /* stale by an hour, within the policy's day */
	w->want.issued = TDX_GEN_NOW - 86400;
	w->want.next_update = TDX_GEN_NOW - 3600;
	w->policy.max_staleness_s = 86400;
	assert_ok(verify(w, "tdx", &e));
	assert_string_equal(claim(&e, "tdx", "collateral_expiration_status"), "1");
}

/* A wrong platform is told, not guessed. */
static void test_other_platform(void **state)
{
	struct world *w = *state;
	struct claims c;

	start(w, TDX_BODY_TD_10);
	assert_err(verify(w, "sgx", &c), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "tdx.quote-type");
	start(w, TDX_BODY_SGX);
	assert_err(verify(w, "tdx", &c), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "tdx.quote-type");
}

/* ---- no byte can be changed ---- */
static struct err verify_bytes(void *arg, struct bytes in)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct world *w = arg;

	w->in.raw = in;
	return tee_verify(
		tee_by_platform(w->q.tee_type == TDX_TEE_TDX ? "tdx" : "sgx"), &w->in, &c);
}

/* Header, body, signature, key, QE report, its signature, authentication data: every byte. The
 * text of the certificates that follows has slack of its own. */
static void flip_all(struct world *w, enum tdx_body_type type)
{
	AUTO(buf_done) struct buf quote = { 0 };
	AUTO(collateral_freep) struct collateral *beside = NULL;
	struct tdx_quote q;

	start(w, type);
	tdx_gen_quote_make(&w->g, &w->q, &quote);
	assert_ok(collateral_new(&beside));
	tdx_gen_collateral_add(&w->g, &w->want, beside);
	w->in.collateral = beside;
	assert_ok(verify_bytes(w, buf_bytes(&quote)));
	assert_ok(tdx_quote_parse(buf_bytes(&quote), &q));
	size_t n = (size_t)(q.cert_data.p - quote.p);
	for (size_t i = 0; i < n; i++) {
		uint8_t kept = quote.p[i];
		quote.p[i] ^= (uint8_t)(1u << i % 8);
		if (!failed(verify_bytes(w, buf_bytes(&quote)))) {
			print_error("byte %zu of %zu may be changed\n", i, n);
			fail();
		}
		quote.p[i] = kept;
	}
}

static void test_flips_v3(void **state)
{
	flip_all(*state, TDX_BODY_SGX);
}

static void test_flips_v4(void **state)
{
	flip_all(*state, TDX_BODY_TD_10);
}

static void test_flips_v5(void **state)
{
	flip_all(*state, TDX_BODY_TD_15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_other_versions),
		cmocka_unit_test(test_simulated),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_not_bound),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_other_platform),
		cmocka_unit_test(test_flips_v3),
		cmocka_unit_test(test_flips_v4),
		cmocka_unit_test(test_flips_v5),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
