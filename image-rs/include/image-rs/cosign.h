/* Key signatures in the form of cosign. */
#pragma once

#include <crypto/key.h>
#include <image-rs/manifest.h>
#include <image-rs/store.h>

#define COSIGN_ANNOTATION	  "dev.cosignproject.cosign/signature"
#define COSIGN_PAYLOAD_MEDIA_TYPE "application/vnd.dev.cosign.simplesigning.v1+json"
#define COSIGN_PAYLOAD_TYPE	  "cosign container image signature"

/* "sha256:abc" -> "sha256-abc.sig"; the caller frees. */
RESULT cosign_tag(const char *digest, char **ret_tag);
/* The algorithm that cosign uses with a key of this type. */
enum sig_alg cosign_alg(const struct key *k);
/*
 * Signs a manifest or index and stores the signature beside it, in place of earlier ones.
 * `reference` is what the signature says the image is called: "registry/repository".
 */
RESULT cosign_sign(
	struct img_store *store, const char *digest, const char *reference, const struct key *key);
