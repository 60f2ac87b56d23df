/* What guest drivers on a TPM share. */
#pragma once

#include "vtpm/vtpm.h"
#include "vtpm/vtpm_tpm.h"

bool vtpm_guest_has_tpm(const struct tee_guest_config *c);
RESULT vtpm_guest_open(const struct tee_guest_config *c, struct vtpm_tpm **ret_tpm);
/* PCR 8 extended once with the digest, cut or padded to 32 bytes; ERR_STATE when it was before. */
RESULT vtpm_guest_bind(struct vtpm_tpm *t, struct bytes initdata_digest);
/* Runtime measurement into one of the registers that are for it; ERR_USAGE. */
RESULT vtpm_guest_extend(
	struct vtpm_tpm *t, unsigned index, const struct digest_value *digest_of_event);

/* A quote over PCRs 0-23 and the values it is about. Owned. */
struct vtpm_guest_quoted {
	struct buf attest;    /* TPMS_ATTEST */
	struct buf signature; /* TPMT_SIGNATURE */
	uint8_t pcrs[TPM_PCRS][VTPM_PCR_SIZE];
};
#define VTPM_GUEST_QUOTED_INIT                                                                     \
	{                                                                                          \
		.attest = BUF_INIT(4096), .signature = BUF_INIT(4096)                              \
	}
RESULT vtpm_guest_quote(struct vtpm_tpm *t, struct bytes nonce, struct vtpm_guest_quoted *ret);
void vtpm_guest_quote_done(struct vtpm_guest_quoted *q);
/* Member "pcrs": 24 values of the SHA-256 bank, hex. */
void vtpm_guest_put_pcrs(const struct vtpm_guest_quoted *q, struct json_writer *w);
