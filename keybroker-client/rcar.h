/* The two messages of the handshake and their answers, apart from how they travel. */
#pragma once

#include <attestation/attestation.h>

#define RCAR_VERSION "0.4.0"

/* What the challenge brought. The extra-params live in `tree`. */
struct rcar_challenge {
	struct json *tree, *in_nonce; /* the latter only of platforms with challenge_in_nonce */
	const char *nonce;
	const struct json *extra_params; /* or what the nonce holds */
};
void rcar_challenge_done(struct rcar_challenge *c);

/* {"version","tee","extra-params":{"supported-hash-algorithms":["sha384" (se: "sha512")], what
 * hello adds}} */
RESULT rcar_request_make(const struct tee *tee, struct tee_guest *guest, struct buf *out);
/* ERR_UNSUPPORTED when the broker picks another digest than the platform's. */
RESULT rcar_challenge_parse(const struct tee *tee, struct bytes body, struct rcar_challenge *ret);

struct rcar_attest {
	const struct rcar_challenge *challenge;
	struct bytes jwk;      /* jwk_print() of the session key */
	struct bytes evidence; /* one JSON value */
	struct bytes initdata; /* TOML text; n = 0: null */
};
RESULT rcar_attest_make(const struct rcar_attest *a, struct buf *out);
/* The token; it must be no longer than RCAR_TOKEN_MAX. */
RESULT rcar_token_parse(struct bytes body, struct buf *token);

enum {
	RCAR_MESSAGE_MAX = 2 * 1024 * 1024,
	RCAR_NONCE_MAX = 16 * 1024,
	RCAR_TOKEN_MAX = 512 * 1024
};
