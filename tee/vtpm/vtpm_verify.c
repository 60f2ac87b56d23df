#include "platforms.h"
#include "vtpm/vtpm.h"

#include <stdio.h>

#include <base/encode.h>

enum {
	NAME_MAX_HEX = 2 * TPM2_NAME_MAX + 1,
	X509_NAME_MAX = 256,
};

struct ak {
	struct key *key;
	bool trusted; /* activation proved that it lives in the TPM of a trusted EK */
	bool simulated;
	char ek_issuer[X509_NAME_MAX];
	char ek_digest[2 * DIGEST_MAX + 1];
};

static void ak_done(struct ak *a)
{
	key_free(a->key);
}

/* The key as TPM object and as SubjectPublicKeyInfo must be one; returns the object's name. */
static struct err check_ak_object(
	const struct vtpm_evidence *e, const struct key *spki, struct buf *ret_name)
{
	AUTO(key_freep) struct key *own = NULL;
	struct tpm2_public pub;

	TRY(tee_deny_because(tpm2_public_parse(buf_bytes(&e->ak_tpm_public), &pub),
		DENY_EVIDENCE_MALFORMED, "ak_tpm_public"));
	TRY(vtpm_ak_attributes(&pub));
	TRY(tee_deny_because(
		tpm2_public_key(&pub, &own), DENY_EVIDENCE_MALFORMED, "ak_tpm_public"));
	if (!key_equal(own, spki))
		return tee_deny(
			DENY_VTPM_AK_MISMATCH, "ak_tpm_public", "the key of ak_public", NULL);
	return tee_deny_because(
		tpm2_name(&pub, ret_name), DENY_VTPM_AK_ATTRIBUTES, "ak_tpm_public.nameAlg");
}

static struct err check_name(const struct vtpm_state *s, struct bytes name)
{
	char want[NAME_MAX_HEX], got[NAME_MAX_HEX];

	if (bytes_equal(bytes_of(s->ak_name, s->ak_name_n), name))
		return OK;
	hex_to(bytes_of(s->ak_name, s->ak_name_n), want);
	hex_to(name, got);
	return tee_deny(DENY_VTPM_AK_MISMATCH, "ak_tpm_public.name", want, got);
}

static struct err check_ek(const struct tee_verify_input *in, const struct vtpm_evidence *e,
	const struct vtpm_state *s, struct ak *ak)
{
	AUTO(x509_freep) struct x509 *cert = NULL;
	char want[2 * DIGEST_MAX + 1];
	struct digest_value d;

	TRY(tee_deny_because(
		x509_parse_der(buf_bytes(&e->ek_cert), &cert), DENY_VTPM_EK_MALFORMED, "ek_cert"));
	TRY(vtpm_ek_verify(cert, in->anchors, in->now, &ak->simulated));
	TRY(digest(DIGEST_SHA256, buf_bytes(&e->ek_cert), &d));
	hex_to(digest_bytes(&d), ak->ek_digest);
	x509_issuer(cert, ak->ek_issuer, sizeof(ak->ek_issuer));
	if (bytes_equal(digest_bytes(&d), BYTES_OF(s->ek_cert)))
		return OK;
	hex_to(BYTES_OF(s->ek_cert), want);
	return tee_deny(DENY_VTPM_EK_MISMATCH, "ek_cert", want, ak->ek_digest);
}

/*
 * Whoever answers with the HMAC knows the secret, which only the TPM of the EK releases, and only
 * when it holds an object with the AK's name; report_data ties the answer to this handshake.
 */
static struct err check_activation(const struct tee_verify_input *in, const struct vtpm_evidence *e,
	struct bytes ak_name, struct ak *ak)
{
	struct digest_value mac;
	struct vtpm_state s;

	if (in->state.n == 0)
		return tee_deny(
			DENY_VTPM_ACTIVATION, "activation", "none: no challenge was made", NULL);
	TRY(vtpm_state_parse(in->state, &s));
	struct err e1 = hmac(DIGEST_SHA256, BYTES_OF(s.secret), in->report_data, &mac);
	bytes_wipe(s.secret, sizeof(s.secret));
	TRY(e1);
	TRY(check_ek(in, e, &s, ak));
	TRY(check_name(&s, ak_name));
	if (!bytes_equal(digest_bytes(&mac), buf_bytes(&e->activation)))
		return tee_deny(DENY_VTPM_ACTIVATION, "activation", NULL,
			"not made with the activated secret over this report_data");
	ak->trusted = true;
	return OK;
}

/* PCR 8 is extended once, before anything of the host's choice runs (docs/protocols/guest.md). */
static struct err check_initdata(const struct tee_verify_input *in, const struct vtpm_quoted *q)
{
	struct digest_value want = { .alg = DIGEST_SHA256, .n = VTPM_PCR_SIZE };
	char want_hex[2 * DIGEST_MAX + 1], got_hex[2 * DIGEST_MAX + 1];
	uint8_t fitted[VTPM_PCR_SIZE];

	tee_fit_digest(in->initdata_digest, fitted, sizeof(fitted));
	TRY(pcr_extend(&want, BYTES_OF(fitted)));
	if (bytes_equal(digest_bytes(&want), BYTES_OF(q->pcr[VTPM_INITDATA_PCR])))
		return OK;
	hex_to(digest_bytes(&want), want_hex);
	hex_to(BYTES_OF(q->pcr[VTPM_INITDATA_PCR]), got_hex);
	return tee_deny(DENY_VTPM_INITDATA_MISMATCH, "initdata: PCR 8", want_hex, got_hex);
}

static struct err check_boot(const struct tee_verify_input *in, const struct vtpm_evidence *e,
	const struct vtpm_quoted *q, struct claims *claims)
{
	/* A stock Trustee client without initdata leaves PCR 8 alone. */
	if (in->initdata_digest.n > 0 || e->activation.n > 0)
		TRY(check_initdata(in, q));
	if (e->event_log.n == 0)
		return OK;
	if (!bytes_is_zero(BYTES_OF(q->pcr[VTPM_MOK_PCR])))
		return tee_deny(DENY_VTPM_PCR_UNEXPECTED, "PCR 14", "zero",
			"extended: a boot loader ran that no reference value vouches for");
	return vtpm_events_verify(buf_bytes(&e->event_log), q, claims);
}

static void add_verdicts(const struct tee_verify_input *in, const struct ak *ak, struct claims *c)
{
	/* Without activation nothing shows that a TPM, let alone a real one, made the quote. */
	bool simulated = !ak->trusted || ak->simulated;

	claims_bool(c, "tpm.ak_trusted", ak->trusted);
	claims_bool(c, "tpm.simulated", simulated);
	claims_bool(c, "simulated", simulated);
	claims_bool(c, "tpm.debug", false);
	claims_bool(c, "debug", false);
	if (in->initdata_digest.n > 0)
		claims_hex(c, "init_data", in->initdata_digest);
	if (!ak->trusted)
		return;
	claims_str(c, "tpm.ek_cert_sha256", ak->ek_digest);
	claims_str(c, "tpm.ek_issuer", ak->ek_issuer);
}

static struct err add_claims(
	const struct vtpm_evidence *e, const struct vtpm_quoted *q, struct claims *c)
{
	AUTO(buf_done) struct buf spki = BUF_INIT(4096);
	char name[16], version[20];

	base64_encode(BASE64_STD, buf_bytes(&e->ak_public), &spki);
	TRY(buf_end(&spki, "ak_public"));
	claims_str(c, "tpm.ak_public", buf_cstr(&spki));
	(void)snprintf(
		version, sizeof(version), "%016llx", (unsigned long long)q->firmware_version);
	claims_str(c, "tpm.firmware_version", version);
	claims_u64(c, "tpm.reset_count", q->reset_count);
	claims_u64(c, "tpm.restart_count", q->restart_count);
	for (size_t i = 0; i < TPM_PCRS; i++) {
		if (!(q->pcrs >> i & 1))
			continue;
		(void)snprintf(name, sizeof(name), "tpm.pcr%02zu", i);
		claims_hex(c, name, BYTES_OF(q->pcr[i]));
	}
	claims_hex(c, "report_data", q->extra_data);
	return claims_end(c);
}

static struct err verify(const struct tee_verify_input *in, const struct vtpm_evidence *e,
	struct ak *ak, struct claims *claims)
{
	AUTO(buf_done) struct buf name = BUF_INIT(TPM2_NAME_MAX);
	struct vtpm_quoted q;

	TRY(tee_deny_because(key_parse_public(buf_bytes(&e->ak_public), &ak->key),
		DENY_EVIDENCE_MALFORMED, "ak_public"));
	if (e->ak_tpm_public.n > 0 || e->activation.n > 0)
		TRY(check_ak_object(e, ak->key, &name));
	TRY(vtpm_quote_verify(e, ak->key, in->report_data, &q));
	if (e->activation.n > 0)
		TRY(check_activation(in, e, buf_bytes(&name), ak));
	TRY(check_boot(in, e, &q, claims));
	add_verdicts(in, ak, claims);
	return add_claims(e, &q, claims);
}

static struct err vtpm_verify(
	const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims)
{
	AUTO(vtpm_evidence_done) struct vtpm_evidence e = { 0 };
	AUTO(claims_done) struct claims claims = { 0 };
	AUTO(ak_done) struct ak ak = { 0 };

	TRY(vtpm_evidence_decode(in->evidence, &e));
	(void)check_result(checks, verify(in, &e, &ak, &claims), DENY_EVIDENCE_MALFORMED, "");
	TRY(checks_end(checks));
	*ret_claims = claims;
	claims = (struct claims){ 0 };
	return OK;
}

static const struct tee_verify_ops vtpm_verify_ops = {
	.challenge = vtpm_challenge,
	.verify = vtpm_verify,
};

const struct tee tee_vtpm = {
	.platform = "vtpm",
	.kbs_name = "tpm",
	.verify = &vtpm_verify_ops,
};
