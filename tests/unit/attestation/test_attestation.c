/* From vtpm evidence to a token, as the broker does it. */
#include "handshake.h"
#include "util.h"

#include <attestation/attestation.h>

static const char toml[] = "version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n";

static void put_hex(struct buf *b, const char *id, const char *what)
{
	char hex[65];

	vtpm_gen_hex(what, hex);
	buf_printf(b, "\"%s\":[\"%s\"],", id, hex);
}

/* What `sealpod measure` would have written for that boot. */
static struct reference_values *references(const struct vtpm_gen_boot *boot, struct bytes initdata)
{
	AUTO(buf_done) struct buf text = BUF_INIT(8192);
	struct reference_values *r;
	struct json_writer w;
	char pei[65], dxe[65];

	buf_puts(&text, "{\"version\":1,\"reference_values\":{");
	put_hex(&text, "vtpm.crtm", boot->crtm);
	put_hex(&text, "vtpm.kernel", boot->kernel);
	put_hex(&text, "vtpm.cmdline", boot->cmdline);
	put_hex(&text, "vtpm.initrd", boot->initrd);
	vtpm_gen_hex(boot->pei, pei);
	vtpm_gen_hex(boot->dxe, dxe);
	buf_printf(&text, "\"vtpm.firmware\":[\"%s\",\"%s\"],\"initdata\":[", pei, dxe);
	w = jw_of(&text);
	jw_hex(&w, initdata);
	buf_puts(&text, "]}}");
	assert_ok(reference_new(&r));
	assert_ok(reference_import(r, buf_bytes(&text)));
	return r;
}

struct run {
	struct handshake h;
	struct reference_values *refs;
	struct json *evidence;
	struct attestation_input in;
};

static void run_start(struct run *r, const struct vtpm_gen_boot *booted)
{
	AUTO(buf_done) struct buf text = BUF_INIT(JSON_SIZE_MAX);

	*r = (struct run){ 0 };
	handshake_start(&r->h);
	vtpm_gen_boot(&r->h.g, booted);
	assert_ok(digest(DIGEST_SHA384, bytes_str(toml), &r->h.initdata));
	vtpm_gen_bind_initdata(&r->h.g, digest_bytes(&r->h.initdata));
	assert_ok(handshake_challenge(&r->h));
	vtpm_gen_evidence(&r->h.g, digest_bytes(&r->h.report_data), r->h.extra, &r->h.e);
	vtpm_gen_print(&r->h.e, &text);
	assert_ok(json_parse(buf_bytes(&text), &r->evidence));
	r->refs = references(&vtpm_gen_usual, digest_bytes(&r->h.initdata));
	r->in = (struct attestation_input){
		.tee = tee_by_kbs_name("tpm"),
		.evidence = r->evidence,
		.report_data = digest_bytes(&r->h.report_data),
		.initdata = bytes_str(toml),
		.state = buf_bytes(&r->h.state),
		.anchors = &r->h.anchors,
		.refs = r->refs,
		.now = GEN_NOW,
	};
}

static void run_done(struct run *r)
{
	json_freep(&r->evidence);
	reference_freep(&r->refs);
	handshake_finish(&r->h);
}

static void test_affirming(void **state)
{
	AUTO(attestation_result_done) struct attestation_result result = { 0 };
	AUTO(buf_done) struct buf token = BUF_INIT(65536);
	AUTO(json_freep) struct json *claims = NULL;
	AUTO(key_freep) struct key *signer = NULL;
	bool simulated = false;
	struct run r;

	(void)state;
	run_start(&r, &vtpm_gen_usual);
	assert_ok(attestation_verify(&r.in, &result));
	assert_int_equal(result.appraisal.n_findings, 0);
	assert_string_equal(result.appraisal.status, "affirming");
	assert_int_equal(result.appraisal.vector[AR4SI_INSTANCE_IDENTITY], 2);
	assert_ok(key_generate(KEY_P256, &signer));
	assert_ok(ear_make(&(struct ear_config){ .key = signer },
		&(struct ear_input){
			.result = &result, .initdata = bytes_str(toml), .now = GEN_NOW },
		&token));
	const struct key *const keys[] = { signer };
	struct ear_check check = { .keys = keys, .n_keys = 1, .now = GEN_NOW };
	assert_ok(ear_verify(buf_bytes(&token), &check, &claims));
	/* A root in software is said where whoever reads the token looks. */
	assert_true(json_bool(
		json_pointer(claims, "/submods/cpu0/ear.veraison.annotated-evidence/tpm/simulated"),
		&simulated));
	assert_true(simulated);
	run_done(&r);
}

/* Genuine evidence of something else that booted: a result, and the one finding that says what. */
static void test_changed_boot(void **state)
{
	struct vtpm_gen_boot boots[5];
	static const char *const codes[5] = { "vtpm.crtm-unknown", "vtpm.firmware-unknown",
		"vtpm.kernel-unknown", "vtpm.cmdline-unknown", "vtpm.initrd-unknown" };

	(void)state;
	for (size_t i = 0; i < 5; i++)
		boots[i] = vtpm_gen_usual;
	boots[0].crtm = boots[1].dxe = boots[2].kernel = boots[3].cmdline = boots[4].initrd =
		"changed";
	for (size_t i = 0; i < 5; i++) {
		AUTO(attestation_result_done) struct attestation_result result = { 0 };
		char hex[65];
		struct run r;

		run_start(&r, &boots[i]);
		assert_ok(attestation_verify(&r.in, &result));
		assert_int_equal(result.appraisal.n_findings, 1);
		assert_string_equal(result.appraisal.findings[0].code, codes[i]);
		vtpm_gen_hex("changed", hex);
		assert_string_equal(result.appraisal.findings[0].actual, hex);
		assert_int_equal(result.appraisal.vector[AR4SI_EXECUTABLES], 33);
		assert_string_equal(result.appraisal.status, "warning");
		run_done(&r);
	}
}

static void test_other_initdata(void **state)
{
	AUTO(attestation_result_done) struct attestation_result result = { 0 };
	struct run r;

	(void)state;
	run_start(&r, &vtpm_gen_usual);
	r.in.initdata =
		bytes_str("version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n\"a\" = \"b\"\n");
	assert_err(attestation_verify(&r.in, &result), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "vtpm.initdata-mismatch");
	r.in.initdata = BYTES_NONE;
	assert_err(attestation_verify(&r.in, &result), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "vtpm.initdata-mismatch");
	run_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_affirming),
		cmocka_unit_test(test_changed_boot),
		cmocka_unit_test(test_other_initdata),
	};

	return cmocka_run_group_tests_name("attestation", tests, NULL, NULL);
}
