/* Keys to DER, PEM and numbers. */
#include "key_internal.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <crypto/key.h>

RESULT key_public_der(const struct key *k, struct buf *out)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(k->pkey, &der);

	if (n <= 0)
		return ossl_error(ERR_CRYPTO, "public key");
	buf_put(out, bytes_of(der, (size_t)n));
	OPENSSL_free(der);
	return buf_end(out, "public key");
}

RESULT key_public_pem(const struct key *k, struct buf *out)
{
	AUTO(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
	char *text;

	if (!bio || PEM_write_bio_PUBKEY(bio, k->pkey) != 1)
		return ossl_error(ERR_CRYPTO, "public key");
	long n = BIO_get_mem_data(bio, &text);
	buf_put(out, bytes_of(text, (size_t)n));
	return buf_end(out, "public key");
}

RESULT key_private_pem(const struct key *k, struct secret **ret_pem)
{
	/* This kind of BIO wipes its memory. */
	AUTO(BIO_free_allp) BIO *bio = BIO_new(BIO_s_secmem());
	char *text;

	if (!k->is_private)
		return err_new(ERR_STATE, "private key: only the public part is known");
	if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) != 1)
		return ossl_error(ERR_CRYPTO, "private key");
	long n = BIO_get_mem_data(bio, &text);
	return secret_of(bytes_of(text, (size_t)n), ret_pem);
}

/* A number of the key, big-endian, padded to width (0: as long as it is). */
static RESULT put_number(const struct key *k, const char *param, size_t width, struct buf *out)
{
	AUTO(BN_clear_freep) BIGNUM *bn = NULL;

	if (EVP_PKEY_get_bn_param(k->pkey, param, &bn) != 1)
		return ossl_error(ERR_CRYPTO, param);
	if (width == 0)
		width = (size_t)BN_num_bytes(bn);
	uint8_t *to = buf_grow(out, width);
	TRY(buf_end(out, param));
	if (BN_bn2binpad(bn, to, (int)width) < 0)
		return ossl_error(ERR_CRYPTO, param);
	return OK;
}

RESULT key_ec_point(const struct key *k, struct buf *x, struct buf *y)
{
	const struct curve *curve = curve_of(k->type);

	if (!curve)
		return err_new(ERR_STATE, "EC point: not an EC key");
	TRY(put_number(k, OSSL_PKEY_PARAM_EC_PUB_X, curve->width, x));
	return put_number(k, OSSL_PKEY_PARAM_EC_PUB_Y, curve->width, y);
}

RESULT key_rsa_numbers(const struct key *k, struct buf *n, struct buf *e)
{
	if (k->type != KEY_RSA)
		return err_new(ERR_STATE, "RSA numbers: not an RSA key");
	TRY(put_number(k, OSSL_PKEY_PARAM_RSA_N, 0, n));
	return put_number(k, OSSL_PKEY_PARAM_RSA_E, 0, e);
}

RESULT key_ed25519_raw(const struct key *k, struct buf *out)
{
	uint8_t raw[32];
	size_t n = sizeof(raw);

	if (k->type != KEY_ED25519)
		return err_new(ERR_STATE, "Ed25519 key: another type");
	if (EVP_PKEY_get_raw_public_key(k->pkey, raw, &n) != 1)
		return ossl_error(ERR_CRYPTO, "Ed25519 key");
	buf_put(out, bytes_of(raw, n));
	return buf_end(out, "Ed25519 key");
}
