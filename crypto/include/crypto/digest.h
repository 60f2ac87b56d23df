/* Digests, HMAC. All key and digest bytes are big-endian as their standards print them. */
#pragma once

#include <base/buf.h>
#include <base/err.h>

enum digest_alg {
	DIGEST_SHA1,
	DIGEST_SHA256,
	DIGEST_SHA384,
	DIGEST_SHA512,
	DIGEST_SM3
};

enum {
	DIGEST_SHA1_SIZE = 20,
	DIGEST_SHA256_SIZE = 32,
	DIGEST_SHA384_SIZE = 48,
	DIGEST_SHA512_SIZE = 64,
	DIGEST_MAX = 64
};

struct digest_value {
	enum digest_alg alg;
	size_t n;
	uint8_t v[DIGEST_MAX];
};
static inline struct bytes digest_bytes(const struct digest_value *d)
{
	return bytes_of(d->v, d->n);
}

size_t digest_size(enum digest_alg alg);
const char *digest_name(enum digest_alg alg); /* "sha256" */
/* "sha256", "sha384", "sha512", "sha1", "sm3"; ERR_UNSUPPORTED. */
RESULT digest_alg_parse(const char *name, enum digest_alg *ret_alg);

RESULT digest(enum digest_alg alg, struct bytes data, struct digest_value *ret_digest);
/* The digest of one piece after another. */
RESULT digest2(
	enum digest_alg alg, struct bytes a, struct bytes b, struct digest_value *ret_digest);
/* "sha256:<hex>" (OCI) in both directions. */
RESULT digest_parse_oci(const char *text, struct digest_value *ret_digest);
void digest_print_oci(const struct digest_value *d, char to[static 2 * DIGEST_MAX + 16]);

struct digest_ctx;
RESULT digest_new(enum digest_alg alg, struct digest_ctx **ret_ctx);
RESULT digest_update(struct digest_ctx *c, struct bytes data);
/* Also resets, so that the context can be used again. */
RESULT digest_final(struct digest_ctx *c, struct digest_value *ret_digest);
void digest_freep(struct digest_ctx **c);

RESULT hmac(enum digest_alg alg, struct bytes key, struct bytes data, struct digest_value *ret_mac);
struct hmac_ctx;
RESULT hmac_new(enum digest_alg alg, struct bytes key, struct hmac_ctx **ret_ctx);
RESULT hmac_update(struct hmac_ctx *c, struct bytes data);
RESULT hmac_final(struct hmac_ctx *c, struct digest_value *ret_mac);
void hmac_freep(struct hmac_ctx **c);
