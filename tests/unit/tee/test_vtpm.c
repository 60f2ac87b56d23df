#include "util.h"
#include "vtpm_gen.h"

#include <base/encode.h>
#include <tee/denials.h>
#include <tee/tee.h>

/* One handshake of a guest with a verifier. */
struct handshake {
	struct vtpm_gen g;
	struct tee_anchors anchors; /* borrowed from g unless a test changes it */
	struct digest_value report_data, initdata;
	struct buf extra_text, state;
	struct json *extra;
	struct vtpm_gen_evidence e;
};

static struct err challenge(struct handshake *h)
{
	AUTO(buf_done) struct buf hello_text = BUF_INIT(65536);
	AUTO(json_freep) struct json *hello = NULL;
	struct json_writer w;

	buf_done(&h->extra_text);
	buf_done(&h->state);
	h->extra_text = BUF_INIT(65536);
	h->state = BUF_INIT(4096);
	vtpm_gen_hello(&h->g, &hello_text);
	assert_ok(json_parse(buf_bytes(&hello_text), &hello));
	w = jw_of(&h->extra_text);
	jw_object(&w);
	TRY(tee_by_kbs_name("tpm")->verify->challenge(hello, &h->anchors, GEN_NOW, &w, &h->state));
	jw_object_end(&w);
	return json_parse(buf_bytes(&h->extra_text), &h->extra);
}

static void start(struct handshake *h)
{
	*h = (struct handshake){ 0 };
	vtpm_gen_init(&h->g);
	h->anchors = h->g.anchors;
	vtpm_gen_boot(&h->g, &vtpm_gen_usual);
	assert_ok(digest(DIGEST_SHA384, bytes_str("runtime data"), &h->report_data));
	assert_ok(digest(DIGEST_SHA384, bytes_str("initdata"), &h->initdata));
	vtpm_gen_bind_initdata(&h->g, digest_bytes(&h->initdata));
}

/* A handshake whose evidence is good. */
static void start_good(struct handshake *h)
{
	start(h);
	assert_ok(challenge(h));
	vtpm_gen_evidence(&h->g, digest_bytes(&h->report_data), h->extra, &h->e);
}

static void finish(struct handshake *h)
{
	vtpm_gen_evidence_done(&h->e);
	buf_done(&h->extra_text);
	buf_done(&h->state);
	json_freep(&h->extra);
	vtpm_gen_done(&h->g);
}

static struct err verify_text(
	const struct handshake *h, struct bytes evidence_text, struct claims *ret)
{
	AUTO(json_freep) struct json *evidence = NULL;

	TRY(json_parse(evidence_text, &evidence));
	struct tee_verify_input in = {
		.evidence = evidence,
		.report_data = digest_bytes(&h->report_data),
		.initdata_digest = digest_bytes(&h->initdata),
		.state = buf_bytes(&h->state),
		.anchors = &h->anchors,
		.now = GEN_NOW,
	};
	return tee_by_kbs_name("tpm")->verify->verify(&in, ret);
}

static struct err verify(const struct handshake *h, struct claims *ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT(JSON_SIZE_MAX);

	vtpm_gen_print(&h->e, &text);
	return verify_text(h, buf_bytes(&text), ret);
}

static void assert_denied(struct err e, enum tee_denial want)
{
	assert_err(e, ERR_UNVERIFIED);
	assert_non_null(err_denial());
	assert_string_equal(err_denial()->code, tee_denial_code(want));
	print_message("           %s\n", err_text());
}

static void assert_refused(const struct handshake *h, enum tee_denial want)
{
	AUTO(claims_done) struct claims c = { 0 };

	assert_denied(verify(h, &c), want);
	assert_int_equal(c.n, 0);
}

static const char *text_of(const struct claims *c, const char *name)
{
	return claim_text(claims_get(c, name));
}

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

		start(&h);
		vtpm_gen_ak(&h.g, schemes[i], 0);
		vtpm_gen_ek(&h.g, eks[i], 0);
		h.anchors = h.g.anchors;
		assert_ok(challenge(&h));
		vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
		assert_ok(verify(&h, &c));
		check_claims(&h, &c);
		finish(&h);
	}
}

static void test_hardware_root(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct handshake h;

	(void)state;
	start(&h);
	h.anchors = (struct tee_anchors){ .hardware = h.g.anchors.software };
	assert_ok(challenge(&h));
	vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
	assert_ok(verify(&h, &c));
	assert_string_equal(text_of(&c, "simulated"), "false");
	finish(&h);
}

static void resign(struct handshake *h, void (*change)(struct vtpm_gen_attest *a))
{
	struct vtpm_gen_attest a = vtpm_gen_attest(bytes_of(h->report_data.v, 32));

	change(&a);
	vtpm_gen_sign(&h->g, &a, &h->e);
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
	start(&h);
	vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), NULL, &h.e);
	buf_clear(&h.e.ak_tpm_public);
	buf_clear(&h.e.event_log);
	resign(&h, change_all_pcrs);
	assert_ok(verify(&h, &c));
	assert_non_null(claims_get(&c, "tpm.pcr23"));
	assert_string_equal(text_of(&c, "tpm.ak_trusted"), "false");
	assert_string_equal(text_of(&c, "simulated"), "true");
	assert_null(claims_get(&c, "tpm.kernel"));
	finish(&h);
}

static void test_no_initdata(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct handshake h;

	(void)state;
	start(&h);
	vtpm_gen_boot(&h.g, &vtpm_gen_usual);
	vtpm_gen_bind_initdata(&h.g, BYTES_NONE);
	h.initdata = (struct digest_value){ 0 };
	assert_ok(challenge(&h));
	vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
	assert_ok(verify(&h, &c));
	assert_null(claims_get(&c, "init_data"));

	/* Leaving out the initdata that was bound is no way around it. */
	claims_done(&c);
	vtpm_gen_bind_initdata(&h.g, bytes_str("some initdata"));
	vtpm_gen_evidence_done(&h.e);
	vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
	assert_refused(&h, DENY_VTPM_INITDATA_MISMATCH);
	finish(&h);
}

/* ---- challenge ---- */
static void test_challenge_refused(void **state)
{
	struct handshake h, other;

	(void)state;
	start(&h);
	start(&other);
	h.anchors = other.g.anchors;
	assert_denied(challenge(&h), DENY_VTPM_EK_UNTRUSTED);
	h.anchors = (struct tee_anchors){ 0 };
	assert_denied(challenge(&h), DENY_VTPM_EK_UNTRUSTED);
	h.anchors = h.g.anchors;

	buf_clear(&h.g.ek_public);
	buf_put(&h.g.ek_public, buf_bytes(&other.g.ek_public));
	assert_denied(challenge(&h), DENY_VTPM_EK_MISMATCH);

	h.g.ek_public.p[9] ^= 2; /* fixedTPM of the other key: mismatch is found first */
	assert_denied(challenge(&h), DENY_VTPM_EK_MISMATCH);
	h.g.ek_public.n--;
	assert_denied(challenge(&h), DENY_VTPM_EK_MALFORMED);

	vtpm_gen_ek(&h.g, KEY_RSA, 0x000300b0);
	h.anchors = h.g.anchors;
	assert_denied(challenge(&h), DENY_VTPM_EK_ATTRIBUTES);
	vtpm_gen_ek(&h.g, KEY_RSA, 0x000700b2); /* also signs */
	h.anchors = h.g.anchors;
	assert_denied(challenge(&h), DENY_VTPM_EK_ATTRIBUTES);
	h.g.ek_cert.n--;
	assert_denied(challenge(&h), DENY_VTPM_EK_MALFORMED);
	finish(&other);
	finish(&h);
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

		start(&h);
		vtpm_gen_ak(&h.g, TPM_ALG_ECDSA, bad[i]);
		assert_denied(challenge(&h), DENY_VTPM_AK_ATTRIBUTES);
		vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), NULL, &h.e);
		assert_refused(&h, DENY_VTPM_AK_ATTRIBUTES);
		finish(&h);
	}
}

static void test_challenge_expired(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	AUTO(buf_done) struct buf hello_text = BUF_INIT(65536), out = BUF_INIT(4096);
	AUTO(buf_done) struct buf state_buf = BUF_INIT(4096);
	AUTO(json_freep) struct json *hello = NULL;
	struct json_writer w = jw_of(&out);
	struct handshake h;

	(void)state;
	start(&h);
	vtpm_gen_hello(&h.g, &hello_text);
	assert_ok(json_parse(buf_bytes(&hello_text), &hello));
	assert_denied(tee_by_kbs_name("tpm")->verify->challenge(
			      hello, &h.anchors, GEN_NOW + 2 * GEN_YEAR, &w, &state_buf),
		DENY_VTPM_EK_UNTRUSTED);
	finish(&h);
}

/* ---- evidence that must not pass ---- */
static void attack_old_nonce(struct handshake *h)
{
	assert_ok(digest(DIGEST_SHA384, bytes_str("another handshake"), &h->report_data));
}

static void attack_truncated_log(struct handshake *h)
{
	h->e.event_log.n -= 4 + 4 + 4 + 22 + 34 + 4 + 40; /* the last event */
}

static void attack_cut_event(struct handshake *h)
{
	h->e.event_log.n -= 7;
}

static void attack_edited_digest(struct handshake *h)
{
	AUTO(eventlog_done) struct eventlog l = { 0 };

	assert_ok(eventlog_parse(buf_bytes(&h->e.event_log), EVENTLOG_EXACT, &l));
	size_t at = (size_t)(event_digest(&l.v[9], DIGEST_SHA256).p - h->e.event_log.p);
	h->e.event_log.p[at] ^= 1;
}

static void attack_swapped_pcr(struct handshake *h)
{
	memcpy(h->e.pcrs[4], h->e.pcrs[2], sizeof(h->e.pcrs[4]));
}

static void attack_initdata(struct handshake *h)
{
	h->initdata.v[3] ^= 1;
}

static void attack_activation(struct handshake *h)
{
	h->e.activation.p[0] ^= 1;
}

static void attack_activation_cut(struct handshake *h)
{
	h->e.activation.n = 1;
}

static void attack_no_challenge(struct handshake *h)
{
	buf_clear(&h->state);
}

static void attack_no_ak_object(struct handshake *h)
{
	buf_clear(&h->e.ak_tpm_public);
}

/* Another key signs, its object is shown with it: the name is not the activated one. */
static void attack_other_ak(struct handshake *h)
{
	struct vtpm_gen_evidence other;

	vtpm_gen_ak(&h->g, TPM_ALG_ECDSA, 0);
	vtpm_gen_evidence(&h->g, digest_bytes(&h->report_data), NULL, &other);
	other.ek_cert.max = other.activation.max = 8192;
	buf_put(&other.ek_cert, buf_bytes(&h->e.ek_cert));
	buf_put(&other.activation, buf_bytes(&h->e.activation));
	vtpm_gen_evidence_done(&h->e);
	h->e = other;
}

/* Another key signs, the object of the activated one is shown. */
static void attack_spki(struct handshake *h)
{
	struct key *k;

	assert_ok(key_generate(KEY_P256, &k));
	buf_clear(&h->e.ak_public);
	assert_ok(key_public_der(k, &h->e.ak_public));
	key_free(k);
}

static void show_ek(struct handshake *h, const struct vtpm_gen *g)
{
	buf_clear(&h->e.ek_cert);
	buf_put(&h->e.ek_cert, buf_bytes(&g->ek_cert));
}

static void attack_other_ek(struct handshake *h)
{
	struct vtpm_gen other;

	vtpm_gen_init(&other);
	show_ek(h, &other);
	vtpm_gen_done(&other);
}

static void attack_other_ek_same_ca(struct handshake *h)
{
	vtpm_gen_ek(&h->g, KEY_P256, 0);
	show_ek(h, &h->g);
}

static void change_magic(struct vtpm_gen_attest *a)
{
	a->magic = 0x12345678;
}

static void attack_magic(struct handshake *h)
{
	resign(h, change_magic);
}

static void change_type(struct vtpm_gen_attest *a)
{
	a->type = 0x8017;
}

static void attack_type(struct handshake *h)
{
	resign(h, change_type);
}

static void change_pcrs(struct vtpm_gen_attest *a)
{
	a->pcrs &= ~(1u << 8);
}

static void attack_selection(struct handshake *h)
{
	resign(h, change_pcrs);
}

static void change_bank(struct vtpm_gen_attest *a)
{
	a->bank = TPM_ALG_SHA384;
}

static void attack_bank(struct handshake *h)
{
	resign(h, change_bank);
}

static void change_two_banks(struct vtpm_gen_attest *a)
{
	a->n_selections = 2;
}

static void attack_two_banks(struct handshake *h)
{
	resign(h, change_two_banks);
}

static void change_no_bank(struct vtpm_gen_attest *a)
{
	a->n_selections = 0;
}

static void attack_no_bank(struct handshake *h)
{
	resign(h, change_no_bank);
}

static void change_nonce_long(struct vtpm_gen_attest *a)
{
	a->extra_data.n = 48;
}

static void attack_nonce_whole(struct handshake *h)
{
	resign(h, change_nonce_long);
}

static void attack_signature(struct handshake *h)
{
	h->e.signature.p[h->e.signature.n - 1] ^= 1;
}

static void attack_sha1(struct handshake *h)
{
	h->e.signature.p[3] = TPM_ALG_SHA1;
}

static void attack_ak_garbage(struct handshake *h)
{
	h->e.ak_public.n /= 2;
}

static void test_attacks(void **state)
{
	static const struct {
		void (*attack)(struct handshake *h);
		enum tee_denial want;
	} cases[] = {
		{ attack_old_nonce, DENY_VTPM_NONCE_MISMATCH },
		{ attack_nonce_whole, DENY_VTPM_NONCE_MISMATCH },
		{ attack_truncated_log, DENY_VTPM_EVENT_LOG_REPLAY },
		{ attack_cut_event, DENY_VTPM_EVENT_LOG_MALFORMED },
		{ attack_edited_digest, DENY_VTPM_EVENT_LOG_REPLAY },
		{ attack_swapped_pcr, DENY_VTPM_PCR_DIGEST },
		{ attack_initdata, DENY_VTPM_INITDATA_MISMATCH },
		{ attack_activation, DENY_VTPM_ACTIVATION },
		{ attack_activation_cut, DENY_VTPM_ACTIVATION },
		{ attack_no_challenge, DENY_VTPM_ACTIVATION },
		{ attack_no_ak_object, DENY_EVIDENCE_MALFORMED },
		{ attack_other_ak, DENY_VTPM_AK_MISMATCH },
		{ attack_spki, DENY_VTPM_AK_MISMATCH },
		{ attack_other_ek, DENY_VTPM_EK_UNTRUSTED },
		{ attack_other_ek_same_ca, DENY_VTPM_EK_MISMATCH },
		{ attack_magic, DENY_VTPM_QUOTE_MALFORMED },
		{ attack_type, DENY_VTPM_QUOTE_MALFORMED },
		{ attack_selection, DENY_VTPM_PCR_SELECTION },
		{ attack_bank, DENY_VTPM_PCR_SELECTION },
		{ attack_two_banks, DENY_VTPM_PCR_SELECTION },
		{ attack_no_bank, DENY_VTPM_PCR_SELECTION },
		{ attack_signature, DENY_VTPM_QUOTE_SIGNATURE },
		{ attack_sha1, DENY_VTPM_QUOTE_SIGNATURE },
		{ attack_ak_garbage, DENY_EVIDENCE_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(claims_done) struct claims c = { 0 };
		struct handshake h;

		start_good(&h);
		assert_ok(verify(&h, &c));
		cases[i].attack(&h);
		assert_refused(&h, cases[i].want);
		finish(&h);
	}
}

/* ---- events that a direct boot does not have ---- */
static void test_unknown_events(void **state)
{
	static const uint8_t zero[4] = { 0 };
	static const struct {
		uint32_t pcr, type;
		struct bytes data;
		enum tee_denial want;
	} cases[] = {
		{ 4, EV_EFI_BOOT_SERVICES_APPLICATION, { zero, 4 }, DENY_VTPM_EVENT_UNKNOWN },
		{ 4, EV_EFI_BOOT_SERVICES_DRIVER, { zero, 4 }, DENY_VTPM_EVENT_UNKNOWN },
		{ 4, EV_EFI_ACTION, { (const uint8_t *)"Returning from EFI Application", 30 },
			DENY_VTPM_EVENT_UNKNOWN },
		{ 2, EV_EFI_BOOT_SERVICES_DRIVER, { zero, 4 }, DENY_VTPM_EVENT_UNKNOWN },
		{ 0, EV_EFI_PLATFORM_FIRMWARE_BLOB2, { zero, 4 }, DENY_VTPM_EVENT_UNKNOWN },
		{ 0, EV_S_CRTM_VERSION, { zero, 4 }, DENY_VTPM_EVENT_UNKNOWN },
		{ 0, EV_SEPARATOR, { zero, 4 }, DENY_VTPM_EVENT_UNKNOWN },
		{ 9, EV_IPL, { zero, 4 }, DENY_VTPM_EVENT_UNKNOWN },
		{ 9, EV_EVENT_TAG, { (const uint8_t *)"\xec\x22\x3b\x8f\0\0\0\0", 8 },
			DENY_VTPM_EVENT_UNKNOWN },
		{ 10, EV_IPL, { zero, 4 }, DENY_VTPM_EVENT_UNKNOWN },
		{ 99, EV_IPL, { zero, 4 }, DENY_VTPM_EVENT_UNKNOWN },
		{ 14, EV_IPL, { zero, 4 }, DENY_VTPM_PCR_UNEXPECTED },
		{ 8, EV_IPL, { zero, 4 }, DENY_VTPM_INITDATA_MISMATCH },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct handshake h;

		start(&h);
		vtpm_gen_event(&h.g, cases[i].pcr, cases[i].type, cases[i].data, BYTES_NONE);
		assert_ok(challenge(&h));
		vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
		assert_refused(&h, cases[i].want);
		finish(&h);
	}
}

/* Configuration registers may hold what they like, as long as the log explains it. */
static void test_free_registers(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct handshake h;

	(void)state;
	start(&h);
	vtpm_gen_event(&h.g, 1, EV_EFI_HANDOFF_TABLES2, bytes_str("acpi"), BYTES_NONE);
	vtpm_gen_event(&h.g, 5, EV_EFI_GPT_EVENT, bytes_str("gpt"), BYTES_NONE);
	vtpm_gen_event(&h.g, 0, EV_NO_ACTION, bytes_str("vendor"), BYTES_NONE);
	assert_ok(challenge(&h));
	vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
	assert_ok(verify(&h, &c));
	finish(&h);
}

/* A register extended without an event. */
static void test_unlogged_extend(void **state)
{
	(void)state;
	for (uint32_t pcr = 0; pcr < 10; pcr++) {
		struct handshake h;

		if (pcr == 8)
			continue;
		start(&h);
		vtpm_gen_extend(&h.g, pcr, digest_bytes(&h.initdata));
		assert_ok(challenge(&h));
		vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
		assert_refused(&h, DENY_VTPM_EVENT_LOG_REPLAY);
		finish(&h);
	}
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
	start(&h);
	load_real_boot(&h);
	for (size_t i = 0; i < ARRAY_LEN(read); i++)
		assert_bytes_equal(digest_bytes(&h.g.pcr[read[i].pcr]), test_hex(read[i].value));
	assert_ok(challenge(&h));
	vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
	assert_ok(verify(&h, &c));
	assert_string_equal(text_of(&c, "tpm.kernel"),
		"ec1e8a80260a6abb2d58e9a69363fddfcd2e8c248981fafb06a322ff7d797fff");
	assert_int_equal(claims_get(&c, "tpm.firmware")->list.n, 2);
	assert_non_null(claims_get(&c, "tpm.crtm"));
	assert_non_null(claims_get(&c, "tpm.cmdline_digest"));
	assert_non_null(claims_get(&c, "tpm.initrd"));
	finish(&h);
}

/* ---- every byte ---- */
struct flip {
	struct handshake h;
	struct buf *what;
};

static struct err verify_flipped(void *arg, struct bytes in)
{
	struct flip *f = arg;
	AUTO(claims_done) struct claims c = { 0 };

	buf_clear(f->what);
	buf_put(f->what, in);
	return verify(&f->h, &c);
}

static void test_flips(void **state)
{
	struct flip f;

	(void)state;
	start_good(&f.h);
	struct buf *const parts[] = { &f.h.e.message, &f.h.e.signature, &f.h.e.activation,
		&f.h.e.ak_tpm_public, &f.h.state };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		AUTO(buf_done) struct buf good = BUF_INIT(65536);

		buf_put(&good, buf_bytes(parts[i]));
		f.what = parts[i];
		assert_ok(verify_flipped(&f, buf_bytes(&good)));
		each_flip(buf_bytes(&good), verify_flipped, &f);
		if (parts[i] != &f.h.e.activation) /* none at all is a stock client's evidence */
			each_prefix(buf_bytes(&good), verify_flipped, &f);
		assert_ok(verify_flipped(&f, buf_bytes(&good)));
	}
	finish(&f.h);
}

static void test_malformed_evidence(void **state)
{
	static const char *const cases[] = {
		"null",
		"{}",
		"[]",
		"{\"ak_public\":\"\",\"tpm_quote\":{}}",
		"{\"ak_public\":\"AA==\",\"tpm_quote\":{\"signature\":\"AA==\",\"message\":\"AA=="
		"\","
		"\"pcrs\":\"x\"}}",
		"{\"ak_public\":\"AA==\",\"tpm_quote\":{\"signature\":\"A\",\"message\":\"AA==\","
		"\"pcrs\":[]}}",
		"{\"ak_public\":\"AA==\",\"tpm_quote\":{\"signature\":\"AA==\",\"message\":\"AA=="
		"\","
		"\"pcrs\":[]}}",
	};
	struct handshake h;

	(void)state;
	start(&h);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(claims_done) struct claims c = { 0 };

		assert_denied(verify_text(&h, bytes_str(cases[i]), &c), DENY_EVIDENCE_MALFORMED);
	}
	finish(&h);
}

static void test_bad_pcr_list(void **state)
{
	static const char *const pcrs[] = { "[]", "[\"00\"]" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pcrs); i++) {
		AUTO(claims_done) struct claims c = { 0 };
		AUTO(buf_done) struct buf text = BUF_INIT(JSON_SIZE_MAX);
		AUTO(buf_done) struct buf changed = BUF_INIT(JSON_SIZE_MAX);
		struct handshake h;

		start_good(&h);
		vtpm_gen_print(&h.e, &text);
		const char *at = strstr(buf_cstr(&text), "[");
		const char *end = strstr(at, "]");
		buf_put(&changed, bytes_of(text.p, (size_t)((const uint8_t *)at - text.p)));
		buf_puts(&changed, pcrs[i]);
		buf_puts(&changed, end + 1);
		assert_denied(verify_text(&h, buf_bytes(&changed), &c), DENY_EVIDENCE_MALFORMED);
		finish(&h);
	}
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
	assert_denied(tee_by_kbs_name("tpm")->verify->verify(&in, &c), DENY_VTPM_NONCE_MISMATCH);
	char *message = strstr(buf_cstr(&text), "/1RDR4AYACIAC");
	assert_non_null(message);
	message[20] ^= 1;
	json_freep(&evidence);
	assert_ok(json_parse(buf_bytes(&text), &evidence));
	in.evidence = evidence;
	assert_denied(tee_by_kbs_name("tpm")->verify->verify(&in, &c), DENY_VTPM_QUOTE_SIGNATURE);
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
		cmocka_unit_test(test_attacks),
		cmocka_unit_test(test_unknown_events),
		cmocka_unit_test(test_free_registers),
		cmocka_unit_test(test_unlogged_extend),
		cmocka_unit_test(test_real_boot),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_malformed_evidence),
		cmocka_unit_test(test_bad_pcr_list),
		cmocka_unit_test(test_trustee_vector),
	};

	return cmocka_run_group_tests_name("tee vtpm", tests, NULL, NULL);
}
