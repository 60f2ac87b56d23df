/* Evidence of real guests of Azure, with the time at which their certificates held. */
#include "azure/azure.h"
#include "handshake.h"
#include "util.h"

#include <base/clock.h>

struct guest {
	const char *platform;
	struct buf file;
	struct json *json;
	struct buf part[TEE_PARTS_MAX];
	struct tee_verify_input in;
	struct tee_policy policy;
	struct tee_anchors anchors;
	struct checks *checks;
	struct claims claims;
};

static int64_t at(const char *text)
{
	int64_t t;

	assert_ok(clock_parse(text, &t));
	return t;
}

static void guest_start(struct guest *g, const char *platform, const char *path, const char *time)
{
	*g = (struct guest){ .platform = platform, .file = test_file(test_vector(path)) };
	if (str_ends(path, ".json")) {
		assert_ok(json_parse(buf_bytes(&g->file), &g->json));
		g->in.evidence = g->json;
	} else {
		g->in.raw = buf_bytes(&g->file);
	}
	g->policy.crl_optional = true; /* no list of those days was kept */
	g->in.policy = &g->policy;
	g->in.anchors = &g->anchors;
	g->in.now = at(time);
}

static void guest_add(struct guest *g, const char *name, const char *path)
{
	struct buf *b = &g->part[g->in.n_parts];

	*b = test_file(test_vector(path));
	g->in.parts[g->in.n_parts++] = (struct tee_part){ .name = name, .v = buf_bytes(b) };
}

static struct err guest_verify(struct guest *g)
{
	checks_freep(&g->checks);
	claims_done(&g->claims);
	assert_ok(checks_new(&g->checks));
	return tee_by_platform(g->platform)->verify->verify(&g->in, g->checks, &g->claims);
}

static void guest_done(struct guest *g)
{
	checks_freep(&g->checks);
	claims_done(&g->claims);
	json_free(g->json);
	buf_done(&g->file);
	for (size_t i = 0; i < g->in.n_parts; i++)
		buf_done(&g->part[i]);
}

static const struct check *row_of(const struct guest *g, const char *what)
{
	for (size_t i = 0; i < g->checks->n; i++)
		if (str_equal(g->checks->v[i].d.field, what))
			return &g->checks->v[i];
	fail_msg("no check '%s'", what);
	return NULL;
}

static void assert_row(const struct guest *g, const char *what, enum check_verdict want)
{
	if (row_of(g, what)->verdict != want)
		fail_msg("check '%s': %s %s", what, row_of(g, what)->d.code,
			row_of(g, what)->d.actual);
}

/* Rows of the TCB need collateral of the day, which was not kept. */
static bool of_tcb(const char *field)
{
	return strstr(field, "TCB") || strstr(field, "QE identity");
}

static void assert_only_tcb_failed(const struct guest *g)
{
	for (size_t i = 0; i < g->checks->n; i++)
		if (g->checks->v[i].verdict == CHECK_FAILED && !of_tcb(g->checks->v[i].d.field))
			fail_msg("check '%s': %s", g->checks->v[i].d.field, g->checks->v[i].d.code);
}

static void test_snp_json(void **state)
{
	static const struct {
		const char *path, *nonce, *pcr0;
	} cases[] = {
		{ "az-snp-vtpm/trustee/evidence-v0.json", "challenge", "e15c4479" },
		{ "az-snp-vtpm/trustee/evidence-v1.json", "challenge", "e15c4479" },
		{ "az-snp-vtpm/attestation-rs/live-evidence.json", NULL, "e15c4479" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct guest g;

		guest_start(&g, "az-snp-vtpm", cases[i].path, "2026-01-01T00:00:00Z");
		assert_ptr_equal(tee_recognise(&g.in), tee_by_platform("az-snp-vtpm"));
		if (cases[i].nonce)
			g.in.report_data = bytes_str(cases[i].nonce);
		assert_ok(guest_verify(&g));
		assert_true(str_starts(text_of(&g.claims, "az-snp-vtpm.tpm.pcr00"), cases[i].pcr0));
		assert_int_equal(
			claims_get(&g.claims, "az-snp-vtpm.reported_tcb_snp")->type, CLAIM_STR);
		assert_string_equal(
			text_of(&g.claims, "az-snp-vtpm.policy_debug_allowed"), "false");
		assert_string_equal(text_of(&g.claims, "simulated"), "false");
		assert_int_equal(strlen(text_of(&g.claims, "az-snp-vtpm.measurement")), 64);
		assert_string_equal(text_of(&g.claims, "az-snp-vtpm.init_data"),
			text_of(&g.claims, "az-snp-vtpm.tpm.pcr08"));
		assert_null(claims_get(&g.claims, "az-snp-vtpm.chip_id"));
		g.in.report_data = bytes_str("challengd");
		assert_denied(guest_verify(&g), DENY_VTPM_NONCE_MISMATCH);
		guest_done(&g);
	}
}

static void snp_files(struct guest *g)
{
	guest_start(g, "az-snp-vtpm", "az-snp-vtpm/trustee/hcl-report.bin", "2024-01-01T00:00:00Z");
	guest_add(g, "vcek", "az-snp-vtpm/trustee/vcek.pem");
	g->in.report_data = bytes_str("challenge");
}

static void test_snp_files(void **state)
{
	static const char *const quotes[] = { "az-snp-vtpm/trustee/quote.bin",
		"az-snp-vtpm/trustee/tpm-quote-v1.json" };
	struct guest g;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(quotes); i++) {
		snp_files(&g);
		guest_add(&g, "quote", quotes[i]);
		assert_ok(guest_verify(&g));
		assert_row(&g, "tpm_quote.pcrs", CHECK_PASSED);
		assert_non_null(claims_get(&g.claims, "az-snp-vtpm.tpm.pcr23"));
		guest_done(&g);
	}
	/* A quote whose key is in none of these files. */
	snp_files(&g);
	guest_add(&g, "quote", "az-snp-vtpm/trustee/tpm-quote.msg");
	guest_add(&g, "signature", "az-snp-vtpm/trustee/tpm-quote.sig");
	assert_denied(guest_verify(&g), DENY_VTPM_QUOTE_SIGNATURE);
	assert_row(&g, "tpm_quote.extraData", CHECK_PASSED);
	guest_done(&g);
}

/* quote.bin taken apart: u64 256, signature, u64 122, message, u64 24, values. */
static void test_snp_quote_in_parts(void **state)
{
	struct guest g;

	(void)state;
	snp_files(&g);
	guest_add(&g, "quote", "az-snp-vtpm/trustee/quote.bin");
	struct buf *file = &g.part[1];
	g.in.parts[1].v = bytes_of(file->p + 272, 122);
	g.in.parts[2] = (struct tee_part){ "signature", bytes_of(file->p + 8, 256) };
	g.in.n_parts = 3;
	assert_ok(guest_verify(&g));
	assert_row(&g, "tpm_quote.pcrs", CHECK_NOT_DONE);
	g.in.parts[3] = (struct tee_part){ "pcrs", bytes_of(file->p + 402, file->n - 402) };
	g.in.n_parts = 4;
	assert_ok(guest_verify(&g));
	assert_row(&g, "tpm_quote.pcrs", CHECK_PASSED);
	file->p[8] ^= 1;
	assert_denied(guest_verify(&g), DENY_VTPM_QUOTE_SIGNATURE);
	guest_done(&g);
}

/* The processor and the binding alone. */
static void test_snp_without_quote(void **state)
{
	struct guest g;

	(void)state;
	snp_files(&g);
	g.in.report_data = BYTES_NONE;
	assert_ptr_equal(tee_recognise(&g.in), tee_by_platform("az-snp-vtpm"));
	assert_ok(guest_verify(&g));
	assert_row(&g, "tpm_quote", CHECK_NOT_DONE);
	assert_row(&g, "report_data: digest of the runtime data", CHECK_PASSED);
	assert_null(claims_get(&g.claims, "az-snp-vtpm.tpm.pcr00"));
	g.in.report_data = bytes_str("challenge"); /* nothing here is fresh */
	assert_denied(guest_verify(&g), DENY_EVIDENCE_REPORT_DATA);
	g.in.report_data = BYTES_NONE;
	g.in.initdata_digest = BYTES_OF("no register shows it, not this, either");
	assert_denied(guest_verify(&g), DENY_VTPM_INITDATA_MISMATCH);
	g.in.initdata_digest = BYTES_NONE;
	g.file.p[0x4d4] ^= 1; /* MUTATIONS.tsv: no JSON any more, and of another digest */
	assert_denied(guest_verify(&g), DENY_AZURE_BINDING);
	assert_row(&g, "runtime data", CHECK_FAILED);
	guest_done(&g);
}

static void test_genoa(void **state)
{
	struct guest g;

	(void)state;
	guest_start(&g, "az-snp-vtpm", "az-snp-vtpm/openpcc/genoa/hcl-report.bin",
		"2025-10-01T00:00:00Z");
	guest_add(&g, "vcek", "az-snp-vtpm/openpcc/genoa/vcek.pem");
	assert_ok(guest_verify(&g));
	assert_string_equal(text_of(&g.claims, "az-snp-vtpm.reported_tcb_bootloader"), "10");
	assert_string_equal(text_of(&g.claims, "az-snp-vtpm.reported_tcb_snp"), "23");
	assert_string_equal(text_of(&g.claims, "az-snp-vtpm.reported_tcb_microcode"), "84");
	g.file.p[0xb0] ^= 1; /* MUTATIONS.tsv */
	assert_denied(guest_verify(&g), DENY_SNP_SIGNATURE);
	guest_done(&g);
}

static void test_tdx_json(void **state)
{
	struct guest g;

	(void)state;
	guest_start(
		&g, "az-tdx-vtpm", "az-tdx-vtpm/trustee/evidence-v0.json", "2025-06-20T00:00:00Z");
	assert_ptr_equal(tee_recognise(&g.in), tee_by_platform("az-tdx-vtpm"));
	g.in.report_data = bytes_str("challenge");
	assert_err(guest_verify(&g), ERR_UNVERIFIED); /* no TCB info at hand */
	assert_only_tcb_failed(&g);
	assert_row(&g, "tpm_quote.pcrs", CHECK_PASSED);
	assert_row(&g, "tpm_quote.extraData", CHECK_PASSED);
	assert_row(&g, "TDREPORT: report_data of the TD quote", CHECK_PASSED);
	assert_row(&g, "report_data: digest of the runtime data", CHECK_PASSED);
	guest_done(&g);
}

static void test_tdx_files(void **state)
{
	struct guest g;

	(void)state;
	guest_start(
		&g, "az-tdx-vtpm", "az-tdx-vtpm/trustee/hcl-report.bin", "2025-06-20T00:00:00Z");
	guest_add(&g, "td-quote", "az-tdx-vtpm/trustee/td-quote.bin");
	guest_add(&g, "quote", "az-tdx-vtpm/trustee/quote.bin");
	g.in.report_data = bytes_str("challenge");
	assert_err(guest_verify(&g), ERR_UNVERIFIED);
	assert_only_tcb_failed(&g);
	g.file.p[0x880] ^= 1; /* MUTATIONS.tsv */
	assert_err(guest_verify(&g), ERR_UNVERIFIED);
	assert_row(&g, "report_data: digest of the runtime data", CHECK_FAILED);
	g.file.p[0x880] ^= 1;
	buf_done(&g.part[1]);
	g.part[1] = test_file(test_vector("az-tdx-vtpm/trustee/tpm-quote-v1.json"));
	g.in.parts[1].v = buf_bytes(&g.part[1]);
	assert_err(guest_verify(&g), ERR_UNVERIFIED);
	assert_only_tcb_failed(&g);
	guest_done(&g);
	/* Genuine in itself, but nothing says that a processor made it. */
	guest_start(&g, "az-tdx-vtpm", "az-tdx-vtpm/azure-cvm-tooling/hcl-report-tdx.bin",
		"2025-06-20T00:00:00Z");
	assert_denied(guest_verify(&g), DENY_COLLATERAL_MISSING);
	guest_done(&g);
}

/* The TDREPORT names the same digest as its quote would. */
static void test_runtime_digests(void **state)
{
	static const char *const files[] = { "az-tdx-vtpm/azure-cvm-tooling/hcl-report-tdx.bin",
		"az-tdx-vtpm/trustee/hcl-report.bin" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(buf_done) struct buf file = test_file(test_vector(files[i]));
		AUTO(hcl_runtime_done) struct hcl_runtime runtime = { 0 };
		struct hcl_report r;
		struct digest_value d;

		assert_ok(hcl_report_parse(buf_bytes(&file), &r));
		assert_int_equal(r.version, 2);
		assert_int_equal(r.report_type, HCL_TDX);
		assert_ok(hcl_runtime_digest(&r, &d));
		assert_bytes_equal(digest_bytes(&d), bytes_of(r.hardware.p + 128, d.n));
		assert_ok(hcl_runtime_parse(r.runtime_data, &runtime));
		assert_true(runtime.has_user_data);
	}
}

/* A quote by the key of another guest. */
static void test_foreign_quote(void **state)
{
	struct guest g;

	(void)state;
	snp_files(&g);
	guest_add(&g, "quote", "az-snp-vtpm/azure-cvm-tooling/quote.bin");
	assert_denied(guest_verify(&g), DENY_VTPM_QUOTE_SIGNATURE);
	guest_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_snp_json),
		cmocka_unit_test(test_snp_files),
		cmocka_unit_test(test_snp_quote_in_parts),
		cmocka_unit_test(test_snp_without_quote),
		cmocka_unit_test(test_genoa),
		cmocka_unit_test(test_tdx_json),
		cmocka_unit_test(test_tdx_files),
		cmocka_unit_test(test_runtime_digests),
		cmocka_unit_test(test_foreign_quote),
	};

	return cmocka_run_group_tests_name("tee azure vectors", tests, NULL, NULL);
}
