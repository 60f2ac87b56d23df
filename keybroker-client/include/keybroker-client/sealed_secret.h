/*
 * Sealed secrets of guest-components, type vault: "sealed." and a JWS (compact, ES256) whose
 * payload names a resource of the broker. A Kubernetes Secret holds the text; only a guest that the
 * broker trusts gets what it stands for. The signature says that the tenant chose the resource.
 */
#pragma once

#include <base/secret.h>
#include <crypto/jose.h>

#define SEALED_SECRET_PREFIX "sealed."

enum {
	SEALED_SECRET_MAX = 16 * 1024
};

struct sealed_secret {
	struct jws jws;
	char *kid;  /* kbs:///...: the JWK that must have signed */
	char *name; /* kbs:///...: the resource */
};

/* Parses without trust; `text` must outlive it. The prefix may be missing. ERR_FORMAT names the
 * member, ERR_UNSUPPORTED the type or provider. */
RESULT sealed_secret_parse(struct bytes text, struct sealed_secret *ret_sealed);
/* `jwk`: resource `kid`, a P-256 key. ERR_UNVERIFIED, denial secret.signature. */
RESULT sealed_secret_verify(const struct sealed_secret *s, struct bytes jwk);
void sealed_secret_done(struct sealed_secret *s);

/* Appends the text. `key` is P-256; kid and name are kbs URIs, ERR_USAGE. */
RESULT sealed_secret_make(
	const struct key *key, const char *kid, const char *name, struct buf *out);
