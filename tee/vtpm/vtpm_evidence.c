#include "vtpm/vtpm.h"

enum {
	SPKI_MAX = 2048,
	SIGNATURE_MAX = 2048,
	ATTEST_MAX = 4096,
};

static const struct json_field quote_fields[] = {
	JSON_FIELD(struct vtpm_quote, signature, FIELD_BASE64, FIELD_REQUIRED, SIGNATURE_MAX),
	JSON_FIELD(struct vtpm_quote, message, FIELD_BASE64, FIELD_REQUIRED, ATTEST_MAX),
	JSON_FIELD(struct vtpm_quote, pcrs, FIELD_STRV, FIELD_REQUIRED, TPM_PCRS),
};

static const struct json_table quote_table = {
	.what = "tpm_quote",
	.size = sizeof(struct vtpm_quote),
	.fields = quote_fields,
	.n = ARRAY_LEN(quote_fields),
	.open = true,
};

static const struct json_field evidence_fields[] = {
	JSON_FIELD(struct vtpm_evidence, ak_public, FIELD_BASE64, FIELD_REQUIRED, SPKI_MAX),
	JSON_FIELD_SUB(struct vtpm_evidence, tpm_quote, "tpm_quote", FIELD_OBJECT, FIELD_REQUIRED,
		0, &quote_table),
	JSON_FIELD(struct vtpm_evidence, ek_cert, FIELD_BASE64, 0, VTPM_EK_CERT_MAX),
	JSON_FIELD(struct vtpm_evidence, ak_tpm_public, FIELD_BASE64, 0, VTPM_PUBLIC_MAX),
	JSON_FIELD(struct vtpm_evidence, activation, FIELD_BASE64, 0, DIGEST_MAX),
	JSON_FIELD(struct vtpm_evidence, event_log, FIELD_BASE64, 0, EVENTLOG_MAX / 4),
};

/* Open: what a newer client adds is not judged, and so proves nothing. */
static const struct json_table evidence_table = {
	.what = "tpm evidence",
	.size = sizeof(struct vtpm_evidence),
	.fields = evidence_fields,
	.n = ARRAY_LEN(evidence_fields),
	.open = true,
};

RESULT vtpm_evidence_decode(const struct json *j, struct vtpm_evidence *ret_evidence)
{
	return tee_deny_because(
		json_decode(j, &evidence_table, ret_evidence), DENY_EVIDENCE_MALFORMED, "evidence");
}

void vtpm_evidence_done(struct vtpm_evidence *e)
{
	json_release(&evidence_table, e);
}
