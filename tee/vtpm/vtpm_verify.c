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
static struct err check_ak_object(const struct vtpm_evidence *e, const struct key *spki,
	struct checks *checks, struct buf *ret_name)
{
	AUTO(key_freep) struct key *own = NULL;
	struct tpm2_public pub;

	TRY(tee_deny_because(tpm2_public_parse(buf_bytes(&e->ak_tpm_public), &pub),
		DENY_EVIDENCE_MALFORMED, "ak_tpm_public"));
	(void)vtpm_step(checks, vtpm_ak_attributes(&pub), "ak_public.objectAttributes");
	TRY(tee_deny_because(
		tpm2_public_key(&pub, &own), DENY_EVIDENCE_MALFORMED, "ak_tpm_public"));
	(void)check_that(checks, key_equal(own, spki), DENY_VTPM_AK_MISMATCH, "ak_tpm_public",
		"the key of ak_public", NULL);
	(void)vtpm_step(checks,
		tee_deny_because(tpm2_name(&pub, ret_name), DENY_VTPM_AK_ATTRIBUTES,
			"ak_tpm_public.nameAlg"),
		"ak_tpm_public.nameAlg");
	return OK;
}

/* Returns whether the certificate is a trusted one and the challenge's. */
static bool check_ek(const struct tee_verify_input *in, const struct vtpm_evidence *e,
	const struct vtpm_state *s, struct checks *checks, struct ak *ak)
{
	AUTO(x509_freep) struct x509 *cert = NULL;
	struct digest_value d;

	struct err bad = tee_deny_because(
		x509_parse_der(buf_bytes(&e->ek_cert), &cert), DENY_VTPM_EK_MALFORMED, "ek_cert");
	if (!failed(bad))
		bad = vtpm_ek_verify(cert, in->anchors, in->now, &ak->simulated);
	if (!vtpm_step(checks, bad, "ek_cert: chain to a configured root"))
		return false;
	bad = digest(DIGEST_SHA256, buf_bytes(&e->ek_cert), &d);
	if (failed(bad))
		return vtpm_step(checks, bad, "ek_cert");
	hex_to(digest_bytes(&d), ak->ek_digest);
	x509_issuer(cert, ak->ek_issuer, sizeof(ak->ek_issuer));
	return check_bytes(
		checks, DENY_VTPM_EK_MISMATCH, "ek_cert", BYTES_OF(s->ek_cert), digest_bytes(&d));
}

static void state_wipe(struct vtpm_state *s)
{
	bytes_wipe(s, sizeof(*s));
}

/*
 * Whoever answers with the HMAC knows the secret, which only the TPM of the EK releases, and only
 * when it holds an object with the AK's name; report_data ties the answer to this handshake.
 */
static void check_activation(const struct tee_verify_input *in, const struct vtpm_evidence *e,
	struct bytes ak_name, struct checks *checks, struct ak *ak)
{
	AUTO(state_wipe) struct vtpm_state s = { 0 };
	struct digest_value mac = { 0 };

	if (in->state.n == 0) {
		check_fail(checks, DENY_VTPM_ACTIVATION, "activation",
			"none: no challenge was made", NULL);
		return;
	}
	struct err bad = vtpm_state_parse(in->state, &s);
	if (!failed(bad))
		bad = hmac(DIGEST_SHA256, BYTES_OF(s.secret), in->report_data, &mac);
	if (!vtpm_step(checks, bad, "activation: challenge"))
		return;
	bool ek = check_ek(in, e, &s, checks, ak);
	bool name = check_bytes(checks, DENY_VTPM_AK_MISMATCH, "ak_tpm_public.name",
		bytes_of(s.ak_name, s.ak_name_n), ak_name);
	bool own = bytes_equal(digest_bytes(&mac), buf_bytes(&e->activation));
	(void)check_that(checks, own, DENY_VTPM_ACTIVATION, "activation", NULL,
		own ? NULL : "not made with the activated secret over this report_data");
	ak->trusted = ek && name && own;
}

/* PCR 8 is extended once, before anything of the host's choice runs (docs/protocols/guest.md). */
static void check_boot(const struct tee_verify_input *in, const struct vtpm_evidence *e,
	const struct vtpm_quoted *q, struct checks *checks, struct claims *claims)
{
	/* A stock Trustee client without initdata leaves PCR 8 alone. */
	if (in->initdata_digest.n > 0 || e->activation.n > 0)
		vtpm_check_initdata(in->initdata_digest, q, checks);
	else
		check_skip(checks, "initdata: PCR 8", "no initdata given");
	if (e->event_log.n == 0) {
		check_skip(checks, "event_log", "none sent");
		return;
	}
	bool untouched = bytes_is_zero(BYTES_OF(q->pcr[VTPM_MOK_PCR]));
	(void)check_that(checks, untouched, DENY_VTPM_PCR_UNEXPECTED, "PCR 14", "zero",
		untouched ? NULL
			  : "extended: a boot loader ran that no reference value vouches for");
	vtpm_check_events(buf_bytes(&e->event_log), q, checks, claims);
}

static void add_verdicts(const struct tee_verify_input *in, const struct ak *ak, struct claims *c)
{
	/* Without activation nothing shows that a TPM, let alone a real one, made the quote. */
	bool simulated = !ak->trusted || ak->simulated;

	claims_bool(c, "tpm.ak_trusted", ak->trusted);
	claims_flag(c, "tpm", "simulated", simulated);
	claims_flag(c, "tpm", "debug", false);
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

	base64_encode(BASE64_STD, buf_bytes(&e->ak_public), &spki);
	TRY(buf_end(&spki, "ak_public"));
	claims_str(c, "tpm.ak_public", buf_cstr(&spki));
	vtpm_quote_claims(q, "tpm", c);
	claims_hex(c, "report_data", q->quote.extra_data);
	return claims_end(c);
}

/* The values of the SHA-256 bank. */
static struct err decode_pcrs(const struct vtpm_evidence *e, struct pcrs *ret_pcrs)
{
	char field[32];

	if (e->tpm_quote.pcrs.n != TPM_PCRS)
		return tee_deny(
			DENY_EVIDENCE_MALFORMED, "tpm_quote.pcrs", "24 values", "another number");
	for (unsigned i = 0; i < TPM_PCRS; i++) {
		uint8_t value[VTPM_PCR_SIZE];

		(void)snprintf(field, sizeof(field), "tpm_quote.pcrs[%u]", i);
		TRY(tee_deny_because(hex_decode_fixed(bytes_str(e->tpm_quote.pcrs.v[i]), field,
					     value, sizeof(value)),
			DENY_EVIDENCE_MALFORMED, field));
		TRY(pcrs_set(ret_pcrs, TPM_ALG_SHA256, i, BYTES_OF(value)));
	}
	return OK;
}

static struct err verify(const struct tee_verify_input *in, const struct vtpm_evidence *e,
	struct checks *checks, struct ak *ak, struct claims *claims)
{
	AUTO(buf_done) struct buf name = BUF_INIT(TPM2_NAME_MAX);
	struct pcrs pcrs = { 0 };
	struct vtpm_quoted q;
	uint8_t nonce[VTPM_NONCE];

	TRY(tee_deny_because(key_parse_public(buf_bytes(&e->ak_public), &ak->key),
		DENY_EVIDENCE_MALFORMED, "ak_public"));
	if (e->ak_tpm_public.n > 0 || e->activation.n > 0)
		TRY(check_ak_object(e, ak->key, checks, &name));
	TRY(decode_pcrs(e, &pcrs));
	tee_fit_digest(in->report_data, nonce, sizeof(nonce));
	const struct vtpm_shown_quote shown = {
		.name = "tpm_quote",
		.message = buf_bytes(&e->tpm_quote.message),
		.signature = buf_bytes(&e->tpm_quote.signature),
		.pcrs = &pcrs,
		.nonce = in->report_data.n > 0 ? BYTES_OF(nonce) : BYTES_NONE,
		.sha256_alone = true,
		.need_pcrs = VTPM_QUOTED_PCRS,
	};
	vtpm_check_quote(&shown, ak->key, checks, &q);
	if (e->activation.n > 0)
		check_activation(in, e, buf_bytes(&name), checks, ak);
	if (q.pcrs != 0)
		check_boot(in, e, &q, checks, claims);
	TRY(checks_end(checks));
	add_verdicts(in, ak, claims);
	return add_claims(e, &q, claims);
}

static struct err vtpm_verify(
	const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims)
{
	AUTO(vtpm_evidence_done) struct vtpm_evidence e = { 0 };
	AUTO(claims_done) struct claims claims = { 0 };
	AUTO(ak_done) struct ak ak = { 0 };

	if (!in->evidence)
		return vtpm_verify_files(in, checks, ret_claims);
	TRY(vtpm_evidence_decode(in->evidence, &e));
	TRY(verify(in, &e, checks, &ak, &claims));
	*ret_claims = claims;
	claims = (struct claims){ 0 };
	return OK;
}

static bool vtpm_recognise(const struct tee_verify_input *in)
{
	if (!in->evidence)
		return vtpm_is_file(in->raw);
	return json_get(in->evidence, "ak_public") && json_get(in->evidence, "tpm_quote");
}

static const struct tee_verify_ops vtpm_verify_ops = {
	.challenge = vtpm_challenge,
	.verify = vtpm_verify,
	.recognise = vtpm_recognise,
};

const struct tee tee_vtpm = {
	.platform = "vtpm",
	.kbs_name = "tpm",
	.verify = &vtpm_verify_ops,
};
