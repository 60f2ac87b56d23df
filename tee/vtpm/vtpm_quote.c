#include "vtpm/vtpm.h"

#include <stdio.h>

#include <base/encode.h>

enum {
	FIELD_NAME = 64
};

struct quote_rows { /* of one quote */
	const struct vtpm_shown_quote *s;
	struct checks *checks;
	char field[FIELD_NAME];
};

static const char *row(struct quote_rows *r, const char *member)
{
	(void)snprintf(r->field, sizeof(r->field), "%s.%s", r->s->name, member);
	return r->field;
}

bool vtpm_step(struct checks *checks, struct err e, const char *what)
{
	if (failed(e))
		return check_result(checks, e, DENY_EVIDENCE_MALFORMED, "");
	check_pass(checks, what, NULL);
	return true;
}

/* Long extra data are shown as far as they fit. */
static void check_nonce(struct quote_rows *r, const struct tpm2_quote *q)
{
	if (r->s->nonce.p)
		(void)check_bytes(r->checks, DENY_VTPM_NONCE_MISMATCH, row(r, "extraData"),
			r->s->nonce, q->extra_data);
	else
		check_skip(r->checks, row(r, "extraData"), "no nonce given to compare with");
}

/* Other banks would be part of the digest but are not part of the evidence. */
static bool selection_is_good(const struct vtpm_shown_quote *s, const struct tpm2_quote *q)
{
	for (size_t i = 0; i < q->n_selections; i++)
		if (q->selections[i].pcrs >> TPM_PCRS)
			return false;
	if (!s->sha256_alone)
		return q->n_selections > 0;
	return q->n_selections == 1 && q->selections[0].hash == TPM_ALG_SHA256 &&
	       (q->selections[0].pcrs & s->need_pcrs) == s->need_pcrs;
}

static bool check_selection(struct quote_rows *r, const struct tpm2_quote *q)
{
	char want[64] = "PCRs", got[DENIAL_VALUE_MAX];

	if (r->s->sha256_alone)
		(void)snprintf(
			want, sizeof(want), "SHA-256 bank alone with PCRs 0x%06x", r->s->need_pcrs);
	pcr_selection_text(q, got, sizeof(got));
	return check_that(r->checks, selection_is_good(r->s, q), DENY_VTPM_PCR_SELECTION,
		row(r, "pcrSelect"), want, got);
}

static struct err add_values(const struct pcrs *shown, const struct tpm2_pcr_selection *s,
	struct digest_ctx *c, struct pcrs *quoted)
{
	const struct pcr_bank *b = pcrs_bank(shown, s->hash);

	for (unsigned i = 0; i < TPM_PCRS; i++) {
		if (!(s->pcrs >> i & 1))
			continue;
		if (!b || !(b->known >> i & 1))
			return err_new(ERR_NOT_FOUND,
				"PCR %u of bank 0x%04x is quoted, its value not shown", i, s->hash);
		TRY(digest_update(c, pcr_value(b, i)));
		TRY(pcrs_set(quoted, s->hash, i, pcr_value(b, i)));
	}
	return OK;
}

/* The digest is that of the signing scheme, whichever bank is quoted (part 3, TPM2_Quote). */
static struct err digest_values(const struct pcrs *shown, const struct tpm2_quote *q,
	enum digest_alg hash, struct digest_value *ret_digest, struct pcrs *quoted)
{
	AUTO(digest_freep) struct digest_ctx *c = NULL;

	TRY(digest_new(hash, &c));
	for (size_t i = 0; i < q->n_selections; i++)
		TRY(add_values(shown, &q->selections[i], c, quoted));
	return digest_final(c, ret_digest);
}

static void keep_sha256(struct vtpm_quoted *q)
{
	const struct pcr_bank *b = pcrs_bank(&q->banks, TPM_ALG_SHA256);

	if (!b)
		return;
	q->pcrs = b->known;
	for (size_t i = 0; i < TPM_PCRS; i++)
		memcpy(q->pcr[i], b->v[i], VTPM_PCR_SIZE);
}

static void check_digest(struct quote_rows *r, enum digest_alg hash, struct vtpm_quoted *q)
{
	struct digest_value d;

	if (!r->s->pcrs) {
		check_skip(r->checks, row(r, "pcrs"), "no PCR values given");
		return;
	}
	struct err e = digest_values(r->s->pcrs, &q->quote, hash, &d, &q->banks);
	if (failed(e)) {
		(void)check_result(r->checks,
			tee_deny_because(e, DENY_VTPM_PCR_DIGEST, row(r, "pcrs")),
			DENY_VTPM_PCR_DIGEST, "");
		return;
	}
	if (check_bytes(r->checks, DENY_VTPM_PCR_DIGEST, row(r, "pcrs"), q->quote.pcr_digest,
		    digest_bytes(&d)))
		keep_sha256(q);
}

void vtpm_check_quote(const struct vtpm_shown_quote *s, const struct key *ak, struct checks *checks,
	struct vtpm_quoted *ret_quoted)
{
	struct quote_rows r = { .s = s, .checks = checks };
	enum digest_alg hash;

	*ret_quoted = (struct vtpm_quoted){ 0 };
	(void)row(&r, "signature");
	bool signature_good = vtpm_step(checks,
		tee_deny_because(tpm2_any_signature_verify(s->signature, ak, s->message, &hash),
			DENY_VTPM_QUOTE_SIGNATURE, r.field),
		r.field);
	(void)row(&r, "message");
	if (!vtpm_step(checks,
		    tee_deny_because(tpm2_quote_parse(s->message, &ret_quoted->quote),
			    DENY_VTPM_QUOTE_MALFORMED, r.field),
		    r.field))
		return;
	check_nonce(&r, &ret_quoted->quote);
	if (!check_selection(&r, &ret_quoted->quote))
		return;
	if (signature_good)
		check_digest(&r, hash, ret_quoted);
	else
		check_skip(checks, row(&r, "pcrs"), "the signature, whose hash it has, is bad");
}

void vtpm_check_initdata(
	struct bytes initdata_digest, const struct vtpm_quoted *q, struct checks *checks)
{
	struct digest_value want = { .alg = DIGEST_SHA256, .n = VTPM_PCR_SIZE };
	static const char what[] = "initdata: PCR 8";
	uint8_t fitted[VTPM_PCR_SIZE];

	if (!(q->pcrs >> VTPM_INITDATA_PCR & 1)) {
		check_fail(checks, DENY_VTPM_INITDATA_MISMATCH, what, "quoted", "not quoted");
		return;
	}
	tee_fit_digest(initdata_digest, fitted, sizeof(fitted));
	struct err e = pcr_extend(&want, BYTES_OF(fitted));
	if (failed(e))
		(void)vtpm_step(checks, e, what);
	else
		(void)check_bytes(checks, DENY_VTPM_INITDATA_MISMATCH, what, digest_bytes(&want),
			BYTES_OF(q->pcr[VTPM_INITDATA_PCR]));
}

/* The SHA-256 bank has Trustee's names, others have theirs in between. */
static void bank_claims(const struct pcr_bank *b, const char *prefix, struct claims *c)
{
	char name[96], bank[16] = "";

	if (b->hash != TPM_ALG_SHA256)
		(void)snprintf(bank, sizeof(bank), "%s.", digest_name(b->alg));
	for (unsigned i = 0; i < TPM_PCRS; i++) {
		if (!(b->known >> i & 1))
			continue;
		(void)snprintf(name, sizeof(name), "%s.%spcr%02u", prefix, bank, i);
		claims_hex(c, name, pcr_value(b, i));
	}
}

void vtpm_quote_claims(const struct vtpm_quoted *q, const char *prefix, struct claims *c)
{
	char name[96], version[20];

	(void)snprintf(
		version, sizeof(version), "%016llx", (unsigned long long)q->quote.firmware_version);
	(void)snprintf(name, sizeof(name), "%s.firmware_version", prefix);
	claims_str(c, name, version);
	(void)snprintf(name, sizeof(name), "%s.reset_count", prefix);
	claims_u64(c, name, q->quote.reset_count);
	(void)snprintf(name, sizeof(name), "%s.restart_count", prefix);
	claims_u64(c, name, q->quote.restart_count);
	for (size_t i = 0; i < q->banks.n; i++)
		bank_claims(&q->banks.bank[i], prefix, c);
}
