/* What is known of a SEV or SEV-ES guest: certificates of its platform and, if it was launched,
 * what the firmware said about that. */
#pragma once

#include "sev/sev_cert.h"

enum {
	SEV_CERTS_MAX = 8,
	SEV_DIGEST = 32,
	SEV_NONCE = 16,
	SEV_TIK = 16, /* transport integrity key */
};

enum { /* bits of a guest's policy (AMD 55766, table 2) */
	SEV_POLICY_NODBG = 0,
	SEV_POLICY_NOKS = 1,
	SEV_POLICY_ES = 2,
	SEV_POLICY_NOSEND = 3,
	SEV_POLICY_DOMAIN = 4,
	SEV_POLICY_SEV = 5,
};

struct sev_evidence {
	struct buf bytes; /* what the certificates are views of */
	struct sev_cert certs[SEV_CERTS_MAX];
	size_t n_certs;
	bool launched; /* the rest is there */
	uint8_t api_major, api_minor, build;
	uint32_t policy;
	uint8_t measure[SEV_DIGEST], nonce[SEV_NONCE];
};
void sev_evidence_done(struct sev_evidence *e);
/* Certificates one after another, as `sevctl export` and QEMU's cert-chain have them. */
RESULT sev_evidence_raw(struct bytes raw, struct sev_evidence *ret_evidence);
/*
 * One object with the members of QEMU's answers: "api-major", "api-minor", "build-id", "policy"
 * (query-sev), "data" (query-sev-launch-measure) and, if wanted, "pdh" and "cert-chain"
 * (query-sev-capabilities); base64.
 */
RESULT sev_evidence_json(const struct json *j, struct sev_evidence *ret_evidence);
