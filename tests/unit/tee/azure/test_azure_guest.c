/* The guest drivers of Azure on a real swtpm behind a paravisor, before the real verifiers. */
#include "fake_azure.h"
#include "util.h"
#include "vtpm/vtpm_tpm.h"

#include <stdio.h>

#include <base/encode.h>
#include <tee/denials.h>

enum {
	EVIDENCE_MAX = 512 * 1024,
	SHORT_MS = 1500,
};

struct side { /* one Azure machine and the guest on it */
	struct azure_gen g;
	struct fake_azure azure;
	struct tee_guest_config config;
	struct tee_guest *guest;
	const struct tee *tee;
	struct digest_value report_data, initdata;
};

static const struct tee_guest_ops *ops(const struct side *s)
{
	return tee_guest_ops(s->tee);
}

static void start(struct side *s, bool tdx, const char *name)
{
	*s = (struct side){ .tee = tee_by_platform(tdx ? "az-tdx-vtpm" : "az-snp-vtpm") };
	azure_gen_init(&s->g, tdx);
	fake_azure_start(&s->azure, name, &s->g);
	s->config = (struct tee_guest_config){ .tcti = s->azure.tcti,
		.imds = s->azure.imds,
		.imds_ops = &imds_http,
		.azure_timeout_ms = SHORT_MS };
	assert_ok(digest(DIGEST_SHA384, bytes_str("runtime data"), &s->report_data));
	assert_ok(digest(DIGEST_SHA256, bytes_str("initdata"), &s->initdata));
}

static void finish(struct side *s)
{
	if (s->guest)
		ops(s)->close(s->guest);
	fake_azure_stop(&s->azure);
	azure_gen_done(&s->g);
}

static struct err evidence(struct side *s, struct buf *ret)
{
	*ret = BUF_INIT(EVIDENCE_MAX);
	return ops(s)->evidence(s->guest, digest_bytes(&s->report_data), NULL, ret);
}

static struct err verify(const struct side *s, struct bytes text, struct claims *ret)
{
	AUTO(json_freep) struct json *j = NULL;

	TRY(json_parse(text, &j));
	const struct tee_verify_input in = {
		.evidence = j,
		.collateral = s->g.collateral,
		.report_data = digest_bytes(&s->report_data),
		.initdata_digest = digest_bytes(&s->initdata),
		.anchors = &s->g.anchors,
		.now = AZURE_GEN_NOW,
	};
	assert_ptr_equal(tee_recognise(&in), s->tee);
	return tee_verify(s->tee, &in, ret);
}

/* Failed, with all of these in the text. */
static void assert_says(struct err e, enum err_code code, const char *const *words)
{
	assert_err(e, code);
	print_message("           %s\n", err_text());
	for (; *words; words++)
		assert_non_null(strstr(err_text(), *words));
}

#define SAYS(e, code, ...) assert_says((e), (code), (const char *const[]){ __VA_ARGS__, NULL })

/* ---- what Trustee's verifier reads ---- */
static void check_shape(const struct side *s, struct bytes text)
{
	AUTO(json_freep) struct json *j = NULL;
	const char *hcl, *hardware, *signature;
	uint64_t version;

	assert_ok(json_parse(text, &j));
	assert_true(json_u64(json_get(j, "version"), &version));
	assert_int_equal(version, 2);
	assert_int_equal(json_count(j), 4);
	const struct json *quote = json_get(j, "tpm_quote");
	assert_int_equal(json_count(json_get(quote, "pcrs")), TPM_PCRS);
	assert_ok(json_need_string(quote, "signature", &signature));
	assert_int_equal(strlen(signature), 2 * 256); /* RSA-2048 alone, no TPMT_SIGNATURE */
	assert_ok(json_need_string(j, "hcl_report", &hcl));
	assert_ok(json_need_string(j, s->g.tdx ? "td_quote" : "vcek", &hardware));
	assert_int_equal(strlen(hcl) % 4, 0);
	assert_int_equal(strlen(hardware) % 4, 0);
	assert_null(strpbrk(hcl, "+/"));
}

static void prove(struct side *s)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct buf text;

	assert_ok(evidence(s, &text));
	check_shape(s, buf_bytes(&text));
	assert_ok(verify(s, buf_bytes(&text), &c));
	buf_done(&text);
}

static void test_good(void **state)
{
	(void)state;
	for (int tdx = 0; tdx < 2; tdx++) {
		AUTO(claims_done) struct claims c = { 0 };
		struct buf old;
		struct side s;

		start(&s, tdx, tdx ? "good-tdx" : "good-snp");
		assert_ptr_equal(tee_detect(&s.config), s.tee);
		assert_ok(ops(&s)->open(&s.config, &s.guest));
		assert_ok(ops(&s)->bind_initdata(s.guest, &s.initdata));
		prove(&s);
		/* Each evidence is of its own report; an old one does not serve twice. */
		assert_ok(evidence(&s, &old));
		assert_ok(digest(DIGEST_SHA384, bytes_str("another handshake"), &s.report_data));
		prove(&s);
		assert_int_equal(s.azure.shared->writes, 3);
		assert_err(verify(&s, buf_bytes(&old), &c), ERR_UNVERIFIED);
		/* Runtime measurements, in the registers that are for them. */
		assert_ok(ops(&s)->extend(s.guest, 23, &s.initdata));
		assert_err(ops(&s)->extend(s.guest, 8, &s.initdata), ERR_USAGE);
		prove(&s);
		/* Initdata is bound once, and another one is not what was bound. */
		assert_err(ops(&s)->bind_initdata(s.guest, &s.initdata), ERR_STATE);
		assert_ok(digest(DIGEST_SHA256, bytes_str("other"), &s.initdata));
		buf_done(&old);
		assert_ok(evidence(&s, &old));
		assert_err(verify(&s, buf_bytes(&old), &c), ERR_UNVERIFIED);
		assert_string_equal(err_denial()->code, "vtpm.initdata-mismatch");
		buf_done(&old);
		finish(&s);
	}
}

/* ---- the metadata service ---- */
static void test_service(void **state)
{
	static const struct {
		enum imds_manner manner;
		unsigned hits[2]; /* SNP, TDX; 0: good */
		enum err_code code;
		const char *says;
	} cases[] = {
		{ IMDS_GOOD, { 1, 1 }, ERR_OK, NULL },
		{ IMDS_OTHER_ALPHABET, { 1, 2 }, ERR_OK, NULL },
		{ IMDS_BUSY, { 3, 3 }, ERR_OK, NULL },
		{ IMDS_BROKEN, { 3, 3 }, ERR_PEER, "status 500 instead of 200: internal error" },
		{ IMDS_GONE, { 1, 1 }, ERR_PEER, "status 404" },
		{ IMDS_SILENT, { 1, 1 }, ERR_TIMEOUT, "" },
		{ IMDS_TEXT, { 1, 1 }, ERR_FORMAT, "answer" },
		{ IMDS_NO_MEMBER, { 1, 1 }, ERR_FORMAT, "" },
		{ IMDS_GARBAGE, { 1, 1 }, ERR_FORMAT, "" },
	};

	(void)state;
	for (int tdx = 0; tdx < 2; tdx++) {
		const char *member = tdx ? "quote" : "vcekCert";
		const char *what = tdx ? "TD quote from the metadata service at http://127.0.0.1"
				       : "VCEK from the metadata service at http://127.0.0.1";
		struct side s;

		start(&s, tdx, tdx ? "service-tdx" : "service-snp");
		assert_ok(ops(&s)->open(&s.config, &s.guest));
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			struct buf text;

			s.azure.shared->manner = cases[i].manner;
			s.azure.shared->hits = 0;
			struct err e = evidence(&s, &text);
			if (cases[i].code == ERR_OK)
				assert_ok(e);
			else if (cases[i].manner >= IMDS_NO_MEMBER)
				SAYS(e, cases[i].code, what, member);
			else
				SAYS(e, cases[i].code, what, cases[i].says);
			assert_int_equal(s.azure.shared->hits, cases[i].hits[tdx]);
			buf_done(&text);
		}
		finish(&s);
	}
}

static void test_no_service(void **state)
{
	struct buf text;
	struct side s;

	(void)state;
	start(&s, false, "no-service");
	s.config.imds = "http://127.0.0.1:1";
	assert_ok(ops(&s)->open(&s.config, &s.guest));
	SAYS(evidence(&s, &text), ERR_PEER,
		"VCEK from the metadata service at http://127.0.0.1:1/");
	buf_done(&text);
	finish(&s);
}

/* ---- the paravisor's part of the TPM ---- */
static void put_report(const struct side *s, struct bytes report)
{
	struct vtpm_tpm *t;

	assert_ok(vtpm_tpm_open(s->azure.tpm.tcti, &t));
	assert_ok(vtpm_tpm_nv_write(t, 0x01400001, report));
	vtpm_tpm_free(t);
}

static void test_reports(void **state)
{
	AUTO(buf_done) struct buf good = BUF_INIT(4096);
	struct tee_guest *none = NULL;
	struct side s;

	(void)state;
	start(&s, false, "reports");
	buf_put(&good, buf_bytes(&s.g.hcl));
	const struct tee_guest_ops *tdx = tee_guest_ops(tee_by_platform("az-tdx-vtpm"));
	SAYS(tdx->open(&s.config, &none), ERR_UNSUPPORTED, "0x01400001", "of SNP, not of TDX");
	put_report(&s, bytes_of(good.p, 1000));
	SAYS(ops(&s)->open(&s.config, &none), ERR_FORMAT, "0x01400001", "truncated");
	assert_ptr_equal(tee_detect(&s.config), tee_by_platform("vtpm"));
	good.p[4] = 9;
	put_report(&s, buf_bytes(&good));
	SAYS(ops(&s)->open(&s.config, &none), ERR_FORMAT, "0x01400001", "version 9");
	good.p[4] = 2;
	good.p[0x4d4] = '!';
	put_report(&s, buf_bytes(&good));
	SAYS(ops(&s)->open(&s.config, &none), ERR_FORMAT, "0x01400001");
	assert_null(none);
	finish(&s);
}

static void test_silent_paravisor(void **state)
{
	struct buf text;
	struct side s;

	(void)state;
	start(&s, false, "silent");
	assert_ok(ops(&s)->open(&s.config, &s.guest));
	s.azure.shared->asleep = true;
	SAYS(evidence(&s, &text), ERR_TIMEOUT, "0x01400001", "user-data is another one",
		"0x01400002");
	buf_done(&text);
	s.azure.shared->asleep = false;
	assert_ok(evidence(&s, &text));
	buf_done(&text);
	/* A digest that no report can hold. */
	uint8_t large[65] = { 1 };
	text = BUF_INIT(EVIDENCE_MAX);
	SAYS(ops(&s)->evidence(s.guest, BYTES_OF(large), NULL, &text), ERR_LIMIT, "65 bytes");
	buf_done(&text);
	finish(&s);
}

static void test_other_ak(void **state)
{
	struct buf text;
	struct side s;

	(void)state;
	start(&s, false, "other-ak");
	key_free(fake_paravisor_make_ak(s.azure.tpm.tcti, FAKE_AK_HANDLE));
	assert_ok(ops(&s)->open(&s.config, &s.guest));
	SAYS(evidence(&s, &text), ERR_PEER, "0x81000003", "not the key HCLAkPub");
	buf_done(&text);
	finish(&s);
}

static void test_initdata_of_another_size(void **state)
{
	struct digest_value d;
	struct side s;

	(void)state;
	start(&s, true, "sizes");
	assert_ok(ops(&s)->open(&s.config, &s.guest));
	assert_ok(digest(DIGEST_SHA384, bytes_str("initdata"), &d));
	SAYS(ops(&s)->bind_initdata(s.guest, &d), ERR_UNSUPPORTED, "48 bytes", "sha256");
	finish(&s);
}

/* A TPM that is nobody's paravisor. */
static void test_plain_tpm(void **state)
{
	struct tee_guest *none = NULL;
	struct swtpm t;

	(void)state;
	swtpm_start(&t, "plain", "ca");
	const struct tee_guest_config c = { .tcti = t.tcti };
	for (int tdx = 0; tdx < 2; tdx++) {
		const struct tee *tee = tee_by_platform(tdx ? "az-tdx-vtpm" : "az-snp-vtpm");

		assert_false(tee_guest_ops(tee)->detect(&c));
		SAYS(tee_guest_ops(tee)->open(&c, &none), ERR_NOT_FOUND,
			"the TPM has no NV index 0x01400001");
	}
	assert_ptr_equal(tee_detect(&c), tee_by_platform("vtpm"));
	const struct tee_guest_config nowhere = { .root = "/nonexistent" };
	assert_false(tee_guest_ops(tee_by_platform("az-snp-vtpm"))->detect(&nowhere));
	swtpm_stop(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_no_service),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_silent_paravisor),
		cmocka_unit_test(test_other_ak),
		cmocka_unit_test(test_initdata_of_another_size),
		cmocka_unit_test(test_plain_tpm),
	};

	return cmocka_run_group_tests_name("Azure guests", tests, NULL, NULL);
}
