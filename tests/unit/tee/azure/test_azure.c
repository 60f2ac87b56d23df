/* The platforms az-snp-vtpm and az-tdx-vtpm on generated evidence. */
#include "azure_gen.h"
#include "handshake.h"
#include "util.h"

#include <stdio.h>

#include <tee/fields.h>

enum {
	TEXT_MAX = 512 * 1024
};

static const char *platform(const struct azure_gen *g)
{
	return g->tdx ? "az-tdx-vtpm" : "az-snp-vtpm";
}

static struct err verify_json(
	const struct azure_gen *g, const struct tee_verify_input *with, struct claims *ret_claims)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
	AUTO(json_freep) struct json *j = NULL;
	struct tee_verify_input in = *with;

	azure_gen_json(g, &text);
	assert_ok(json_parse(buf_bytes(&text), &j));
	in.evidence = j;
	in.raw = BYTES_NONE;
	in.n_parts = 0;
	assert_ptr_equal(tee_recognise(&in), tee_by_platform(platform(g)));
	return tee_verify(tee_by_platform(platform(g)), &in, ret_claims);
}

static struct err verify(struct azure_gen *g, struct claims *ret_claims)
{
	azure_gen_make(g);
	const struct tee_verify_input in = azure_gen_input(g);
	return verify_json(g, &in, ret_claims);
}

static void test_good(void **state)
{
	static const char *const prefixes[] = { "az-snp-vtpm.", "az-tdx-vtpm." };

	(void)state;
	for (int tdx = 0; tdx < 2; tdx++) {
		struct azure_gen g;

		azure_gen_init(&g, tdx);
		for (g.version = 0; g.version <= 2; g.version++) {
			for (g.hash_type = 1; g.hash_type <= 3; g.hash_type++) {
				AUTO(claims_done) struct claims c = { 0 };
				char name[64];

				assert_ok(verify(&g, &c));
				(void)snprintf(name, sizeof(name), "%stpm.pcr23", prefixes[tdx]);
				assert_int_equal(strlen(text_of(&c, name)), 64);
				(void)snprintf(name, sizeof(name), "%sinit_data", prefixes[tdx]);
				assert_int_equal(strlen(text_of(&c, name)), 64);
				assert_string_equal(text_of(&c, "simulated"), "false");
				assert_string_equal(text_of(&c, "debug"), "false");
			}
		}
		azure_gen_done(&g);
	}
}

static void test_initdata(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct digest_value d, other;
	struct azure_gen g;

	(void)state;
	assert_ok(digest(DIGEST_SHA256, bytes_str("initdata"), &d));
	assert_ok(digest(DIGEST_SHA256, bytes_str("other"), &other));
	azure_gen_init(&g, false);
	azure_gen_bind_initdata(&g, digest_bytes(&d));
	azure_gen_make(&g);
	struct tee_verify_input in = azure_gen_input(&g);
	in.initdata_digest = digest_bytes(&d);
	assert_ok(verify_json(&g, &in, &c));
	claims_done(&c);
	in.initdata_digest = digest_bytes(&other);
	assert_denied(verify_json(&g, &in, &c), DENY_VTPM_INITDATA_MISMATCH);
	/* A quote that leaves the register out proves nothing of it. */
	g.pcrs &= ~(1u << 8);
	azure_gen_make(&g);
	in = azure_gen_input(&g);
	assert_ok(verify_json(&g, &in, &c));
	assert_null(claims_get(&c, "az-snp-vtpm.tpm.pcr08"));
	assert_null(claims_get(&c, "az-snp-vtpm.init_data"));
	claims_done(&c);
	in.initdata_digest = digest_bytes(&d);
	assert_denied(verify_json(&g, &in, &c), DENY_VTPM_INITDATA_MISMATCH);
	azure_gen_done(&g);
}

/* ---- bad evidence ---- */
static void bad_bank(struct azure_gen *g)
{
	g->bank = TPM_ALG_SHA384;
}

static void bad_two_banks(struct azure_gen *g)
{
	g->n_selections = 2;
}

static void bad_nonce(struct azure_gen *g)
{
	g->nonce = "another handshake";
}

static void bad_user_data(struct azure_gen *g)
{
	g->foreign_user_data = true;
}

static void bad_dirty(struct azure_gen *g)
{
	g->dirty_report_data = true;
}

static void bad_hash(struct azure_gen *g)
{
	g->hash_type = 4;
}

static void bad_no_ak(struct azure_gen *g)
{
	g->no_ak = true;
}

static void bad_tdreport(struct azure_gen *g)
{
	g->foreign_tdreport = true;
}

static void bad_tdreport_hash(struct azure_gen *g)
{
	g->broken_tdreport = true;
}

static void bad_no_td_quote(struct azure_gen *g)
{
	g->no_td_quote = true;
}

static void bad_debug(struct azure_gen *g)
{
	g->snp.report.policy |= 1ull << SNP_POLICY_DEBUG;
	g->td.td.td_attributes |= 1;
}

static const struct bad {
	void (*bend)(struct azure_gen *g);
	int tdx; /* -1: both */
	enum tee_denial want;
} bads[] = {
	{ bad_bank, -1, DENY_VTPM_PCR_SELECTION },
	{ bad_two_banks, -1, DENY_VTPM_PCR_SELECTION },
	{ bad_nonce, -1, DENY_VTPM_NONCE_MISMATCH },
	{ bad_user_data, -1, DENY_EVIDENCE_REPORT_DATA },
	{ bad_dirty, -1, DENY_AZURE_BINDING },
	{ bad_hash, -1, DENY_AZURE_BINDING },
	{ bad_no_ak, -1, DENY_EVIDENCE_MALFORMED },
	{ bad_debug, -1, DENY_DEBUG },
	{ bad_tdreport, 1, DENY_AZURE_TDREPORT },
	{ bad_tdreport_hash, 1, DENY_EVIDENCE_MALFORMED },
	{ bad_no_td_quote, 1, DENY_COLLATERAL_MISSING },
};

static void test_bad(void **state)
{
	(void)state;
	for (int tdx = 0; tdx < 2; tdx++)
		for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
			AUTO(claims_done) struct claims c = { 0 };
			struct azure_gen g;

			if (bads[i].tdx >= 0 && bads[i].tdx != tdx)
				continue;
			azure_gen_init(&g, tdx);
			bads[i].bend(&g);
			assert_denied(verify(&g, &c), bads[i].want);
			azure_gen_done(&g);
		}
}

static void test_foreign_keys(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct azure_gen g, other;

	(void)state;
	azure_gen_init(&g, false);
	azure_gen_init(&other, false);
	g.signer = other.ak;
	assert_denied(verify(&g, &c), DENY_VTPM_QUOTE_SIGNATURE);
	g.signer = NULL;
	/* The PCR values of another boot. */
	azure_gen_make(&g);
	g.pcr[4].v[0] ^= 1;
	const struct tee_verify_input in = azure_gen_input(&g);
	assert_denied(verify_json(&g, &in, &c), DENY_VTPM_PCR_DIGEST);
	azure_gen_done(&g);
	azure_gen_done(&other);
}

static void test_wrong_platform(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct azure_gen g;

	(void)state;
	azure_gen_init(&g, false);
	azure_gen_make(&g);
	const struct tee_verify_input in = azure_gen_input(&g);
	assert_err(tee_verify(tee_by_platform("az-tdx-vtpm"), &in, &c), ERR_FORMAT);
	azure_gen_done(&g);
}

/* ---- every byte ---- */
struct flip {
	struct azure_gen g;
	struct tee_verify_input in;
	size_t part; /* 0: the HCL report */
};

static struct err verify_flipped(void *arg, struct bytes in)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct flip *f = arg;
	struct tee_verify_input with = f->in;

	if (f->part == 0)
		with.raw = in;
	else
		with.parts[f->part - 1].v = in;
	return tee_verify(tee_by_platform(platform(&f->g)), &with, &c);
}

/* Of the HCL report: what the processor signed, and the runtime data. */
struct region {
	struct flip *f;
	size_t at;
};

static struct err verify_region(void *arg, struct bytes in)
{
	AUTO(buf_done) struct buf whole = BUF_INIT(HCL_REPORT_MAX);
	struct region *r = arg;
	struct bytes good = buf_bytes(&r->f->g.hcl);

	buf_put(&whole, bytes_of(good.p, r->at));
	buf_put(&whole, in);
	buf_put(&whole, bytes_of(good.p + r->at + in.n, good.n - r->at - in.n));
	assert_ok(buf_end(&whole, "HCL report"));
	return verify_flipped(r->f, buf_bytes(&whole));
}

static void flip_start(struct flip *f, bool tdx)
{
	*f = (struct flip){ 0 };
	azure_gen_init(&f->g, tdx);
	azure_gen_make(&f->g);
	f->in = azure_gen_input(&f->g);
	assert_ok(verify_flipped(f, buf_bytes(&f->g.hcl)));
}

static void test_flips(void **state)
{
	(void)state;
	for (int tdx = 0; tdx < 2; tdx++) {
		struct hcl_report h;
		struct flip f;

		flip_start(&f, tdx);
		assert_ok(hcl_report_parse(buf_bytes(&f.g.hcl), &h));
		struct region runtime = { .f = &f, .at = h.runtime_offset };
		each_flip_signed(h.runtime_data, verify_region, &runtime);
		if (!tdx) {
			struct region report = { .f = &f, .at = 0x20 };
			each_flip_signed(
				bytes_of(h.hardware.p, SNP_SIGNED_SIZE), verify_region, &report);
		}
		f.part = 1;
		each_flip_signed(buf_bytes(&f.g.message), verify_flipped, &f);
		f.part = 2;
		each_flip_signed(buf_bytes(&f.g.signature), verify_flipped, &f);
		azure_gen_done(&f.g);
	}
}

/* Cut anywhere but in the zeroes at its end, nothing of it verifies. */
static void test_truncated(void **state)
{
	(void)state;
	for (int tdx = 0; tdx < 2; tdx++) {
		struct flip f;

		flip_start(&f, tdx);
		each_prefix(bytes_of(f.g.hcl.p, f.g.hcl.n - 64), verify_flipped, &f);
		for (f.part = 1; f.part <= 2; f.part++) {
			struct bytes whole = f.in.parts[f.part - 1].v;

			for (size_t n = 1; n < whole.n; n++)
				if (!failed(verify_flipped(&f, bytes_of(whole.p, n))))
					fail_msg("part %zu cut to %zu bytes", f.part, n);
		}
		azure_gen_done(&f.g);
	}
}

static void test_describe(void **state)
{
	(void)state;
	for (int tdx = 0; tdx < 2; tdx++) {
		struct fields out = { 0 };
		struct azure_gen g;
		bool found = false;

		azure_gen_init(&g, tdx);
		azure_gen_make(&g);
		for (size_t i = 0; tee_format_at(i) && !found; i++) {
			const struct tee_format *f = tee_format_at(i);
			found = f->is(buf_bytes(&g.hcl));
			if (found)
				assert_ok(f->describe(buf_bytes(&g.hcl), &out));
		}
		assert_true(found);
		assert_true(out.n > 20);
		fields_done(&out);
		azure_gen_done(&g);
	}
}

static void test_malformed(void **state)
{
	static const char *const cases[] = { "{}", "null", "[]",
		"{\"version\":3,\"tpm_quote\":{},\"hcl_report\":\"\"}",
		"{\"version\":1,\"tpm_quote\":{},\"hcl_report\":\"\"}",
		"{\"tpm_quote\":{\"signature\":[256],\"message\":[],\"pcrs\":[]},\"hcl_report\":[]"
		"}",
		"{\"tpm_quote\":{\"signature\":[1],\"message\":[1],\"pcrs\":[[1]]},\"hcl_report\":["
		"]}" };
	static const struct tee_anchors none;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(json_freep) struct json *j = NULL;
		AUTO(claims_done) struct claims c = { 0 };

		assert_ok(json_parse(bytes_str(cases[i]), &j));
		struct tee_verify_input in = { .evidence = j, .anchors = &none };
		assert_null(tee_recognise(&in));
		assert_true(failed(tee_verify(tee_by_platform("az-snp-vtpm"), &in, &c)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_initdata),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_foreign_keys),
		cmocka_unit_test(test_wrong_platform),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests_name("tee azure", tests, NULL, NULL);
}
