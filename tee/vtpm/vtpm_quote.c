#include "vtpm/vtpm.h"

#include <stdio.h>

#include <base/encode.h>

static struct err check_signature(
	const struct vtpm_evidence *e, const struct key *ak, enum digest_alg *ret_hash)
{
	struct tpm2_signature sig;

	TRY(tpm2_signature_parse(buf_bytes(&e->tpm_quote.signature), &sig));
	TRY(tpm2_signature_verify(&sig, ak, buf_bytes(&e->tpm_quote.message)));
	return tpm2_digest_alg(sig.hash, ret_hash);
}

static struct err check_nonce(const struct tpm2_quote *q, struct bytes report_data)
{
	char want_hex[2 * VTPM_NONCE + 1];
	char got_hex[2 * DIGEST_MAX + 1] = "";
	uint8_t want[VTPM_NONCE];

	tee_fit_digest(report_data, want, sizeof(want));
	if (bytes_equal(q->extra_data, BYTES_OF(want)))
		return OK;
	hex_to(BYTES_OF(want), want_hex);
	if (q->extra_data.n <= DIGEST_MAX)
		hex_to(q->extra_data, got_hex);
	return tee_deny(DENY_VTPM_NONCE_MISMATCH, "tpm_quote.extraData", want_hex, got_hex);
}

/* "sha256: 0x0043ff" for people; the first selection that matters. */
static struct err deny_selection(const struct tpm2_quote *q)
{
	char want[64], got[64] = "no bank";

	(void)snprintf(want, sizeof(want), "SHA-256 bank alone with PCRs 0x%06x", VTPM_QUOTED_PCRS);
	if (q->n_selections > 0)
		(void)snprintf(got, sizeof(got), "%zu banks, bank 0x%04x with PCRs 0x%06x",
			q->n_selections, q->selections[0].hash, q->selections[0].pcrs);
	return tee_deny(DENY_VTPM_PCR_SELECTION, "tpm_quote.pcrSelect", want, got);
}

/* Other banks would be part of the digest but are not part of the evidence. */
static struct err check_selection(const struct tpm2_quote *q, uint32_t *ret_pcrs)
{
	if (q->n_selections != 1 || q->selections[0].hash != TPM_ALG_SHA256)
		return deny_selection(q);
	uint32_t pcrs = q->selections[0].pcrs;
	if ((pcrs & VTPM_QUOTED_PCRS) != VTPM_QUOTED_PCRS || pcrs >> TPM_PCRS)
		return deny_selection(q);
	*ret_pcrs = pcrs;
	return OK;
}

static struct err decode_pcrs(const struct vtpm_evidence *e, struct vtpm_quoted *q)
{
	char field[32];

	if (e->tpm_quote.pcrs.n != TPM_PCRS)
		return tee_deny(
			DENY_EVIDENCE_MALFORMED, "tpm_quote.pcrs", "24 values", "another number");
	for (size_t i = 0; i < TPM_PCRS; i++) {
		(void)snprintf(field, sizeof(field), "tpm_quote.pcrs[%zu]", i);
		TRY(tee_deny_because(hex_decode_fixed(bytes_str(e->tpm_quote.pcrs.v[i]), field,
					     q->pcr[i], VTPM_PCR_SIZE),
			DENY_EVIDENCE_MALFORMED, field));
	}
	return OK;
}

/* The digest is that of the signing scheme, whichever bank is quoted (part 3, TPM2_Quote). */
static struct err check_digest(
	const struct vtpm_quoted *q, enum digest_alg hash, struct bytes pcr_digest)
{
	AUTO(digest_freep) struct digest_ctx *c = NULL;
	char want[2 * DIGEST_MAX + 1], got[2 * DIGEST_MAX + 1];
	struct digest_value d;

	TRY(digest_new(hash, &c));
	for (size_t i = 0; i < TPM_PCRS; i++)
		if (q->pcrs >> i & 1)
			TRY(digest_update(c, BYTES_OF(q->pcr[i])));
	TRY(digest_final(c, &d));
	if (bytes_equal(digest_bytes(&d), pcr_digest))
		return OK;
	if (pcr_digest.n > DIGEST_MAX)
		pcr_digest.n = DIGEST_MAX;
	hex_to(pcr_digest, want);
	hex_to(digest_bytes(&d), got);
	return tee_deny(DENY_VTPM_PCR_DIGEST, "tpm_quote.pcrs", want, got);
}

RESULT vtpm_quote_verify(const struct vtpm_evidence *e, const struct key *ak,
	struct bytes report_data, struct vtpm_quoted *ret_quoted)
{
	struct vtpm_quoted v = { 0 };
	struct tpm2_quote q;
	enum digest_alg hash;

	TRY(tee_deny_because(
		check_signature(e, ak, &hash), DENY_VTPM_QUOTE_SIGNATURE, "tpm_quote.signature"));
	TRY(tee_deny_because(tpm2_quote_parse(buf_bytes(&e->tpm_quote.message), &q),
		DENY_VTPM_QUOTE_MALFORMED, "tpm_quote.message"));
	TRY(check_nonce(&q, report_data));
	TRY(check_selection(&q, &v.pcrs));
	TRY(decode_pcrs(e, &v));
	TRY(check_digest(&v, hash, q.pcr_digest));
	v.extra_data = q.extra_data;
	v.firmware_version = q.firmware_version;
	v.reset_count = q.reset_count;
	v.restart_count = q.restart_count;
	*ret_quoted = v;
	return OK;
}
