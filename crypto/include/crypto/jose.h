/* JOSE (RFC 7515-7520), the part that KBS, EAR tokens, JWKS and ocicrypt use. */
#pragma once

#include <base/json.h>
#include <crypto/key.h>

enum jose_alg {
	JOSE_ES256,
	JOSE_ES384,
	JOSE_ES512,
	JOSE_EDDSA,
	JOSE_RS256,
	JOSE_PS256
};

const char *jose_alg_name(enum jose_alg alg); /* "ES256" */

/* ---- JWK ---- */
/* Public members only, in the order of RFC 7638 for that type ("crv","kty","x","y"), plus "alg"
 * first when not NULL: the canonical form that Trustee hashes. */
RESULT jwk_print(const struct key *k, const char *alg, struct buf *out);
/* Public or private JWK; EC, RSA (public only), OKP Ed25519. ERR_FORMAT names the member. */
RESULT jwk_parse(const struct json *jwk, struct key **ret_key);
RESULT jwk_thumbprint(const struct key *k, struct digest_value *ret_sha256);

/* ---- JWS compact ---- */
/* `header` is a JSON object text that holds "alg"; the signature is over the given bytes. */
RESULT jws_sign(const struct key *k, enum jose_alg alg, struct bytes header, struct bytes payload,
	struct buf *out);
struct jws {
	struct json *header;
	enum jose_alg alg;
	struct buf payload;
	struct buf signature;
	struct bytes signed_bytes; /* view of the token given to jws_parse() */
};
/* Parses without trust. "alg":"none" and critical headers are refused. The token must outlive it.
 */
RESULT jws_parse(struct bytes token, struct jws *ret_jws);
void jws_done(struct jws *j);
/* The key must be of the algorithm's type. */
RESULT jws_verify(const struct jws *j, const struct key *k);

/* ---- JWT claims ---- */
struct jwt_check {
	int64_t now;
	int64_t leeway;	      /* seconds */
	const char *issuer;   /* NULL: any */
	const char *audience; /* NULL: any */
	bool need_exp;
};
RESULT jwt_check(const struct json *claims, const struct jwt_check *check);

/* ---- JWE flattened JSON, content A256GCM (KBS responses) ---- */
/* `recipient`: P-256/P-521 -> ECDH-ES+A256KW, RSA -> RSA-OAEP-256. */
RESULT jwe_seal(const struct key *recipient, struct bytes plain, struct buf *out);
RESULT jwe_open(const struct key *own, struct bytes jwe_json, struct secret **ret_plain);
