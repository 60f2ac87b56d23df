/* Quotes that must not pass, each for its own reason. */
#include "tdx_gen.h"
#include "util.h"

#include <tee/check.h>

struct judge { /* one judgement and what it is made with */
	struct tdx_gen g;
	struct tdx_gen_quote q;
	struct tee_policy policy;
	struct tee_anchors anchors;
	struct tee_verify_input in;
	struct key *other;
};

static int setup(void **state)
{
	struct judge *j = calloc(1, sizeof(*j));

	assert_non_null(j);
	tdx_gen_init(&j->g);
	assert_ok(key_generate(KEY_P256, &j->other));
	*state = j;
	return 0;
}

static int teardown(void **state)
{
	struct judge *j = *state;

	tdx_gen_done(&j->g);
	key_free(j->other);
	free(j);
	return 0;
}

static void start(struct judge *j, enum tdx_body_type type)
{
	j->g.info = tdx_gen_info();
	j->g.processor = false;
	tdx_gen_pck(&j->g, TDX_GEN_NOW - TDX_GEN_YEAR, TDX_GEN_NOW + TDX_GEN_YEAR);
	j->q = tdx_gen_quote(type);
	j->policy = (struct tee_policy){ .crl_optional = true };
	j->anchors = j->g.anchors;
	j->in = (struct tee_verify_input){
		.anchors = &j->anchors,
		.policy = &j->policy,
		.now = TDX_GEN_NOW,
	};
}

static const struct check *find(const struct checks *c, const char *what)
{
	for (size_t i = 0; i < c->n; i++)
		if (str_starts(c->v[i].d.field, what))
			return &c->v[i];
	print_error("no row '%s'\n", what);
	fail();
	return NULL;
}

/* The TCB's own rows have their own tests. */
static bool of_tcb(const struct check *k)
{
	return strstr(k->d.field, "TCB") || strstr(k->d.field, "QE identity");
}

static void expect_only(const struct checks *c, const char *what, const char *code)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct check *k = &c->v[i];
		if (k->verdict != CHECK_FAILED || of_tcb(k) ||
			(what && str_starts(k->d.field, what)))
			continue;
		print_error("'%s' failed too: %s, %s, not %s\n", k->d.field, k->d.code, k->d.actual,
			k->d.expected);
		fail();
	}
	if (!what)
		return;
	const struct check *k = find(c, what);
	assert_int_equal(k->verdict, CHECK_FAILED);
	assert_string_equal(k->d.code, code);
}

static void judge(struct judge *j, struct checks **ret_checks, struct tdx_verified *ret_verified)
{
	AUTO(buf_done) struct buf quote = { 0 };

	tdx_gen_quote_make(&j->g, &j->q, &quote);
	assert_ok(checks_new(ret_checks));
	assert_ok(tdx_check_quote(&j->in, buf_bytes(&quote), *ret_checks, ret_verified));
	ret_verified->quote = (struct tdx_quote){ 0 }; /* its views end here */
}

/* ---- good ones ---- */
static void test_good(void **state)
{
	struct judge *j = *state;

	for (enum tdx_body_type t = TDX_BODY_SGX; t <= TDX_BODY_TD_15; t++)
		for (int processor = 0; processor < 2; processor++) {
			AUTO(checks_freep) struct checks *c = NULL;
			AUTO(tdx_verified_done) struct tdx_verified v = { 0 };

			start(j, t);
			j->g.processor = processor;
			tdx_gen_pck(&j->g, TDX_GEN_NOW, TDX_GEN_NOW + 1);
			judge(j, &c, &v);
			expect_only(c, NULL, NULL);
			assert_false(v.simulated);
			assert_int_equal(v.pck.pcesvn, 11);
			assert_int_equal(
				find(c, "PCK certificate: not revoked")->verdict, CHECK_NOT_DONE);
			assert_int_equal(find(c, "quote: signed by the attestation key")->verdict,
				CHECK_PASSED);
		}
}

static void test_software_root(void **state)
{
	AUTO(checks_freep) struct checks *c = NULL;
	AUTO(tdx_verified_done) struct tdx_verified v = { 0 };
	struct judge *j = *state;

	start(j, TDX_BODY_TD_10);
	j->anchors.software = j->anchors.vendor;
	j->anchors.vendor.n = 0; /* Intel's then */
	judge(j, &c, &v);
	expect_only(c, NULL, NULL);
	assert_true(v.simulated);
}

/* ---- bad ones ---- */
static void bend_quote_key(struct judge *j)
{
	j->q.sign_quote = j->other;
}

static void bend_qe_key(struct judge *j)
{
	j->q.sign_qe = j->other;
}

static void bend_binding(struct judge *j)
{
	j->q.wrong_binding = true;
}

static void bend_binding_rest(struct judge *j)
{
	j->q.dirty_binding = true;
}

static void bend_vendor(struct judge *j)
{
	j->q.qe_vendor_id[0] ^= 1;
}

static void bend_tee_type(struct judge *j)
{
	j->q.version = 5;
	j->q.tee_type = TDX_TEE_SGX;
}

static void bend_debug(struct judge *j)
{
	j->q.td.td_attributes |= 1;
}

static void bend_tud(struct judge *j)
{
	j->q.td.td_attributes |= 1u << 7;
}

static void bend_reserved(struct judge *j)
{
	j->q.td.td_attributes |= UINT64_C(1) << 40;
}

static void bend_xfam(struct judge *j)
{
	j->q.td.xfam &= ~UINT64_C(2);
}

static void bend_sgx(struct judge *j)
{
	j->q = tdx_gen_quote(TDX_BODY_SGX);
}

static void bend_sgx_debug(struct judge *j)
{
	bend_sgx(j);
	j->q.sgx.attributes[0] |= 2;
}

static void bend_sgx_init(struct judge *j)
{
	bend_sgx(j);
	j->q.sgx.attributes[0] &= (uint8_t)~1;
}

static void bend_sgx_reserved(struct judge *j)
{
	bend_sgx(j);
	j->q.sgx.attributes[7] |= 0x80;
}

static void bend_certs(struct judge *j)
{
	j->q.cert_data = bytes_str("no certificates");
}

static void bend_cert_type(struct judge *j)
{
	j->q.cert_type = 3;
}

static void bend_expired(struct judge *j)
{
	tdx_gen_pck(&j->g, TDX_GEN_NOW - TDX_GEN_YEAR, TDX_GEN_NOW - 1);
}

static void bend_early(struct judge *j)
{
	tdx_gen_pck(&j->g, TDX_GEN_NOW + 1, TDX_GEN_NOW + TDX_GEN_YEAR);
}

static void bend_root(struct judge *j)
{
	j->anchors.vendor.n = 0;
}

static void bend_crl(struct judge *j)
{
	j->policy.crl_optional = false;
}

/* Another certificate under Intel's root is no machine's, whatever extension it has. */
static void bend_no_chain(struct judge *j)
{
	j->anchors.vendor.v[0] = (struct x509 *)(uintptr_t)tdx_gen_ca(&j->g);
}

static void bend_minimum(struct judge *j)
{
	static char minimum[] = "tee_tcb_svn.2=6";
	static char *list[] = { minimum };

	j->policy.min_tcb = (struct strv){ list, 1 };
}

static void bend_minimum_pcesvn(struct judge *j)
{
	static char minimum[] = "pcesvn=12";
	static char *list[] = { minimum };

	j->policy.min_tcb = (struct strv){ list, 1 };
}

static void bend_minimum_qe(struct judge *j)
{
	static char good[] = "qe_isv_svn=4", bad[] = "qe_isv_svn=5";
	static char *list[] = { good, bad };

	j->policy.min_tcb = (struct strv){ list + 1, 1 };
	(void)good;
}

static const struct bad {
	void (*bend)(struct judge *j);
	const char *what, *code;
} bad[] = {
	{ bend_quote_key, "quote: signed by the attestation key", "tdx.signature" },
	{ bend_qe_key, "QE report: signed by the PCK", "tdx.signature" },
	{ bend_binding, "QE report: digest of the attestation key", "tdx.qe-binding" },
	{ bend_binding_rest, "QE report: digest of the attestation key", "tdx.qe-binding" },
	{ bend_vendor, "quote: vendor of the quoting enclave", "tdx.qe-vendor" },
	{ bend_tee_type, "quote: TEE type and body", "tdx.quote-type" },
	{ bend_debug, "td_attributes: DEBUG", "evidence.debug" },
	{ bend_tud, "td_attributes: other bits of debugging", "tdx.attributes" },
	{ bend_reserved, "td_attributes: reserved bits", "tdx.attributes" },
	{ bend_xfam, "xfam", "tdx.attributes" },
	{ bend_sgx_debug, "attributes: DEBUG", "evidence.debug" },
	{ bend_sgx_init, "attributes: INIT", "tdx.attributes" },
	{ bend_sgx_reserved, "attributes: reserved bits", "tdx.attributes" },
	{ bend_certs, "PCK certificate", "collateral.missing" },
	{ bend_cert_type, "PCK certificate", "collateral.missing" },
	{ bend_expired, "PCK certificate: chain to the root", "certificate.expired" },
	{ bend_early, "PCK certificate: chain to the root", "certificate.not-yet-valid" },
	{ bend_root, "PCK certificate: chain to the root", "certificate.untrusted" },
	{ bend_no_chain, "PCK certificate: issuer", "tdx.pck-untrusted" },
	{ bend_crl, "PCK", "crl.missing" },
	{ bend_minimum, "minimum tee_tcb_svn.2", "evidence.tcb-minimum" },
	{ bend_minimum_pcesvn, "minimum pcesvn", "evidence.tcb-minimum" },
	{ bend_minimum_qe, "minimum qe_isv_svn", "evidence.tcb-minimum" },
};

static void test_bad(void **state)
{
	struct judge *j = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(checks_freep) struct checks *c = NULL;
		AUTO(tdx_verified_done) struct tdx_verified v = { 0 };

		start(j, TDX_BODY_TD_10);
		bad[i].bend(j);
		judge(j, &c, &v);
		const char *what =
			bad[i].bend == bend_crl ? "PCK certificate: not revoked" : bad[i].what;
		if (bad[i].bend != bend_crl)
			expect_only(c, what, bad[i].code);
		assert_string_equal(find(c, what)->d.code, bad[i].code);
		assert_err(checks_end(c), ERR_UNVERIFIED);
	}
}

static void test_debug_allowed(void **state)
{
	struct judge *j = *state;

	for (enum tdx_body_type t = TDX_BODY_SGX; t <= TDX_BODY_TD_15; t++) {
		AUTO(checks_freep) struct checks *c = NULL;
		AUTO(tdx_verified_done) struct tdx_verified v = { 0 };

		start(j, t);
		j->q.sgx.attributes[0] |= 2;
		j->q.td.td_attributes |= 1;
		j->policy.allow_debug = true;
		judge(j, &c, &v);
		expect_only(c, NULL, NULL);
	}
}

static void test_minimum_unknown(void **state)
{
	static const char *const unknown[] = { "snp=22", "tee_tcb_svn.16=0", "tee_tcb_svn.=0",
		"pcesvn", "pcesvn=", "pcesvn=65536", "tee_tcb_svn=3", "=1", "" };
	AUTO(buf_done) struct buf quote = { 0 };
	struct judge *j = *state;
	struct tdx_verified v;

	start(j, TDX_BODY_TD_10);
	tdx_gen_quote_make(&j->g, &j->q, &quote);
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		AUTO(checks_freep) struct checks *c = NULL;
		char *list[] = { (char *)(uintptr_t)unknown[i] };

		j->policy.min_tcb = (struct strv){ list, 1 };
		assert_ok(checks_new(&c));
		assert_err(tdx_check_quote(&j->in, buf_bytes(&quote), c, &v), ERR_USAGE);
		assert_int_equal(c->n, 0);
	}
}

/* Rows that say something but refuse nothing. */
static void test_told(void **state)
{
	AUTO(checks_freep) struct checks *c = NULL;
	AUTO(tdx_verified_done) struct tdx_verified v = { 0 };
	struct judge *j = *state;

	start(j, TDX_BODY_TD_10);
	j->q.td.td_attributes = UINT64_C(1) << 29;
	judge(j, &c, &v);
	expect_only(c, NULL, NULL);
	assert_int_equal(find(c, "td_attributes: SEPT_VE_DISABLE")->verdict, CHECK_NOT_DONE);
	assert_int_equal(find(c, "td_attributes: MIGRATABLE")->verdict, CHECK_NOT_DONE);
}

/* Quotes of type 3 have no certificates; the one that signed the QE's report is beside them. */
static void test_pck_beside(void **state)
{
	AUTO(checks_freep) struct checks *c = NULL, *without = NULL;
	AUTO(tdx_verified_done) struct tdx_verified v = { 0 }, w = { 0 };
	AUTO(collateral_freep) struct collateral *beside = NULL;
	struct judge *j = *state;

	start(j, TDX_BODY_TD_10);
	const struct x509_list certs = {
		.v = { j->g.processor_ca, j->g.platform_ca, j->g.pck },
		.n = 3,
	};
	j->q.cert_type = 3;
	j->q.cert_data = bytes_str("encrypted PPID and more");
	judge(j, &without, &w);
	assert_string_equal(find(without, "PCK certificate")->d.code, "collateral.missing");
	assert_int_equal(find(without, "QE report: signed")->verdict, CHECK_NOT_DONE);
	assert_err(checks_end(without), ERR_UNVERIFIED);
	assert_ok(collateral_new(&beside));
	assert_ok(collateral_add_certs(beside, &certs, "test"));
	j->in.collateral = beside;
	judge(j, &c, &v);
	expect_only(c, NULL, NULL);
	assert_string_equal(find(c, "PCK certificate")->d.actual, "from the collateral");
	assert_int_equal(find(c, "QE report: signed")->verdict, CHECK_PASSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_software_root),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_debug_allowed),
		cmocka_unit_test(test_minimum_unknown),
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_pck_beside),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
