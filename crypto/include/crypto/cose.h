/*
 * COSE (RFC 9052, 9053) as far as CCA tokens and signed manifests use it: COSE_Sign1 with ECDSA or
 * Ed25519, and EC2 keys.
 */
#pragma once

#include <base/cbor.h>
#include <crypto/key.h>

enum { /* IANA "COSE Algorithms" */
	COSE_ES256 = -7,
	COSE_ES384 = -35,
	COSE_ES512 = -36,
	COSE_EDDSA = -8 /* Ed25519 */
};

enum {
	COSE_PAYLOAD_MAX = 2 * 1024 * 1024
};

struct cose_sign1 { /* views */
	struct bytes protected_header, payload, signature;
	int64_t alg; /* from the protected header; one of the above */
};

/* Tagged 18 or untagged; the payload is inside. ERR_FORMAT; "crit" headers are not understood. */
RESULT cose_sign1_parse(struct bytes in, const char *what, struct cose_sign1 *ret_sign1);
/* RFC 9052, 4.4, with no external data. ERR_UNVERIFIED, also when the key is of another curve than
 * the algorithm's. */
RESULT cose_sign1_verify(const struct cose_sign1 *s, const struct key *key);
/* Further pairs of a protected header: integer keys above 1 in ascending order, encoded. */
struct cose_header {
	struct bytes pairs;
	size_t n;
};
/* Tagged 18, appended to `out`; the algorithm is the key's. Deterministic with Ed25519 only. */
RESULT cose_sign1_make(const struct key *key, const struct cose_header *more, struct bytes payload,
	struct buf *out);
/* The bytes that are signed ("Sig_structure"). */
void cose_sign1_input(struct bytes protected_header, struct bytes payload, struct buf *out);
/* "ES384"; "?" for algorithms not known here. */
const char *cose_alg_name(int64_t alg);

/* An EC key: 0x04 || x || y, or a COSE_Key of type EC2 with both coordinates. */
RESULT cose_key_parse(struct bytes in, const char *what, struct key **ret_key);
