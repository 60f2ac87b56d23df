/* Files of tools made of generated quotes, and what inspect and explain say of them. */
#include "handshake.h"
#include "platforms.h"
#include "util.h"
#include "vtpm/vtpm_files.h"

#include <stdio.h>

#include <tee/fields.h>

static const char nonce[] = "nonce";

struct saved {
	struct vtpm_gen g;
	struct vtpm_gen_evidence e;
	struct buf spki, values, bare;
	struct tee_verify_input in;
};

static void saved_start(struct saved *s, uint16_t scheme)
{
	struct vtpm_gen_attest a;

	*s = (struct saved){ .spki.max = 4096, .values.max = 4096, .bare.max = 4096 };
	vtpm_gen_init(&s->g);
	vtpm_gen_ak(&s->g, scheme, 0);
	vtpm_gen_boot(&s->g, &vtpm_gen_usual);
	vtpm_gen_evidence(&s->g, bytes_str(nonce), NULL, &s->e);
	a = vtpm_gen_attest(bytes_str(nonce));
	vtpm_gen_sign(&s->g, &a, &s->e);
	assert_ok(key_public_pem(s->g.ak, &s->spki));
	for (size_t i = 0; i < TPM_PCRS; i++)
		if (a.pcrs >> i & 1)
			buf_put(&s->values, BYTES_OF(s->e.pcrs[i]));
	s->in = (struct tee_verify_input){
		.raw = buf_bytes(&s->e.message),
		.parts = { { "signature", buf_bytes(&s->e.signature) },
			{ "ak", buf_bytes(&s->spki) }, { "pcrs", buf_bytes(&s->values) },
			{ "event-log", buf_bytes(&s->e.event_log) } },
		.n_parts = 4,
		.report_data = bytes_str(nonce),
		.anchors = &s->g.anchors,
		.now = GEN_NOW,
	};
}

static void saved_done(struct saved *s)
{
	buf_done(&s->spki);
	buf_done(&s->values);
	buf_done(&s->bare);
	vtpm_gen_evidence_done(&s->e);
	vtpm_gen_done(&s->g);
}

static struct err saved_verify(struct saved *s)
{
	AUTO(claims_done) struct claims c = { 0 };

	return tee_verify(tee_by_platform("vtpm"), &s->in, &c);
}

static struct err verify_message(void *arg, struct bytes in)
{
	struct saved *s = arg;

	s->in.raw = in;
	return saved_verify(s);
}

static struct err verify_signature(void *arg, struct bytes in)
{
	struct saved *s = arg;

	s->in.parts[0].v = in;
	return saved_verify(s);
}

static struct err verify_values(void *arg, struct bytes in)
{
	struct saved *s = arg;

	s->in.parts[2].v = in;
	return saved_verify(s);
}

static struct err verify_log(void *arg, struct bytes in)
{
	struct saved *s = arg;

	s->in.parts[3].v = in;
	return saved_verify(s);
}

/* What stands in a TPMT_SIGNATURE behind scheme and hash, as other tools keep it. */
static void make_bare(struct saved *s)
{
	struct tpm2_signature sig;

	assert_ok(tpm2_signature_parse(buf_bytes(&s->e.signature), &sig));
	buf_put(&s->bare, sig.scheme == TPM_ALG_ECDSA ? sig.r : sig.rsa);
	if (sig.scheme == TPM_ALG_ECDSA)
		buf_put(&s->bare, sig.s);
}

static void test_schemes(void **state)
{
	static const uint16_t schemes[] = { TPM_ALG_ECDSA, TPM_ALG_RSASSA, TPM_ALG_RSAPSS };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		AUTO(buf_done) struct buf der = BUF_INIT(1024);
		struct saved s;

		saved_start(&s, schemes[i]);
		assert_ok(saved_verify(&s));
		each_flip_signed(buf_bytes(&s.e.message), verify_message, &s);
		each_prefix(buf_bytes(&s.e.message), verify_message, &s);
		s.in.raw = buf_bytes(&s.e.message);
		each_flip_signed(buf_bytes(&s.e.signature), verify_signature, &s);
		make_bare(&s);
		assert_ok(verify_signature(&s, buf_bytes(&s.bare)));
		each_flip_signed(buf_bytes(&s.bare), verify_signature, &s);
		if (schemes[i] == TPM_ALG_ECDSA) {
			assert_ok(ecdsa_raw_to_der(buf_bytes(&s.bare), &der));
			assert_ok(verify_signature(&s, buf_bytes(&der)));
		}
		s.in.parts[0].v = buf_bytes(&s.e.signature);
		each_flip(buf_bytes(&s.values), verify_values, &s);
		saved_done(&s);
	}
}

/* Every digest that is replayed counts: another log leads elsewhere. */
static void test_log(void **state)
{
	AUTO(eventlog_done) struct eventlog l = { 0 };
	struct saved s;

	(void)state;
	saved_start(&s, TPM_ALG_ECDSA);
	assert_ok(eventlog_parse(buf_bytes(&s.e.event_log), EVENTLOG_EXACT, &l));
	for (size_t i = 0; i < l.n; i++) {
		struct bytes d = event_digest(&l.v[i], DIGEST_SHA256);
		uint8_t *at = s.e.event_log.p + (d.p - s.e.event_log.p);

		*at ^= 1;
		assert_denied(saved_verify(&s), DENY_VTPM_EVENT_LOG_REPLAY);
		*at ^= 1;
	}
	assert_ok(saved_verify(&s));
	for (size_t n = 1; n < s.e.event_log.n; n++)
		if (!failed(verify_log(&s, bytes_of(s.e.event_log.p, n))))
			fail_msg("a log cut to %zu bytes", n);
	saved_done(&s);
}

static void test_missing(void **state)
{
	struct saved s;

	(void)state;
	saved_start(&s, TPM_ALG_ECDSA);
	s.in.parts[0].v = BYTES_NONE;
	assert_err(saved_verify(&s), ERR_USAGE);
	s.in.parts[0].v = buf_bytes(&s.e.signature);
	s.in.parts[1].v = BYTES_NONE;
	assert_err(saved_verify(&s), ERR_USAGE);
	s.in.raw = bytes_str("no quote");
	assert_err(saved_verify(&s), ERR_FORMAT);
	saved_done(&s);
}

/* The EK's certificate is judged by itself; it is no certificate of the AK. */
static void test_certificates(void **state)
{
	struct saved s;

	(void)state;
	saved_start(&s, TPM_ALG_ECDSA);
	s.in.parts[4] = (struct tee_part){ "ek-cert", buf_bytes(&s.g.ek_cert) };
	s.in.n_parts = 5;
	assert_ok(saved_verify(&s));
	s.in.parts[4].name = "ak-cert";
	assert_denied(saved_verify(&s), DENY_VTPM_AK_MISMATCH);
	s.in.parts[4].v.n--;
	assert_denied(saved_verify(&s), DENY_VTPM_AK_CERTIFICATE);
	s.in.parts[4].name = "ek-cert";
	assert_denied(saved_verify(&s), DENY_VTPM_EK_MALFORMED);
	saved_done(&s);
}

/* ---- inspect and explain ---- */
static const char *described(struct bytes file, size_t *ret_rows)
{
	for (size_t i = 0; tee_format_at(i); i++) {
		const struct tee_format *f = tee_format_at(i);
		struct fields out = { 0 };

		if (!f->is(file))
			continue;
		assert_ok(f->describe(file, &out));
		*ret_rows = out.n;
		fields_done(&out);
		return f->name;
	}
	return NULL;
}

static void test_describe(void **state)
{
	AUTO(buf_done) struct buf name = BUF_INIT(TPM2_NAME_MAX), file = BUF_INIT(4096);
	AUTO(tpm2_credential_done) struct tpm2_credential c = TPM2_CREDENTIAL_INIT;
	struct tpm2_public ek, ak;
	struct bytes blob, secret;
	struct saved s;
	size_t n = 0;

	(void)state;
	saved_start(&s, TPM_ALG_RSASSA);
	assert_string_equal(described(buf_bytes(&s.e.message), &n), "TPM quote (TPMS_ATTEST)");
	assert_true(n >= 11);
	assert_string_equal(
		described(buf_bytes(&s.e.signature), &n), "TPM signature (TPMT_SIGNATURE)");
	assert_string_equal(described(buf_bytes(&s.g.ak_public), &n),
		"TPM public area (TPM2B_PUBLIC, TPMT_PUBLIC)");
	assert_string_equal(described(buf_bytes(&s.e.event_log), &n), "TCG event log");
	assert_true(n > 25 * 4);
	assert_ok(tpm2_public_parse(buf_bytes(&s.g.ek_public), &ek));
	assert_ok(tpm2_public_parse(buf_bytes(&s.g.ak_public), &ak));
	assert_ok(tpm2_name(&ak, &name));
	assert_ok(tpm2_make_credential(&ek, buf_bytes(&name), bytes_str("secret"), &c));
	assert_ok(tpm2_credential_file_write(&c, &file));
	assert_string_equal(described(buf_bytes(&file), &n), "TPM credential of tpm2-tools");
	assert_ok(tpm2_credential_file_parse(buf_bytes(&file), &blob, &secret));
	assert_bytes_equal(blob, buf_bytes(&c.blob));
	assert_bytes_equal(secret, buf_bytes(&c.secret));
	for (size_t i = 0; i < file.n; i++)
		assert_err(tpm2_credential_file_parse(bytes_of(file.p, i), &blob, &secret),
			ERR_FORMAT);
	saved_done(&s);
}

static void test_codes(void **state)
{
	static const struct {
		uint64_t code;
		const char *text; /* how it begins; NULL: not known */
	} cases[] = {
		{ 0x101, "TPM_RC_FAILURE:" },
		{ 0x1c4, "TPM_RC_VALUE, parameter 1:" },
		{ 0x3d5, "TPM_RC_SIZE, parameter 3:" },
		{ 0x98e, "TPM_RC_AUTH_FAIL, session 1:" },
		{ 0x18b, "TPM_RC_HANDLE, handle 1:" },
		{ 0x922, "TPM_RC_RETRY:" },
		{ 0x921, "TPM_RC_LOCKOUT:" },
		{ 0x14a, "TPM_RC_NV_UNINITIALIZED:" },
		{ 0x1bf, NULL },
		{ 0x17f, NULL },
		{ 0x97f, NULL },
		{ 0x1000, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fields out = { 0 };

		assert_int_equal(tpm_rc_explain(cases[i].code, &out), cases[i].text != NULL);
		assert_ok(fields_finish(&out));
		if (cases[i].text)
			assert_true(str_starts(out.v[0].value, cases[i].text));
		fields_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schemes),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests_name("tee vtpm files", tests, NULL, NULL);
}
