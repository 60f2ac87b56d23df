/*
 * ID block and its authentication: a guest's owner signs the launch digest and the policy that the
 * guest may start with, and SNP reports the signers' keys. (SNP firmware ABI 1.55, 8.17.3, tables
 * 73 and 74)
 */
#pragma once

#include <base/buf.h>
#include <crypto/key.h>

enum {
	ID_BLOCK_SIZE = 96,
	ID_AUTH_SIZE = 4096,
	ID_BLOCK_VERSION = 1
};

struct id_block {
	uint8_t launch_digest[48];
	uint8_t family_id[16], image_id[16]; /* whatever the owner calls it */
	uint32_t guest_svn;
	uint64_t policy;
};
/* Exactly 96 bytes; ERR_UNSUPPORTED when the version is not 1. */
RESULT id_block_parse(struct bytes in, struct id_block *ret_block);
/* Appended to `out`. */
RESULT id_block_write(const struct id_block *b, struct buf *out);

/*
 * The 4096 bytes that go with a block, appended to `auth`: the block signed by the ID key, and the
 * ID key signed by the author's, which may be NULL. Keys are private and of P-384; ERR_USAGE.
 * ECDSA is randomised: each call makes other bytes.
 */
RESULT id_auth_make(
	struct bytes block, const struct key *id, const struct key *author, struct buf *auth);

/* ID_KEY_DIGEST or AUTHOR_KEY_DIGEST of reports: SHA-384 of the key in AMD's form. ERR_USAGE when
 * it is not of P-384. */
RESULT id_key_digest(const struct key *key, struct digest_value *ret_digest);

/* What reports of a guest show that was started with a block. */
struct id_auth_keys {
	struct digest_value id;
	bool has_author;
	struct digest_value author;
};
/* What SNP_LAUNCH_FINISH checks: the forms, and both signatures. ERR_FORMAT names the field,
 * ERR_UNSUPPORTED the algorithm, ERR_UNVERIFIED the signature that does not fit. */
RESULT id_auth_check(struct bytes block, struct bytes auth, struct id_auth_keys *ret_keys);
