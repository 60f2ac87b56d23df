#include "handshake.h"
#include "util.h"

#include <base/encode.h>

/* ---- good evidence ---- */
static void check_claims(const struct handshake *h, const struct claims *c)
{
	char hex[65], both[130], initdata[2 * DIGEST_MAX + 1];

	vtpm_gen_hex(vtpm_gen_usual.kernel, hex);
	assert_string_equal(text_of(c, "tpm.kernel"), hex);
	vtpm_gen_hex(vtpm_gen_usual.cmdline, hex);
	assert_string_equal(text_of(c, "tpm.cmdline_digest"), hex);
	vtpm_gen_hex(vtpm_gen_usual.initrd, hex);
	assert_string_equal(text_of(c, "tpm.initrd"), hex);
	vtpm_gen_hex(vtpm_gen_usual.crtm, hex);
	assert_string_equal(text_of(c, "tpm.crtm"), hex);
	vtpm_gen_hex(vtpm_gen_usual.pei, both);
	both[64] = ',';
	vtpm_gen_hex(vtpm_gen_usual.dxe, both + 65);
	assert_string_equal(text_of(c, "tpm.firmware"), both);
	hex_to(digest_bytes(&h->initdata), initdata);
	assert_string_equal(text_of(c, "init_data"), initdata);
	assert_string_equal(text_of(c, "simulated"), "true");
	assert_string_equal(text_of(c, "tpm.ak_trusted"), "true");
	assert_string_equal(text_of(c, "debug"), "false");
	assert_int_equal(strlen(text_of(c, "report_data")), 64);
	assert_non_null(claims_get(c, "tpm.pcr00"));
	assert_non_null(claims_get(c, "tpm.pcr14"));
	assert_null(claims_get(c, "tpm.pcr10")); /* not quoted: proves nothing */
}

static void test_good(void **state)
{
	static const uint16_t schemes[] = { TPM_ALG_ECDSA, TPM_ALG_RSASSA, TPM_ALG_RSAPSS };
	static const enum key_type eks[] = { KEY_RSA, KEY_P256, KEY_P384 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		AUTO(claims_done) struct claims c = { 0 };
		struct handshake h;

		handshake_start(&h);
		vtpm_gen_ak(&h.g, schemes[i], 0);
		vtpm_gen_ek(&h.g, eks[i], 0);
		h.anchors = h.g.anchors;
		assert_ok(handshake_challenge(&h));
		vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
		assert_ok(handshake_verify(&h, &c));
		check_claims(&h, &c);
		handshake_finish(&h);
	}
}

static void test_hardware_root(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct handshake h;

	(void)state;
	handshake_start(&h);
	h.anchors = (struct tee_anchors){ .hardware = h.g.anchors.software };
	assert_ok(handshake_challenge(&h));
	vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
	assert_ok(handshake_verify(&h, &c));
	assert_string_equal(text_of(&c, "simulated"), "false");
	handshake_finish(&h);
}
static void change_all_pcrs(struct vtpm_gen_attest *a)
{
	a->pcrs = 0xffffff;
}

/* What a stock Trustee client sends: no activation, so nothing vouches for the key. */
static void test_stock_client(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct handshake h;

	(void)state;
	handshake_start(&h);
	vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), NULL, &h.e);
	buf_clear(&h.e.ak_tpm_public);
	buf_clear(&h.e.event_log);
	handshake_resign(&h, change_all_pcrs);
	assert_ok(handshake_verify(&h, &c));
	assert_non_null(claims_get(&c, "tpm.pcr23"));
	assert_string_equal(text_of(&c, "tpm.ak_trusted"), "false");
	assert_string_equal(text_of(&c, "simulated"), "true");
	assert_null(claims_get(&c, "tpm.kernel"));
	handshake_finish(&h);
}

static void test_no_initdata(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct handshake h;

	(void)state;
	handshake_start(&h);
	vtpm_gen_boot(&h.g, &vtpm_gen_usual);
	vtpm_gen_bind_initdata(&h.g, BYTES_NONE);
	h.initdata = (struct digest_value){ 0 };
	assert_ok(handshake_challenge(&h));
	vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
	assert_ok(handshake_verify(&h, &c));
	assert_null(claims_get(&c, "init_data"));

	/* Leaving out the initdata that was bound is no way around it. */
	claims_done(&c);
	vtpm_gen_bind_initdata(&h.g, bytes_str("some initdata"));
	vtpm_gen_evidence_done(&h.e);
	vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
	handshake_refused(&h, DENY_VTPM_INITDATA_MISMATCH);
	handshake_finish(&h);
}

/* ---- challenge ---- */
static void test_challenge_refused(void **state)
{
	struct handshake h, other;

	(void)state;
	handshake_start(&h);
	handshake_start(&other);
	h.anchors = other.g.anchors;
	assert_denied(handshake_challenge(&h), DENY_VTPM_EK_UNTRUSTED);
	h.anchors = (struct tee_anchors){ 0 };
	assert_denied(handshake_challenge(&h), DENY_VTPM_EK_UNTRUSTED);
	h.anchors = h.g.anchors;

	buf_clear(&h.g.ek_public);
	buf_put(&h.g.ek_public, buf_bytes(&other.g.ek_public));
	assert_denied(handshake_challenge(&h), DENY_VTPM_EK_MISMATCH);

	h.g.ek_public.p[9] ^= 2; /* fixedTPM of the other key: mismatch is found first */
	assert_denied(handshake_challenge(&h), DENY_VTPM_EK_MISMATCH);
	h.g.ek_public.n--;
	assert_denied(handshake_challenge(&h), DENY_VTPM_EK_MALFORMED);

	vtpm_gen_ek(&h.g, KEY_RSA, 0x000300b0);
	h.anchors = h.g.anchors;
	assert_denied(handshake_challenge(&h), DENY_VTPM_EK_ATTRIBUTES);
	vtpm_gen_ek(&h.g, KEY_RSA, 0x000700b2); /* also signs */
	h.anchors = h.g.anchors;
	assert_denied(handshake_challenge(&h), DENY_VTPM_EK_ATTRIBUTES);
	h.g.ek_cert.n--;
	assert_denied(handshake_challenge(&h), DENY_VTPM_EK_MALFORMED);
	handshake_finish(&other);
	handshake_finish(&h);
}

static void test_ak_attributes(void **state)
{
	static const uint32_t bad[] = {
		0x00040072, /* not restricted: signs anything that looks like a quote */
		0x00010072, /* does not sign */
		0x00070072, /* also decrypts */
		0x00050070, /* not fixedTPM */
		0x00050062, /* not fixedParent */
		0x00050052, /* made outside */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct handshake h;

		handshake_start(&h);
		vtpm_gen_ak(&h.g, TPM_ALG_ECDSA, bad[i]);
		assert_denied(handshake_challenge(&h), DENY_VTPM_AK_ATTRIBUTES);
		vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), NULL, &h.e);
		handshake_refused(&h, DENY_VTPM_AK_ATTRIBUTES);
		handshake_finish(&h);
	}
}

static void test_challenge_expired(void **state)
{
	AUTO(buf_done) struct buf hello_text = BUF_INIT(65536), out = BUF_INIT(4096);
	AUTO(buf_done) struct buf state_buf = BUF_INIT(4096);
	AUTO(json_freep) struct json *hello = NULL;
	struct json_writer w = jw_of(&out);
	struct handshake h;

	(void)state;
	handshake_start(&h);
	vtpm_gen_hello(&h.g, &hello_text);
	assert_ok(json_parse(buf_bytes(&hello_text), &hello));
	assert_denied(tee_by_kbs_name("tpm")->verify->challenge(
			      hello, &h.anchors, GEN_NOW + 2 * GEN_YEAR, &w, &state_buf),
		DENY_VTPM_EK_UNTRUSTED);
	handshake_finish(&h);
}

/* ---- a real boot: OVMF, swtpm and QEMU with the shipped kernel and command line ---- */
static void load_real_boot(struct handshake *h)
{
	AUTO(buf_done) struct buf log =
		test_file(test_source("tests/unit/tee/data/ovmf-direct-boot.bin"));
	AUTO(eventlog_done) struct eventlog l = { 0 };

	vtpm_gen_log_start(&h->g);
	buf_clear(&h->g.log);
	buf_put(&h->g.log, buf_bytes(&log));
	assert_ok(eventlog_parse(buf_bytes(&log), EVENTLOG_EXACT, &l));
	for (uint32_t pcr = 0; pcr < 10; pcr++)
		assert_ok(eventlog_replay(&l, DIGEST_SHA256, pcr, &h->g.pcr[pcr]));
	vtpm_gen_bind_initdata(&h->g, digest_bytes(&h->initdata));
}

static void test_real_boot(void **state)
{
	/* What the guest read from its TPM. */
	static const struct {
		unsigned pcr;
		const char *value;
	} read[] = {
		{ 0, "9a79bbc46e09197e6d37e39f02ff776a2d078af8dfc9e5041cf6f61fe9b927a9" },
		{ 1, "8e9d1fe23131f12d6a523e9c32eb3223d4dc25e14eb5fd60163e7ba8de0f248c" },
		{ 4, "819c86e945d44f0158b3a431c3b351705fdb741038b566c9558d8558751bd1cb" },
		{ 5, "a5ceb755d043f32431d63e39f5161464620a3437280494b5850dc1b47cc074e0" },
		{ 7, "65caf8dd1e0ea7a6347b635d2b379c93b9a1351edc2afc3ecda700e534eb3068" },
		{ 9, "d762849dccc532916dd2134e0bb13cbf86a42dceac3c8f4331b928beca3648b9" },
	};
	AUTO(claims_done) struct claims c = { 0 };
	struct handshake h;

	(void)state;
	handshake_start(&h);
	load_real_boot(&h);
	for (size_t i = 0; i < ARRAY_LEN(read); i++)
		assert_bytes_equal(digest_bytes(&h.g.pcr[read[i].pcr]), test_hex(read[i].value));
	assert_ok(handshake_challenge(&h));
	vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
	assert_ok(handshake_verify(&h, &c));
	assert_string_equal(text_of(&c, "tpm.kernel"),
		"ec1e8a80260a6abb2d58e9a69363fddfcd2e8c248981fafb06a322ff7d797fff");
	assert_int_equal(claims_get(&c, "tpm.firmware")->list.n, 2);
	assert_non_null(claims_get(&c, "tpm.crtm"));
	assert_non_null(claims_get(&c, "tpm.cmdline_digest"));
	assert_non_null(claims_get(&c, "tpm.initrd"));
	handshake_finish(&h);
}

/* ---- Trustee's own vector: its quote is good, its nonce of an older and longer form ---- */
static void test_trustee_vector(void **state)
{
	AUTO(buf_done) struct buf text = test_file(test_vector("vtpm/trustee/tpm_evidence.json"));
	AUTO(json_freep) struct json *evidence = NULL;
	AUTO(claims_done) struct claims c = { 0 };
	struct tee_anchors none = { 0 };

	(void)state;
	assert_ok(json_parse(buf_bytes(&text), &evidence));
	struct tee_verify_input in = { .evidence = evidence,
		.report_data = test_hex(
			"a04182b506878d4f29b91ee606a71a0d3361ccf1b22db20c98adcaa537bea393"),
		.anchors = &none,
		.now = GEN_NOW };
	/* The nonce is looked at after the signature. */
	assert_denied(tee_verify(tee_by_kbs_name("tpm"), &in, &c), DENY_VTPM_NONCE_MISMATCH);
	char *message = strstr(buf_cstr(&text), "/1RDR4AYACIAC");
	assert_non_null(message);
	message[20] ^= 1;
	json_freep(&evidence);
	assert_ok(json_parse(buf_bytes(&text), &evidence));
	in.evidence = evidence;
	assert_denied(tee_verify(tee_by_kbs_name("tpm"), &in, &c), DENY_VTPM_QUOTE_SIGNATURE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_hardware_root),
		cmocka_unit_test(test_stock_client),
		cmocka_unit_test(test_no_initdata),
		cmocka_unit_test(test_challenge_refused),
		cmocka_unit_test(test_ak_attributes),
		cmocka_unit_test(test_challenge_expired),
		cmocka_unit_test(test_real_boot),
		cmocka_unit_test(test_trustee_vector),
	};

	return cmocka_run_group_tests_name("tee vtpm", tests, NULL, NULL);
}
