/* SM2 signatures (GB/T 32918.2, GB/T 35276). */
#include "key_internal.h"

#include <openssl/core_names.h>

#include <crypto/key.h>

enum {
	SM2_SIGNATURE_MAX = 80,
	SM2_ID_MAX = 8191 /* its length in bits has two bytes */
};

/* The parameters borrow the id, which lives as long as the call. */
static bool sm2_params(struct bytes user_id, OSSL_PARAM ret[static 2])
{
	if (user_id.n > SM2_ID_MAX)
		return false;
	/* OpenSSL only reads it, but its structure serves both directions. */
	ret[0] = OSSL_PARAM_construct_octet_string(
		OSSL_PKEY_PARAM_DIST_ID, (void *)(uintptr_t)user_id.p, user_id.n);
	ret[1] = OSSL_PARAM_construct_end();
	return true;
}

RESULT key_sign_sm2(
	const struct key *k, struct bytes user_id, struct bytes message, struct buf *sig)
{
	AUTO(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t out[SM2_SIGNATURE_MAX];
	size_t n = sizeof(out);
	OSSL_PARAM params[2];

	if (!k->is_private || k->type != KEY_SM2)
		return err_new(ERR_STATE, "signing: no private SM2 key");
	if (!ctx || !sm2_params(user_id, params) ||
		EVP_DigestSignInit_ex(
			ctx, NULL, ossl_md_name(DIGEST_SM3), NULL, NULL, k->pkey, params) != 1 ||
		EVP_DigestSign(ctx, out, &n, message.p, message.n) != 1)
		return ossl_error(ERR_CRYPTO, "signing with SM2");
	buf_put(sig, bytes_of(out, n));
	return buf_end(sig, "signature");
}

RESULT key_verify_sm2(
	const struct key *k, struct bytes user_id, struct bytes message, struct bytes sig)
{
	AUTO(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	OSSL_PARAM params[2];

	if (!ctx)
		return ossl_error(ERR_NOMEM, "signature");
	if (k->type != KEY_SM2 || sig.n == 0 || !sm2_params(user_id, params) ||
		EVP_DigestVerifyInit_ex(
			ctx, NULL, ossl_md_name(DIGEST_SM3), NULL, NULL, k->pkey, params) != 1 ||
		EVP_DigestVerify(ctx, sig.p, sig.n, message.p, message.n) != 1)
		return ossl_refuse(ERR_UNVERIFIED, "signature");
	return OK;
}
