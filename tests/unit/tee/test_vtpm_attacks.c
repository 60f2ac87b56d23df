#include "handshake.h"
#include "util.h"

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
	handshake_resign(h, change_magic);
}

static void change_type(struct vtpm_gen_attest *a)
{
	a->type = 0x8017;
}

static void attack_type(struct handshake *h)
{
	handshake_resign(h, change_type);
}

static void change_pcrs(struct vtpm_gen_attest *a)
{
	a->pcrs &= ~(1u << 8);
}

static void attack_selection(struct handshake *h)
{
	handshake_resign(h, change_pcrs);
}

static void change_bank(struct vtpm_gen_attest *a)
{
	a->bank = TPM_ALG_SHA384;
}

static void attack_bank(struct handshake *h)
{
	handshake_resign(h, change_bank);
}

static void change_two_banks(struct vtpm_gen_attest *a)
{
	a->n_selections = 2;
}

static void attack_two_banks(struct handshake *h)
{
	handshake_resign(h, change_two_banks);
}

static void change_no_bank(struct vtpm_gen_attest *a)
{
	a->n_selections = 0;
}

static void attack_no_bank(struct handshake *h)
{
	handshake_resign(h, change_no_bank);
}

static void change_nonce_long(struct vtpm_gen_attest *a)
{
	a->extra_data.n = 48;
}

static void attack_nonce_whole(struct handshake *h)
{
	handshake_resign(h, change_nonce_long);
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

		handshake_start_good(&h);
		assert_ok(handshake_verify(&h, &c));
		cases[i].attack(&h);
		handshake_refused(&h, cases[i].want);
		handshake_finish(&h);
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

		handshake_start(&h);
		vtpm_gen_event(&h.g, cases[i].pcr, cases[i].type, cases[i].data, BYTES_NONE);
		assert_ok(handshake_challenge(&h));
		vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
		handshake_refused(&h, cases[i].want);
		handshake_finish(&h);
	}
}

/* Configuration registers may hold what they like, as long as the log explains it. */
static void test_free_registers(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct handshake h;

	(void)state;
	handshake_start(&h);
	vtpm_gen_event(&h.g, 1, EV_EFI_HANDOFF_TABLES2, bytes_str("acpi"), BYTES_NONE);
	vtpm_gen_event(&h.g, 5, EV_EFI_GPT_EVENT, bytes_str("gpt"), BYTES_NONE);
	vtpm_gen_event(&h.g, 0, EV_NO_ACTION, bytes_str("vendor"), BYTES_NONE);
	assert_ok(handshake_challenge(&h));
	vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
	assert_ok(handshake_verify(&h, &c));
	handshake_finish(&h);
}

/* A register extended without an event. */
static void test_unlogged_extend(void **state)
{
	(void)state;
	for (uint32_t pcr = 0; pcr < 10; pcr++) {
		struct handshake h;

		if (pcr == 8)
			continue;
		handshake_start(&h);
		vtpm_gen_extend(&h.g, pcr, digest_bytes(&h.initdata));
		assert_ok(handshake_challenge(&h));
		vtpm_gen_evidence(&h.g, digest_bytes(&h.report_data), h.extra, &h.e);
		handshake_refused(&h, DENY_VTPM_EVENT_LOG_REPLAY);
		handshake_finish(&h);
	}
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
	return handshake_verify(&f->h, &c);
}

static void test_flips(void **state)
{
	struct flip f;

	(void)state;
	handshake_start_good(&f.h);
	struct buf *const parts[] = { &f.h.e.message, &f.h.e.signature, &f.h.e.activation,
		&f.h.e.ak_tpm_public, &f.h.state };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		AUTO(buf_done) struct buf good = BUF_INIT(65536);

		buf_put(&good, buf_bytes(parts[i]));
		f.what = parts[i];
		assert_ok(verify_flipped(&f, buf_bytes(&good)));
		each_flip_signed(buf_bytes(&good), verify_flipped, &f);
		if (parts[i] != &f.h.e.activation) /* none at all is a stock client's evidence */
			each_prefix(buf_bytes(&good), verify_flipped, &f);
		assert_ok(verify_flipped(&f, buf_bytes(&good)));
	}
	handshake_finish(&f.h);
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
	handshake_start(&h);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(claims_done) struct claims c = { 0 };

		assert_denied(handshake_verify_text(&h, bytes_str(cases[i]), &c),
			DENY_EVIDENCE_MALFORMED);
	}
	handshake_finish(&h);
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

		handshake_start_good(&h);
		vtpm_gen_print(&h.e, &text);
		const char *at = strstr(buf_cstr(&text), "[");
		const char *end = strstr(at, "]");
		buf_put(&changed, bytes_of(text.p, (size_t)((const uint8_t *)at - text.p)));
		buf_puts(&changed, pcrs[i]);
		buf_puts(&changed, end + 1);
		assert_denied(handshake_verify_text(&h, buf_bytes(&changed), &c),
			DENY_EVIDENCE_MALFORMED);
		handshake_finish(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attacks),
		cmocka_unit_test(test_unknown_events),
		cmocka_unit_test(test_free_registers),
		cmocka_unit_test(test_unlogged_extend),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_malformed_evidence),
		cmocka_unit_test(test_bad_pcr_list),
	};

	return cmocka_run_group_tests_name("tee vtpm attacks", tests, NULL, NULL);
}
