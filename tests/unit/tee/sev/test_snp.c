/* Verdicts on synthetic reports that are good: each form, each policy. */
#include "snp_world.h"
#include "util.h"

#include <stdio.h>

/* ---- good ---- */

static void assert_claim(const struct claims *c, const char *name, const char *want)
{
	const struct claim *k = claims_get(c, name);

	if (!k || !str_equal(claim_text(k), want)) {
		print_error("%s: '%s', not '%s'\n", name, k ? claim_text(k) : "(none)", want);
		fail();
	}
}

static void check_claims(const struct claims *c, const struct snp_gen *g)
{
	char version[4];

	(void)snprintf(version, sizeof(version), "%u", g->report.version);
	assert_claim(c, "snp.version", version);
	assert_claim(c, "snp.guest_svn", "3");
	assert_claim(c, "snp.policy_abi_major", "0");
	assert_claim(c, "snp.policy_abi_minor", "31");
	assert_claim(c, "snp.policy_smt_allowed", "true");
	assert_claim(c, "snp.policy_migrate_ma", "false");
	assert_claim(c, "snp.policy_debug_allowed", "false");
	assert_claim(c, "snp.policy_single_socket", "false");
	assert_claim(c, "snp.platform_smt_enabled", "true");
	assert_claim(c, "snp.platform_tsme_enabled", "false");
	assert_claim(c, "snp.platform_alias_check_complete", "true");
	assert_claim(c, "snp.reported_tcb_bootloader", "4");
	assert_claim(c, "snp.reported_tcb_tee", "0");
	assert_claim(c, "snp.reported_tcb_snp", "24");
	assert_claim(c, "snp.reported_tcb_microcode", "219");
	assert_claim(c, "snp.current_tcb_bootloader", "5");
	assert_claim(c, "snp.current_version", "1.55.40");
	assert_claim(c, "snp.vmpl", "0");
	assert_claim(c, "snp.product", snp_product_name(g->product));
	assert_claim(c, "snp.simulated", "false");
	assert_claim(c, "simulated", "false");
	assert_claim(c, "debug", "false");
	assert_claim(c, "snp.debug", "false");
	if (g->product == SNP_TURIN)
		assert_claim(c, "snp.reported_tcb_fmc", "1");
	else
		assert_null(claims_get(c, "snp.reported_tcb_fmc"));
	if (g->vlek)
		assert_claim(c, "snp.csp_id", "Test Cloud");
	else
		assert_null(claims_get(c, "snp.csp_id"));
	if (g->report.version >= 5)
		assert_claim(c, "snp.current_mit_vector", "3");
	else
		assert_null(claims_get(c, "snp.current_mit_vector"));
	assert_int_equal(strlen(claim_text(claims_get(c, "snp.measurement"))), 96);
	assert_string_equal(claim_text(claims_get(c, "init_data")),
		"4040404040404040404040404040404040404040404040404040404040404040");
	assert_int_equal(strlen(claim_text(claims_get(c, "report_data"))), 128);
}

/* Certificates in the collateral, in a table behind the report, in the JSON's chain. */
static void check_forms(struct world *w)
{
	AUTO(claims_done) struct claims c = { 0 };
	AUTO(claims_done) struct claims again = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(SNP_GEN_JSON_MAX), rsp = BUF_INIT(4000);
	AUTO(json_freep) struct json *j = NULL;
	const struct tee *snp = tee_by_kbs_name("snp");

	assert_ptr_equal(tee_recognise(&w->in), snp);
	assert_ok(tee_verify(snp, &w->in, &c));
	check_claims(&c, &w->g);
	snp_gen_response(buf_bytes(&w->raw), &rsp);
	w->in.raw = buf_bytes(&rsp);
	assert_ptr_equal(tee_recognise(&w->in), snp);
	assert_ok(verdict(&w->in));

	w->in.raw = BYTES_NONE;
	snp_gen_json(&w->g, buf_bytes(&w->raw), true, &text);
	assert_ok(json_parse(buf_bytes(&text), &j));
	w->in.evidence = j;
	assert_ptr_equal(tee_recognise(&w->in), snp);
	w->policy.crl_optional = true;
	w->in.collateral = NULL;
	assert_ok(tee_verify(snp, &w->in, &again));
	check_claims(&again, &w->g);

	w->in.evidence = NULL;
	snp_gen_table(&w->g, &w->raw);
	w->in.raw = buf_bytes(&w->raw);
	assert_ptr_equal(tee_recognise(&w->in), snp);
	assert_ok(verdict(&w->in));
	assert_row(&w->in, w->g.vlek ? "ASVK: not revoked" : "ASK: not revoked", CHECK_NOT_DONE);
}

static void test_good(void **state)
{
	(void)state;
	for (unsigned version = 2; version <= 5; version++)
		for (enum snp_product p = SNP_MILAN; p <= SNP_TURIN; p++) {
			struct world w;

			world_start(&w, version, p, false);
			world_make(&w);
			check_forms(&w);
			world_finish(&w);
		}
}

static void test_good_vlek(void **state)
{
	(void)state;
	for (enum snp_product p = SNP_MILAN; p <= SNP_TURIN; p++) {
		struct world w;

		world_start(&w, p == SNP_MILAN ? 2 : 5, p, true);
		world_make(&w);
		if (p == SNP_TURIN) { /* nothing in a version 2 report tells the product */
			w.g.report.version = 2;
			w.g.report.cpuid_family = w.g.report.cpuid_model = 0;
			w.g.report.cpuid_stepping = 0;
			w.g.report.launch_mit_vector = w.g.report.current_mit_vector = 0;
			world_make(&w);
		}
		check_forms(&w);
		world_finish(&w);
	}
}

/* The host may hide the chip: the rest is still checked. */
static void test_masked_chip(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, 3, SNP_GENOA, false);
	w.g.report.key_info |= SNP_KEY_MASK_CHIP;
	memset(w.g.report.chip_id, 0, sizeof(w.g.report.chip_id));
	world_make(&w);
	assert_ok(verdict(&w.in));
	assert_row(&w.in, "chip id", CHECK_NOT_DONE);
	world_finish(&w);
}

static void test_hwid_forms(void **state)
{
	(void)state;
	for (enum snp_product p = SNP_MILAN; p <= SNP_TURIN; p++) {
		struct world w;

		world_start(&w, 3, p, false);
		w.g.hwid_tagged = true;
		world_make(&w);
		assert_ok(verdict(&w.in));
		assert_row(&w.in, "chip id", CHECK_PASSED);
		world_finish(&w);
	}
}

/* Of several certificates the one that fits is taken, wherever it stands; AMD issues them anew. */
static void test_many_certificates(void **state)
{
	AUTO(collateral_freep) struct collateral *all = NULL;
	struct x509_list certs = { 0 };
	struct x509 *kept[4];
	struct world w;

	(void)state;
	world_start(&w, 3, SNP_MILAN, false);
	w.g.vek_tcb.microcode = 218; /* of older firmware */
	snp_gen_certs(&w.g);
	assert_ok(x509_copy(w.g.vek, &kept[0]));
	w.g.vek_tcb.microcode = 219;
	w.g.hwid[0] ^= 1; /* of another chip */
	snp_gen_certs(&w.g);
	assert_ok(x509_copy(w.g.vek, &kept[1]));
	w.g.hwid[0] ^= 1;
	w.g.vek_times.to = SNP_GEN_NOW - 1; /* ran out, issued anew */
	snp_gen_certs(&w.g);
	assert_ok(x509_copy(w.g.vek, &kept[2]));
	w.g.vek_times.to = SNP_GEN_NOW + 1;
	world_make(&w);
	assert_ok(x509_copy(w.g.ark, &kept[3]));
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		certs.v[certs.n++] = kept[i];
	certs.v[certs.n++] = w.g.ask;
	assert_ok(collateral_new(&all));
	assert_ok(collateral_add_certs(all, &certs, "others"));
	w.in.collateral = all;
	w.policy.crl_optional = true;
	assert_err(verdict(&w.in), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "certificate.expired");
	certs = (struct x509_list){ .v = { w.g.ark, w.g.vek }, .n = 2 };
	assert_ok(collateral_add_certs(all, &certs, "the right ones"));
	assert_ok(collateral_add(all, buf_bytes(&w.g.crl), "list"));
	w.policy.crl_optional = false;
	assert_ok(verdict(&w.in));
	assert_row(&w.in, "ASK: not revoked", CHECK_PASSED);
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		x509_free(kept[i]);
	world_finish(&w);
}

/* Chains to a root of simulations are told apart. */
static void test_simulated(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct world w;

	(void)state;
	world_start(&w, 5, SNP_TURIN, false);
	world_make(&w);
	w.anchors.software.v[0] = w.g.ark;
	w.anchors.software.n = 1;
	w.in.anchors = &w.anchors;
	assert_ok(tee_verify(tee_by_platform("snp"), &w.in, &c));
	assert_claim(&c, "simulated", "true");
	assert_claim(&c, "snp.simulated", "true");
	w.anchors.software.n = 0; /* AMD's own */
	assert_err(verdict(&w.in), ERR_UNVERIFIED);
	assert_true(str_starts(err_denial()->code, "certificate."));
	w.in.anchors = NULL;
	assert_err(verdict(&w.in), ERR_UNVERIFIED);
	assert_true(str_starts(err_denial()->code, "certificate."));
	world_finish(&w);
}

/* ---- policies that accept more ---- */

static void test_allowed(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct world w;

	(void)state;
	world_start(&w, 4, SNP_GENOA, false);
	w.g.report.policy |= UINT64_C(1) << SNP_POLICY_DEBUG;
	w.g.report.vmpl = 2;
	w.g.report.committed_tcb.raw -= UINT64_C(1) << 56;
	w.g.crl_times.to = SNP_GEN_NOW - 100;
	world_make(&w);
	w.policy.allow_debug = true;
	w.policy.vmpl = 2;
	w.policy.max_staleness_s = 100;
	assert_ok(strv_add(&w.policy.min_tcb, "snp=24"));
	assert_ok(strv_add(&w.policy.min_tcb, "microcode=219"));
	assert_ok(strv_add(&w.policy.min_tcb, "tee=0"));
	w.policy.measurement = BYTES_OF(w.g.report.measurement);
	w.in.initdata_digest = BYTES_OF(w.g.report.host_data);
	assert_ok(tee_verify(tee_by_platform("snp"), &w.in, &c));
	assert_claim(&c, "debug", "true");
	assert_claim(&c, "snp.debug", "true");
	assert_claim(&c, "snp.policy_debug_allowed", "true");
	assert_claim(&c, "snp.vmpl", "2");
	assert_row(&w.in, "firmware is committed", CHECK_NOT_DONE);
	assert_row(&w.in, "MEASUREMENT", CHECK_PASSED);
	assert_row(&w.in, "HOST_DATA", CHECK_PASSED);
	w.policy.max_staleness_s = 99;
	assert_err(verdict(&w.in), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "crl.expired");
	world_finish(&w);
}

static void test_unknown_minimum(void **state)
{
	static const char *const bad[] = { "ucode=1", "snp=-1", "snp=x", "snp", "=1", "snp=" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct world w;

		world_start(&w, 3, SNP_MILAN, false);
		world_make(&w);
		assert_ok(strv_add(&w.policy.min_tcb, bad[i]));
		assert_err(verdict(&w.in), ERR_USAGE);
		world_finish(&w);
	}
}

/* Lists that are not there fail, unless the policy does not want them. */
static void test_no_list(void **state)
{
	AUTO(collateral_freep) struct collateral *certs_only = NULL;
	struct world w;

	(void)state;
	world_start(&w, 3, SNP_MILAN, true);
	world_make(&w);
	const struct x509_list certs = { .v = { w.g.vek, w.g.ask }, .n = 2 };
	assert_ok(collateral_new(&certs_only));
	assert_ok(collateral_add_certs(certs_only, &certs, "certificates"));
	w.in.collateral = certs_only;
	assert_err(verdict(&w.in), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "crl.missing");
	w.policy.crl_optional = true;
	assert_ok(verdict(&w.in));
	assert_row(&w.in, "ASVK: not revoked", CHECK_NOT_DONE);
	world_finish(&w);
}

/* An operator may trust the ASK alone: nobody lists it then. */
static void test_trusted_signer(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, 3, SNP_GENOA, false);
	world_make(&w);
	w.anchors.vendor.v[0] = w.g.ask;
	w.anchors.vendor.n = 1;
	w.in.anchors = &w.anchors;
	assert_ok(verdict(&w.in));
	assert_row(&w.in, "ASK: not revoked", CHECK_NOT_DONE);
	world_finish(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_good_vlek),
		cmocka_unit_test(test_masked_chip),
		cmocka_unit_test(test_hwid_forms),
		cmocka_unit_test(test_many_certificates),
		cmocka_unit_test(test_simulated),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_unknown_minimum),
		cmocka_unit_test(test_no_list),
		cmocka_unit_test(test_trusted_signer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
