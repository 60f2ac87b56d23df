/*
 * A collateral that verifications share remembers chains and signatures. Revocation, dates, roots
 * and policy are judged anew each time all the same.
 */
#include "snp_gen.h"
#include "tdx_collateral_gen.h"
#include "util.h"

#include <tee/tee.h>

struct seen {
	const struct tee *tee;
	struct tee_verify_input in;
	struct buf evidence;
};

static struct err verify(const struct seen *s)
{
	AUTO(claims_done) struct claims c = { 0 };

	return tee_verify(s->tee, &s->in, &c);
}

/* Twice good, so that what may be remembered is. */
static void warm(const struct seen *s)
{
	assert_ok(verify(s));
	assert_ok(verify(s));
}

static void refused(const struct seen *s, const char *code)
{
	assert_err(verify(s), ERR_UNVERIFIED);
	assert_non_null(err_denial());
	assert_string_equal(err_denial()->code, code);
}

/* ---- TDX ---- */
struct tdx_world {
	struct tdx_gen g;
	struct collateral *collateral;
	struct seen seen;
};

static int tdx_setup(void **state)
{
	struct tdx_world *w = calloc(1, sizeof(*w));
	const struct tdx_gen_quote want = tdx_gen_quote(TDX_BODY_TD_10);
	const struct tdx_gen_collateral all = tdx_gen_collateral(true);

	assert_non_null(w);
	tdx_gen_init(&w->g);
	tdx_gen_quote_make(&w->g, &want, &w->seen.evidence);
	assert_ok(collateral_new(&w->collateral));
	tdx_gen_collateral_add(&w->g, &all, w->collateral);
	w->seen.tee = tee_by_platform("tdx");
	w->seen.in = (struct tee_verify_input){
		.raw = buf_bytes(&w->seen.evidence),
		.collateral = w->collateral,
		.anchors = &w->g.anchors,
		.now = TDX_GEN_NOW,
	};
	*state = w;
	return 0;
}

static int tdx_teardown(void **state)
{
	struct tdx_world *w = *state;

	tdx_gen_done(&w->g);
	collateral_freep(&w->collateral);
	buf_done(&w->seen.evidence);
	free(w);
	return 0;
}

/* Newer lists join the collateral that has seen the good verdict. */
static void publish_revocation(struct tdx_world *w, bool pck, bool ca, bool signing)
{
	struct tdx_gen_collateral newer = tdx_gen_collateral(true);

	newer.issued += 60;
	newer.no_info = newer.no_identity = newer.no_signing = true;
	newer.revoke_pck = pck;
	newer.revoke_ca = ca;
	newer.revoke_signing = signing;
	tdx_gen_collateral_add(&w->g, &newer, w->collateral);
}

static void test_tdx_pck_revoked(void **state)
{
	struct tdx_world *w = *state;

	warm(&w->seen);
	publish_revocation(w, true, false, false);
	refused(&w->seen, "certificate.revoked");
}

static void test_tdx_ca_revoked(void **state)
{
	struct tdx_world *w = *state;

	warm(&w->seen);
	publish_revocation(w, false, true, false);
	refused(&w->seen, "certificate.revoked");
}

static void test_tdx_signing_revoked(void **state)
{
	struct tdx_world *w = *state;

	warm(&w->seen);
	publish_revocation(w, false, false, true);
	refused(&w->seen, "certificate.revoked");
}

/* A list that revokes nobody takes nothing away. */
static void test_tdx_newer_list(void **state)
{
	struct tdx_world *w = *state;

	warm(&w->seen);
	publish_revocation(w, false, false, false);
	warm(&w->seen);
}

static void test_tdx_expired(void **state)
{
	struct tdx_world *w = *state;

	warm(&w->seen);
	/* the certificates' last second, the second after it, and before their first */
	w->seen.in.now = TDX_GEN_NOW + TDX_GEN_YEAR + 1;
	refused(&w->seen, "certificate.expired");
	w->seen.in.now = TDX_GEN_NOW - TDX_GEN_YEAR - 1;
	refused(&w->seen, "certificate.not-yet-valid");
	w->seen.in.now = TDX_GEN_NOW;
	warm(&w->seen);
}

/* TCB info, identity and lists are valid for a month, the certificates for a year. */
static void test_tdx_collateral_expired(void **state)
{
	struct tdx_world *w = *state;

	warm(&w->seen);
	w->seen.in.now = TDX_GEN_NOW + 40 * 86400;
	refused(&w->seen, "crl.expired");
	w->seen.in.policy = &(struct tee_policy){ .max_staleness_s = 20 * 86400 };
	warm(&w->seen);
	w->seen.in.policy = &(struct tee_policy){ .max_staleness_s = 5 * 86400 };
	refused(&w->seen, "crl.expired");
}

static void test_tdx_other_root(void **state)
{
	struct tdx_world *w = *state;
	struct tdx_gen other;

	warm(&w->seen);
	tdx_gen_init(&other);
	w->seen.in.anchors = &other.anchors;
	refused(&w->seen, "certificate.untrusted");
	w->seen.in.anchors = NULL;
	refused(&w->seen, "certificate.untrusted");
	tdx_gen_done(&other);
}

/* The same signature under other TCB info is not the remembered one. */
static void test_tdx_other_info(void **state)
{
	struct tdx_world *w = *state;
	struct tdx_gen_collateral newer = tdx_gen_collateral(true);

	warm(&w->seen);
	newer.eval_num++;
	newer.sign_info = w->g.pck_key;
	newer.no_identity = newer.no_signing = newer.no_pck_crl = newer.no_root_crl = true;
	tdx_gen_collateral_add(&w->g, &newer, w->collateral);
	refused(&w->seen, "tdx.tcb-signature");
}

static struct err verify_bytes(void *arg, struct bytes in)
{
	struct seen s = *(const struct seen *)arg;

	s.in.raw = in;
	return verify(&s);
}

/* Every signed byte, and one byte of each line of the leaf, which is what is looked up. */
static void test_tdx_changed_quote(void **state)
{
	enum {
		TYPE_AND_SIZE = 6, /* of the certification data: unsigned */
		LEAF_PART = 700,
		STEP = 37,
	};
	struct tdx_world *w = *state;
	AUTO(buf_done) struct buf copy = BUF_INIT(TDX_GEN_QUOTE_MAX);
	struct tdx_quote q;

	warm(&w->seen);
	assert_ok(tdx_quote_parse(buf_bytes(&w->seen.evidence), &q));
	size_t certs = (size_t)(q.cert_data.p - w->seen.evidence.p);
	buf_put(&copy, buf_bytes(&w->seen.evidence));
	for (size_t i = 0; i < certs + LEAF_PART; i += i < certs ? 1 : STEP) {
		if ((i >= certs - TYPE_AND_SIZE && i < certs) || copy.p[i] == '\n')
			continue;
		copy.p[i] ^= 1;
		struct err e = verify_bytes(&w->seen, buf_bytes(&copy));
		if (!failed(e))
			fail_msg("byte %zu changed, and it holds", i);
		copy.p[i] ^= 1;
	}
	assert_ok(verify_bytes(&w->seen, buf_bytes(&copy)));
}

/* ---- SNP ---- */
struct snp_world {
	struct snp_gen g;
	struct seen seen;
};

static int snp_setup(void **state)
{
	struct snp_world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	snp_gen_init(&w->g, 3, SNP_MILAN, false);
	w->seen.evidence = BUF_INIT(SNP_REPORT_SIZE);
	snp_gen_report(&w->g, &w->seen.evidence);
	w->seen.tee = tee_by_platform("snp");
	w->seen.in = snp_gen_input(&w->g);
	w->seen.in.raw = buf_bytes(&w->seen.evidence);
	*state = w;
	return 0;
}

static int snp_teardown(void **state)
{
	struct snp_world *w = *state;

	buf_done(&w->seen.evidence);
	snp_gen_done(&w->g);
	free(w);
	return 0;
}

static void test_snp_revoked(void **state)
{
	struct snp_world *w = *state;
	struct x509_list revoked = { .v = { w->g.ask }, .n = 1 };
	AUTO(buf_done) struct buf der = BUF_INIT(8192);

	warm(&w->seen);
	assert_ok(x509_crl_make(
		&(struct x509_crl_make){
			.issuer = w->g.ark,
			.issuer_key = w->g.ark_key,
			.this_update = w->g.crl_times.from + 60,
			.next_update = w->g.crl_times.to,
			.number = 8,
			.revoked = &revoked,
			.rsa_pss = true,
		},
		&der));
	assert_ok(collateral_add(w->g.collateral, buf_bytes(&der), "newer list"));
	refused(&w->seen, "certificate.revoked");
}

static void test_snp_expired(void **state)
{
	struct snp_world *w = *state;

	warm(&w->seen);
	w->seen.in.now = w->g.vek_times.to + 1;
	assert_err(verify(&w->seen), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "certificate.expired");
	w->seen.in.now = SNP_GEN_NOW;
	warm(&w->seen);
}

static void test_snp_other_root(void **state)
{
	struct snp_world *w = *state;
	struct tee_anchors none = { 0 };

	warm(&w->seen);
	w->seen.in.anchors = &none;
	assert_err(verify(&w->seen), ERR_UNVERIFIED);
}

#define TDX(f) cmocka_unit_test_setup_teardown(f, tdx_setup, tdx_teardown)
#define SNP(f) cmocka_unit_test_setup_teardown(f, snp_setup, snp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TDX(test_tdx_pck_revoked),
		TDX(test_tdx_ca_revoked),
		TDX(test_tdx_signing_revoked),
		TDX(test_tdx_newer_list),
		TDX(test_tdx_expired),
		TDX(test_tdx_collateral_expired),
		TDX(test_tdx_other_root),
		TDX(test_tdx_other_info),
		TDX(test_tdx_changed_quote),
		SNP(test_snp_revoked),
		SNP(test_snp_expired),
		SNP(test_snp_other_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
