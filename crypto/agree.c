/* Keys that reach another key: ECDH and RSA-OAEP. */
#include "key_internal.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <crypto/key.h>

RESULT key_ecdh(const struct key *own, const struct key *peer, struct secret **ret_z)
{
	AUTO(EVP_PKEY_CTX_freep)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own->pkey, NULL);
	AUTO(secret_freep) struct secret *z = NULL;
	const struct curve *curve = curve_of(own->type);

	if (!ctx)
		return ossl_error(ERR_NOMEM, "ECDH");
	if (!curve || own->type != peer->type || !own->is_private)
		return err_new(ERR_CRYPTO, "ECDH: keys of different curves, or no private key");
	size_t n = curve->width;
	TRY(secret_new(n, &z));
	if (EVP_PKEY_derive_init(ctx) != 1 ||
		EVP_PKEY_derive_set_peer_ex(ctx, peer->pkey, 1) != 1 ||
		EVP_PKEY_derive(ctx, secret_data(z), &n) != 1 || n != curve->width)
		return ossl_error(ERR_CRYPTO, "ECDH");
	*ret_z = TAKE(z);
	return OK;
}

typedef int oaep_init_fn(EVP_PKEY_CTX *ctx, const OSSL_PARAM params[]);

static RESULT oaep_new(const struct key *k, oaep_init_fn *init, enum digest_alg hash,
	struct bytes label, EVP_PKEY_CTX **ret_ctx)
{
	AUTO(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	AUTO(OSSL_PARAM_freep) OSSL_PARAM *params = NULL;
	AUTO(EVP_PKEY_CTX_freep)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	const char *md = ossl_md_name(hash);

	if (k->type != KEY_RSA)
		return err_new(ERR_CRYPTO, "RSA-OAEP: not an RSA key");
	if (!bld || !ctx ||
		OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_ASYM_CIPHER_PARAM_PAD_MODE,
			OSSL_PKEY_RSA_PAD_MODE_OAEP, 0) != 1 ||
		OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, md, 0) !=
			1 ||
		OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, md, 0) !=
			1)
		return ossl_error(ERR_NOMEM, "RSA-OAEP");
	if (label.n > 0 && OSSL_PARAM_BLD_push_octet_string(
				   bld, OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, label.p, label.n) != 1)
		return ossl_error(ERR_NOMEM, "RSA-OAEP");
	params = OSSL_PARAM_BLD_to_param(bld);
	if (!params || init(ctx, params) != 1)
		return ossl_error(ERR_CRYPTO, "RSA-OAEP");
	*ret_ctx = TAKE(ctx);
	return OK;
}

RESULT key_oaep_encrypt(const struct key *k, enum digest_alg hash, struct bytes label,
	struct bytes plain, struct buf *out)
{
	AUTO(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = NULL;
	uint8_t cipher[RSA_BITS_MAX / 8];
	size_t n = sizeof(cipher);

	TRY(oaep_new(k, EVP_PKEY_encrypt_init_ex, hash, label, &ctx));
	if (EVP_PKEY_encrypt(ctx, cipher, &n, plain.p, plain.n) != 1)
		return ossl_error(ERR_CRYPTO, "RSA-OAEP");
	buf_put(out, bytes_of(cipher, n));
	return buf_end(out, "RSA-OAEP");
}

RESULT key_oaep_decrypt(const struct key *k, enum digest_alg hash, struct bytes label,
	struct bytes cipher, struct secret **ret_plain)
{
	AUTO(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = NULL;
	AUTO(secret_freep) struct secret *plain = NULL;
	size_t n = RSA_BITS_MAX / 8;

	if (!k->is_private)
		return err_new(ERR_STATE, "RSA-OAEP: only the public key is known");
	TRY(oaep_new(k, EVP_PKEY_decrypt_init_ex, hash, label, &ctx));
	TRY(secret_new(n, &plain));
	/* One answer for every cause: telling them apart would be Manger's oracle. */
	if (EVP_PKEY_decrypt(ctx, secret_data(plain), &n, cipher.p, cipher.n) != 1 || n == 0)
		return ossl_refuse(ERR_UNVERIFIED, "RSA-OAEP: decryption");
	secret_truncate(plain, n);
	*ret_plain = TAKE(plain);
	return OK;
}

static RESULT pkcs1_new(const struct key *k, int (*init)(EVP_PKEY_CTX *, const OSSL_PARAM *),
	EVP_PKEY_CTX **ret_ctx)
{
	AUTO(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->pkey, NULL);

	if (k->type != KEY_RSA)
		return err_new(ERR_UNSUPPORTED, "RSAES-PKCS1-v1_5: not an RSA key");
	if (!ctx || init(ctx, NULL) != 1 ||
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1)
		return ossl_error(ERR_CRYPTO, "RSAES-PKCS1-v1_5");
	*ret_ctx = TAKE(ctx);
	return OK;
}

RESULT key_pkcs1_encrypt(const struct key *k, struct bytes plain, struct buf *out)
{
	AUTO(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = NULL;
	uint8_t cipher[RSA_BITS_MAX / 8];
	size_t n = sizeof(cipher);

	TRY(pkcs1_new(k, EVP_PKEY_encrypt_init_ex, &ctx));
	if (EVP_PKEY_encrypt(ctx, cipher, &n, plain.p, plain.n) != 1)
		return ossl_error(ERR_CRYPTO, "RSAES-PKCS1-v1_5");
	buf_put(out, bytes_of(cipher, n));
	return buf_end(out, "RSAES-PKCS1-v1_5");
}

RESULT key_pkcs1_decrypt(
	const struct key *k, struct bytes cipher, size_t n, struct secret **ret_plain)
{
	AUTO(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = NULL;
	AUTO(secret_freep) struct secret *plain = NULL;
	size_t got = RSA_BITS_MAX / 8;

	if (!k->is_private)
		return err_new(ERR_STATE, "RSAES-PKCS1-v1_5: only the public key is known");
	TRY(pkcs1_new(k, EVP_PKEY_decrypt_init_ex, &ctx));
	TRY(secret_new(got, &plain));
	if (EVP_PKEY_decrypt(ctx, secret_data(plain), &got, cipher.p, cipher.n) != 1 || got != n)
		return ossl_refuse(ERR_UNVERIFIED, "RSAES-PKCS1-v1_5: decryption");
	secret_truncate(plain, n);
	*ret_plain = TAKE(plain);
	return OK;
}
