/* Verdicts on synthetic reports: everything good in each form, and each thing wrong once. */
#include "snp_gen.h"
#include "util.h"

#include <stdio.h>

#include <tee/denials.h>

enum {
	RAW_MAX = SNP_REPORT_SIZE + SNP_GEN_TABLE_MAX,
};

struct world {
	struct snp_gen g;
	struct buf raw;
	struct tee_policy policy;
	struct tee_anchors anchors;
	struct tee_verify_input in;
	struct key *other;
};

static void world_start(struct world *w, unsigned version, enum snp_product product, bool vlek)
{
	*w = (struct world){ .raw = BUF_INIT(RAW_MAX) };
	snp_gen_init(&w->g, version, product, vlek);
	w->in = snp_gen_input(&w->g);
	w->in.policy = &w->policy;
}

/* After values were bent: certificates and the signed report again. */
static void world_make(struct world *w)
{
	snp_gen_certs(&w->g);
	buf_clear(&w->raw);
	snp_gen_report(&w->g, &w->raw);
	w->in.raw = buf_bytes(&w->raw);
	w->in.collateral = w->in.collateral ? w->g.collateral : NULL;
}

static void world_finish(struct world *w)
{
	snp_gen_done(&w->g);
	buf_done(&w->raw);
	strv_done(&w->policy.min_tcb);
	key_freep(&w->other);
}

static struct err verdict(const struct tee_verify_input *in)
{
	AUTO(claims_done) struct claims c = { 0 };

	return tee_verify(tee_by_platform("snp"), in, &c);
}

/* The row of that name; NULL: there is none. */
static const struct check *row(const struct checks *c, const char *what)
{
	for (size_t i = 0; i < c->n; i++)
		if (str_starts(c->v[i].d.field, what))
			return &c->v[i];
	return NULL;
}

static void assert_row(const struct tee_verify_input *in, const char *what, enum check_verdict want)
{
	AUTO(checks_freep) struct checks *c = NULL;
	AUTO(claims_done) struct claims claims = { 0 };

	assert_ok(checks_new(&c));
	struct err e = tee_by_platform("snp")->verify->verify(in, c, &claims);
	assert_true(!failed(e) || e.code == ERR_UNVERIFIED);
	const struct check *k = row(c, what);
	if (!k || k->verdict != want) {
		print_error("'%s': %d\n", what, k ? (int)k->verdict : -1);
		fail();
	}
}

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

/* ---- each thing wrong once ---- */

static void bend_debug(struct world *w)
{
	w->g.report.policy |= UINT64_C(1) << SNP_POLICY_DEBUG;
}
static void bend_reserved_policy(struct world *w)
{
	w->g.report.policy &= ~(UINT64_C(1) << SNP_POLICY_MUST_BE_ONE);
}
static void bend_unknown_policy(struct world *w)
{
	w->g.report.policy |= UINT64_C(1) << 26;
}
static void bend_last_policy(struct world *w)
{
	w->g.report.policy |= UINT64_C(1) << 63;
}
static void bend_vmpl(struct world *w)
{
	w->g.report.vmpl = 1;
}
static void bend_vmpl_host(struct world *w)
{
	w->g.report.vmpl = SNP_VMPL_HOST;
	w->policy.vmpl = 3;
}
static void bend_signer(struct world *w)
{
	assert_ok(key_generate(KEY_P384, &w->other));
	w->g.signer = w->other;
}
static void bend_algo(struct world *w)
{
	w->g.report.signature_algo = 2;
}
static void bend_vek_key(struct world *w)
{
	key_freep(&w->g.vek_key);
	assert_ok(key_generate(KEY_P256, &w->g.vek_key));
}
static void bend_kind(struct world *w)
{
	w->g.report.key_info ^= SNP_KEY_VLEK << SNP_KEY_SIGNING_SHIFT;
}
static void bend_kind_none(struct world *w)
{
	w->g.report.key_info |= SNP_KEY_NONE << SNP_KEY_SIGNING_SHIFT;
}
static void bend_bootloader(struct world *w)
{
	w->g.vek_tcb.bootloader--;
}
static void bend_tee(struct world *w)
{
	w->g.vek_tcb.tee = 1;
}
static void bend_snp(struct world *w)
{
	w->g.vek_tcb.snp++;
}
static void bend_microcode(struct world *w)
{
	w->g.vek_tcb.microcode ^= 0x80;
}
static void bend_fmc(struct world *w)
{
	w->g.vek_tcb.fmc++;
}
static void bend_no_fmc(struct world *w)
{
	w->g.without = "1.3.6.1.4.1.3704.1.3.9";
}
static void bend_chip(struct world *w)
{
	w->g.report.chip_id[w->g.hwid_n - 1] ^= 1;
}
static void bend_chip_longer(struct world *w)
{
	w->g.hwid_n = 8; /* of a report whose chip id goes on */
}
static void bend_cpu(struct world *w)
{
	w->g.report.cpuid_model = w->g.product == SNP_MILAN ? 0x11 : 0x01;
	w->g.report.cpuid_family = 0x19;
}
static void bend_cpu_unknown(struct world *w)
{
	w->g.report.cpuid_family = 0x17;
}
static void bend_reported_above(struct world *w)
{
	w->g.report.current_tcb.raw -= UINT64_C(2) << 56; /* microcode 218 */
	w->g.report.committed_tcb = w->g.report.current_tcb;
}
static void bend_committed_above(struct world *w)
{
	w->g.report.committed_tcb.raw += UINT64_C(1) << 56;
}
static void bend_minimum(struct world *w)
{
	assert_ok(strv_add(&w->policy.min_tcb, "microcode=219"));
	assert_ok(strv_add(&w->policy.min_tcb, "bootloader=5"));
}
static void bend_report_data(struct world *w)
{
	w->in.report_data = bytes_of(w->g.report.report_data, 63);
}
static void bend_report_data_long(struct world *w)
{
	static const uint8_t longer[65] = { 0 };

	memset(w->g.report.report_data, 0, sizeof(w->g.report.report_data));
	w->in.report_data = BYTES_OF(longer);
}
static void bend_measurement(struct world *w)
{
	w->policy.measurement = bytes_of(w->g.report.measurement, 47);
}
static void bend_initdata(struct world *w)
{
	w->in.initdata_digest = bytes_of(w->g.report.host_data, 31);
}
static void bend_forged_vek(struct world *w)
{
	w->g.forged_vek = true;
}
static void bend_forged_ask(struct world *w)
{
	w->g.forged_ask = true;
}
static void bend_forged_crl(struct world *w)
{
	w->g.forged_crl = true;
}
static void bend_revoked(struct world *w)
{
	w->g.revoked = true;
}
static void bend_vek_expired(struct world *w)
{
	w->g.vek_times.to = SNP_GEN_NOW - 1;
}
static void bend_vek_early(struct world *w)
{
	w->g.vek_times.from = SNP_GEN_NOW + 1;
}
static void bend_ask_expired(struct world *w)
{
	w->g.ask_times.to = SNP_GEN_NOW - 1;
}
static void bend_ark_expired(struct world *w)
{
	w->g.ark_times.to = SNP_GEN_NOW - 1;
}
static void bend_crl_expired(struct world *w)
{
	w->g.crl_times.to = SNP_GEN_NOW - 1;
}
static void bend_crl_early(struct world *w)
{
	w->g.crl_times.from = SNP_GEN_NOW + 1;
}
static void bend_no_collateral(struct world *w)
{
	w->in.collateral = NULL;
}
static void bend_vek_name(struct world *w)
{
	w->g.vek_name = "SEV-VCEK2"; /* nobody's */
}
static void bend_ask_name(struct world *w)
{
	w->g.ask_name = "SEV-Rome";
}
static void bend_ask_of_vleks(struct world *w)
{
	w->g.ask_name = "SEV-VLEK-Milan"; /* a provider's key signs no chip's */
}
static void bend_no_hwid(struct world *w)
{
	w->g.without = "1.3.6.1.4.1.3704.1.4";
}
static void bend_no_spl(struct world *w)
{
	w->g.without = "1.3.6.1.4.1.3704.1.3.3";
}
static void bend_spl(struct world *w)
{
	w->g.broken = "1.3.6.1.4.1.3704.1.3.8";
}
static void bend_hwid(struct world *w)
{
	w->g.hwid_tagged = true;
	w->g.broken = "1.3.6.1.4.1.3704.1.4";
}

static const struct bad {
	const char *name;
	void (*bend)(struct world *w);
	const char *code, *field; /* of the row that fails first; the field's beginning */
	enum snp_product product;
} bad[] = {
	{ "debug", bend_debug, "evidence.debug", "guest policy: debug", SNP_MILAN },
	{ "policy", bend_reserved_policy, "snp.policy", "guest policy: reserved", SNP_MILAN },
	{ "bit 26", bend_unknown_policy, "snp.policy", "guest policy: reserved bits", SNP_MILAN },
	{ "bit 63", bend_last_policy, "snp.policy", "guest policy: reserved bits", SNP_TURIN },
	{ "vmpl", bend_vmpl, "snp.vmpl", "VMPL", SNP_MILAN },
	{ "vmpl of the host", bend_vmpl_host, "snp.vmpl", "VMPL", SNP_MILAN },
	{ "signer", bend_signer, "snp.signature", "report: signed", SNP_GENOA },
	{ "algorithm", bend_algo, "snp.signature", "report: signed", SNP_GENOA },
	{ "curve", bend_vek_key, "snp.signature", "report: signed", SNP_GENOA },
	{ "kind", bend_kind, "snp.key-kind", "signing key", SNP_MILAN },
	{ "no kind", bend_kind_none, "snp.key-kind", "signing key", SNP_MILAN },
	{ "bootloader", bend_bootloader, "snp.tcb-mismatch", "reported TCB: boot", SNP_MILAN },
	{ "tee", bend_tee, "snp.tcb-mismatch", "reported TCB: tee", SNP_GENOA },
	{ "snp", bend_snp, "snp.tcb-mismatch", "reported TCB: snp", SNP_TURIN },
	{ "microcode", bend_microcode, "snp.tcb-mismatch", "reported TCB: micro", SNP_MILAN },
	{ "fmc", bend_fmc, "snp.tcb-mismatch", "reported TCB: fmc", SNP_TURIN },
	{ "without fmc", bend_no_fmc, "snp.tcb-mismatch", "reported TCB: fmc", SNP_TURIN },
	{ "chip", bend_chip, "snp.chip-id", "chip id", SNP_MILAN },
	{ "chip of Turin", bend_chip, "snp.chip-id", "chip id", SNP_TURIN },
	{ "short chip", bend_chip_longer, "snp.chip-id", "chip id", SNP_MILAN },
	{ "cpu", bend_cpu, "snp.product", "product", SNP_MILAN },
	{ "cpu of Turin", bend_cpu, "snp.product", "product", SNP_TURIN },
	{ "unknown cpu", bend_cpu_unknown, "snp.product", "product", SNP_GENOA },
	{ "reported", bend_reported_above, "snp.tcb-order", "reported TCB is", SNP_MILAN },
	{ "committed", bend_committed_above, "snp.tcb-order", "committed TCB is", SNP_TURIN },
	{ "minimum", bend_minimum, "evidence.tcb-minimum", "minimum TCB: boot", SNP_TURIN },
	{ "report data", bend_report_data, "evidence.report-data", "REPORT_DATA", SNP_MILAN },
	{ "long data", bend_report_data_long, "evidence.report-data", "REPORT_DATA", SNP_MILAN },
	{ "measurement", bend_measurement, "evidence.measurement", "MEASUREMENT", SNP_MILAN },
	{ "initdata", bend_initdata, "initdata.mismatch", "HOST_DATA", SNP_MILAN },
	{ "forged VCEK", bend_forged_vek, "certificate.signature", "VCEK: chain", SNP_MILAN },
	{ "forged ASK", bend_forged_ask, "certificate.signature", "VCEK: chain", SNP_MILAN },
	{ "forged list", bend_forged_crl, "crl.signature", "ASK: not revoked", SNP_MILAN },
	{ "revoked", bend_revoked, "certificate.revoked", "ASK: not revoked", SNP_GENOA },
	{ "VCEK's end", bend_vek_expired, "certificate.expired", "VCEK: chain", SNP_MILAN },
	{ "VCEK's begin", bend_vek_early, "certificate.not-yet-valid", "VCEK: chain", SNP_MILAN },
	{ "ASK's end", bend_ask_expired, "certificate.expired", "VCEK: chain", SNP_MILAN },
	{ "ARK's end", bend_ark_expired, "certificate.expired", "VCEK: chain", SNP_MILAN },
	{ "list's end", bend_crl_expired, "crl.expired", "ASK: not revoked", SNP_MILAN },
	{ "list's begin", bend_crl_early, "crl.not-yet-valid", "ASK: not revoked", SNP_MILAN },
	{ "nothing", bend_no_collateral, "collateral.missing", "certificate of", SNP_MILAN },
	{ "name", bend_vek_name, "collateral.missing", "certificate of", SNP_MILAN },
	{ "ASK's name", bend_ask_name, "snp.product", "product", SNP_MILAN },
	{ "ASVK", bend_ask_of_vleks, "snp.product", "product", SNP_MILAN },
	{ "no HWID", bend_no_hwid, "snp.certificate", "certificate of", SNP_MILAN },
	{ "no SPL", bend_no_spl, "snp.certificate", "certificate of", SNP_MILAN },
	{ "broken SPL", bend_spl, "snp.certificate", "certificate of", SNP_MILAN },
	{ "broken HWID", bend_hwid, "snp.certificate", "certificate of", SNP_TURIN },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct world w;

		world_start(&w, 5, bad[i].product, false);
		bad[i].bend(&w);
		world_make(&w);
		struct err e = verdict(&w.in);
		const struct denial *d = err_denial();
		if (e.code != ERR_UNVERIFIED || !d || !str_equal(d->code, bad[i].code) ||
			!str_starts(d->field, bad[i].field)) {
			print_error("%s: %s: %s (%s)\n", bad[i].name, err_code_name(e.code),
				failed(e) ? err_text() : "", d ? d->field : "");
			fail();
		}
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

/* One failure hides no other. */
static void test_all_rows(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, 3, SNP_MILAN, false);
	bend_vek_expired(&w);
	bend_debug(&w);
	bend_vmpl(&w);
	bend_chip(&w);
	bend_microcode(&w);
	bend_report_data(&w);
	world_make(&w);
	assert_row(&w.in, "VCEK: chain", CHECK_FAILED);
	assert_row(&w.in, "guest policy: debug", CHECK_FAILED);
	assert_row(&w.in, "VMPL", CHECK_FAILED);
	assert_row(&w.in, "chip id", CHECK_FAILED);
	assert_row(&w.in, "reported TCB: microcode", CHECK_FAILED);
	assert_row(&w.in, "REPORT_DATA", CHECK_FAILED);
	assert_row(&w.in, "report: signed by the VCEK", CHECK_PASSED);
	assert_row(&w.in, "MEASUREMENT", CHECK_NOT_DONE);
	assert_row(&w.in, "HOST_DATA: initdata", CHECK_NOT_DONE);
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
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_list),
		cmocka_unit_test(test_trusted_signer),
		cmocka_unit_test(test_all_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
