/* Verdicts on synthetic reports with one thing wrong. */
#include "snp_world.h"
#include "util.h"

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

/* Without the certificate the report's own words are still judged. */
static void test_rows_without_certificate(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, 3, SNP_MILAN, false);
	bend_debug(&w);
	bend_no_collateral(&w);
	world_make(&w);
	assert_row(&w.in, "certificate of the report's key", CHECK_FAILED);
	assert_row(&w.in, "guest policy: debug", CHECK_FAILED);
	assert_row(&w.in, "VMPL", CHECK_PASSED);
	assert_row(&w.in, "reported TCB is at most the current", CHECK_PASSED);
	assert_row(&w.in, "REPORT_DATA", CHECK_PASSED);
	world_finish(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_all_rows),
		cmocka_unit_test(test_rows_without_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
