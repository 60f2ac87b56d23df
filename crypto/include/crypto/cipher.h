/* Symmetric ciphers and key derivation. Keys are borrowed views, usually of a struct secret. */
#pragma once

#include <base/buf.h>
#include <base/secret.h>
#include <crypto/digest.h>

enum {
	AES256_KEY = 32,
	GCM_IV = 12,
	GCM_TAG = 16,
	CTR_NONCE = 16
};

/* AES-256-GCM: appends ciphertext to `out`, writes the tag. */
RESULT aes_gcm_seal(struct bytes key, struct bytes iv, struct bytes aad, struct bytes plain,
	struct buf *out, uint8_t ret_tag[static GCM_TAG]);
/* ERR_UNVERIFIED when the tag is wrong; nothing is written then. */
RESULT aes_gcm_open(struct bytes key, struct bytes iv, struct bytes aad, struct bytes cipher,
	struct bytes tag, struct secret **ret_plain);

/* AES-256-CTR with a 128-bit big-endian counter that starts at `nonce` and wraps. */
struct ctr_ctx;
RESULT ctr_new(struct bytes key, struct bytes nonce, struct ctr_ctx **ret_ctx);
/* `to` may be `from`; in.n bytes. */
RESULT ctr_update(struct ctr_ctx *c, struct bytes in, uint8_t *to);
void ctr_freep(struct ctr_ctx **c);

/* AES-256-XTS (IEEE 1619): a data unit at a time, of at least 16 bytes, with its own tweak. */
enum {
	XTS_KEY = 64, /* two halves that must not be equal */
	XTS_TWEAK = 16
};
struct xts_ctx;
RESULT xts_new(bool encrypt, struct bytes key, struct xts_ctx **ret_ctx);
/* `to` may be in.p; in.n bytes. */
RESULT xts_unit(
	struct xts_ctx *c, const uint8_t tweak[static XTS_TWEAK], struct bytes in, uint8_t *to);
void xts_freep(struct xts_ctx **c);

/* AES-CFB128 with a zero IV, 128- or 256-bit key: the TPM 2.0 credential protection. */
RESULT aes_cfb(bool encrypt, struct bytes key, struct bytes in, struct buf *out);

/* RFC 3394 with the default IV. key: 16, 24 or 32 bytes; plain: multiple of 8, at least 16. */
RESULT aes_kw_wrap(struct bytes kek, struct bytes plain, struct buf *out);
RESULT aes_kw_unwrap(struct bytes kek, struct bytes wrapped, struct secret **ret_plain);

/* RFC 8018 5.2, with HMAC of that digest. Whether salt and iterations are enough is the caller's.
 */
struct pbkdf2_input {
	enum digest_alg alg; /* SHA-256 or SHA-512 */
	struct bytes password, salt;
	unsigned iterations;
};
RESULT pbkdf2(const struct pbkdf2_input *in, size_t n, struct secret **ret_key);

/* RFC 7518 section 4.6.2 Concat KDF with SHA-256, empty PartyUInfo and PartyVInfo. n <= 32. */
RESULT concat_kdf(struct bytes z, const char *alg_id, size_t n, struct secret **ret_key);
/* TPM 2.0 part 1, 11.4.10.2 KDFa: counter mode HMAC; `label` without its NUL (added here). */
struct kdfa_input {
	enum digest_alg alg;
	struct bytes key;
	const char *label;
	struct bytes context_u, context_v;
};
RESULT kdfa(const struct kdfa_input *in, size_t n, struct secret **ret_key);
