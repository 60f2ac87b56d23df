/* Platform vtpm: parts that its verifier's files share. Formats: docs/protocols/guest.md. */
#pragma once

#include "vtpm/tpm2.h"

#include <tee/denials.h>
#include <tee/eventlog.h>
#include <tee/tee.h>

enum {
	VTPM_EK_CERT_MAX = 8192,
	VTPM_PUBLIC_MAX = 1024,
	VTPM_SECRET = 32, /* bytes of an activation secret */
	VTPM_NONCE = 32,  /* report_data is cut to this in extraData */
	VTPM_PCR_SIZE = DIGEST_SHA256_SIZE,
	VTPM_INITDATA_PCR = 8,
	VTPM_MOK_PCR = 14,
};

/* PCRs 0-9 and 14 must be in a quote. */
#define VTPM_QUOTED_PCRS (0x3ffu | 1u << VTPM_MOK_PCR)

/* Name in the extra-params of auth and challenge. */
#define VTPM_EXTRA "sealpod-tpm"

struct vtpm_evidence {
	struct buf ak_public; /* SubjectPublicKeyInfo */
	struct vtpm_quote {
		struct buf signature; /* TPMT_SIGNATURE */
		struct buf message;   /* TPMS_ATTEST */
		struct strv pcrs;     /* SHA-256 bank, hex */
	} tpm_quote;
	/* Sealpod's additions; empty when sent by a stock Trustee client. */
	struct buf ek_cert, ak_tpm_public, activation, event_log;
};
RESULT vtpm_evidence_decode(const struct json *j, struct vtpm_evidence *ret_evidence);
void vtpm_evidence_done(struct vtpm_evidence *e);

/* What a quote has proved. */
struct vtpm_quoted {
	uint32_t pcrs; /* bit n: value n is quoted */
	uint8_t pcr[TPM_PCRS][VTPM_PCR_SIZE];
	struct bytes extra_data;
	uint64_t firmware_version;
	uint32_t reset_count, restart_count;
};
/* Signature, nonce, selection and digest over the evidence's PCR values. */
RESULT vtpm_quote_verify(const struct vtpm_evidence *e, const struct key *ak,
	struct bytes report_data, struct vtpm_quoted *ret_quoted);

/* Chain of an EK certificate, first to the hardware anchors, then to the software ones. */
RESULT vtpm_ek_verify(const struct x509 *cert, const struct tee_anchors *anchors, int64_t now,
	bool *ret_simulated);
/* A key that cannot leave its TPM and signs only what the TPM made. */
RESULT vtpm_ak_attributes(const struct tpm2_public *ak);

/* What challenge() remembers for verify(). */
struct vtpm_state {
	uint8_t ek_cert[DIGEST_SHA256_SIZE]; /* digest of the certificate */
	uint8_t ak_name[TPM2_NAME_MAX];
	size_t ak_name_n;
	uint8_t secret[VTPM_SECRET];
};
void vtpm_state_write(const struct vtpm_state *s, struct buf *out);
RESULT vtpm_state_parse(struct bytes in, struct vtpm_state *ret_state);
RESULT vtpm_challenge(const struct json *hello, const struct tee_anchors *anchors, int64_t now,
	struct json_writer *w, struct buf *ret_state);

/* Replays the log against the quoted PCRs, refuses events that a measured direct boot does not
 * have, and adds tpm.crtm, tpm.firmware, tpm.kernel, tpm.cmdline_digest and tpm.initrd. */
RESULT vtpm_events_verify(struct bytes log, const struct vtpm_quoted *q, struct claims *claims);
