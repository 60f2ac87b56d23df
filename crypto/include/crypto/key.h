/* Asymmetric keys: EC P-256/P-384/P-521, RSA 2048-4096, Ed25519, SM2 (Hygon's certificates). */
#pragma once

#include <base/buf.h>
#include <base/secret.h>
#include <crypto/digest.h>

enum key_type {
	KEY_P256,
	KEY_P384,
	KEY_P521,
	KEY_RSA,
	KEY_ED25519,
	KEY_SM2
};

enum sig_alg {
	SIG_ECDSA_SHA256, /* DER signature */
	SIG_ECDSA_SHA384,
	SIG_ECDSA_SHA512,
	SIG_RSA_PKCS1_SHA256,
	SIG_RSA_PKCS1_SHA384,
	SIG_RSA_PKCS1_SHA512,
	SIG_RSA_PSS_SHA256, /* salt length: recovered when verifying, digest size when signing */
	SIG_RSA_PSS_SHA384,
	SIG_RSA_PSS_SHA512,
	SIG_ED25519
};

struct key; /* public, or public and private */

RESULT key_generate(enum key_type type, struct key **ret_key); /* RSA: 2048 bits */
RESULT key_generate_rsa(unsigned bits, struct key **ret_key);
/* PEM or DER: SubjectPublicKeyInfo, PKCS#8, SEC1, PKCS#1, or the key of a certificate. */
RESULT key_parse_public(struct bytes pem_or_der, struct key **ret_key);
RESULT key_parse_private(struct bytes pem_or_der, struct key **ret_key);
/* From numbers, big-endian; the point is checked to be on the curve. */
RESULT key_from_ec_point(enum key_type curve, struct bytes x, struct bytes y, struct key **ret_key);
RESULT key_from_ec_scalar(enum key_type curve, struct bytes d, struct key **ret_key);
RESULT key_from_rsa(struct bytes n, struct bytes e, struct key **ret_key);
RESULT key_from_ed25519(struct bytes pub, struct key **ret_key);
/* RFC 8032: the 32 secret bytes; private. */
RESULT key_from_ed25519_seed(struct bytes seed, struct key **ret_key);
void key_free(struct key *k);
void key_freep(struct key **k);

enum key_type key_type(const struct key *k);
bool key_is_private(const struct key *k);
unsigned key_bits(const struct key *k);
bool key_equal(const struct key *a, const struct key *b);    /* public parts */
RESULT key_public_der(const struct key *k, struct buf *out); /* SubjectPublicKeyInfo */
RESULT key_public_pem(const struct key *k, struct buf *out);
RESULT key_private_pem(const struct key *k, struct secret **ret_pem); /* PKCS#8 */
/* Fixed-width coordinates (32, 48 or 66 bytes). */
RESULT key_ec_point(const struct key *k, struct buf *x, struct buf *y);
RESULT key_rsa_numbers(const struct key *k, struct buf *n, struct buf *e);
RESULT key_ed25519_raw(const struct key *k, struct buf *out);

RESULT key_sign(const struct key *k, enum sig_alg alg, struct bytes message, struct buf *sig);
/* ERR_UNVERIFIED "signature" when it does not fit, whatever the reason. */
RESULT key_verify(const struct key *k, enum sig_alg alg, struct bytes message, struct bytes sig);
/* SM2 with SM3 (GB/T 32918.2): the signer's user id is hashed before the message. DER signatures.
 */
RESULT key_sign_sm2(
	const struct key *k, struct bytes user_id, struct bytes message, struct buf *sig);
RESULT key_verify_sm2(
	const struct key *k, struct bytes user_id, struct bytes message, struct bytes sig);
/* ECDSA and SM2 r || s of fixed width <-> DER. */
RESULT ecdsa_raw_to_der(struct bytes raw, struct buf *der);
RESULT ecdsa_der_to_raw(struct bytes der, size_t width, struct buf *raw);

/* x coordinate of the shared point, fixed width. */
RESULT key_ecdh(const struct key *own, const struct key *peer, struct secret **ret_z);
/* RSA-OAEP; hash also for MGF1. `label` includes whatever NUL its protocol wants. */
RESULT key_oaep_encrypt(const struct key *k, enum digest_alg hash, struct bytes label,
	struct bytes plain, struct buf *out);
RESULT key_oaep_decrypt(const struct key *k, enum digest_alg hash, struct bytes label,
	struct bytes cipher, struct secret **ret_plain);
/*
 * RSAES-PKCS1-v1_5 of exactly n bytes. Any failure is the same ERR_UNVERIFIED: whoever can tell a
 * wrong padding from a wrong content can decrypt (Bleichenbacher).
 */
RESULT key_pkcs1_encrypt(const struct key *k, struct bytes plain, struct buf *out);
RESULT key_pkcs1_decrypt(
	const struct key *k, struct bytes cipher, size_t n, struct secret **ret_plain);
