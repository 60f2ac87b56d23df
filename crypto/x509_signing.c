/* How new certificates and revocation lists are signed. */
#include "key_internal.h"
#include "x509_internal.h"

#include <openssl/rsa.h>

static const EVP_MD *signing_digest(const struct key *k, bool pss)
{
	switch (key_type(k)) {
	case KEY_P384:
		return ossl_md(DIGEST_SHA384);
	case KEY_P521:
		return ossl_md(DIGEST_SHA512);
	case KEY_ED25519:
		return NULL; /* hashes by itself */
	case KEY_SM2:
		return ossl_md(DIGEST_SM3);
	case KEY_RSA:
		return ossl_md(pss ? DIGEST_SHA384 : DIGEST_SHA256);
	case KEY_P256:
		break;
	}
	return ossl_md(DIGEST_SHA256);
}

RESULT x509_signing(const struct key *k, const struct x509 *issuer, bool pss, EVP_MD_CTX **ret_ctx)
{
	AUTO(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_PKEY *of = issuer ? X509_get0_pubkey(issuer->cert) : k->pkey;
	EVP_PKEY_CTX *pctx = NULL;

	if (!key_is_private(k) || !of || EVP_PKEY_eq(of, k->pkey) != 1)
		return ossl_refuse(ERR_STATE, "signing: the key is not the issuer's");
	pss = pss && key_type(k) == KEY_RSA;
	if (!ctx || EVP_DigestSignInit(ctx, &pctx, signing_digest(k, pss), NULL, k->pkey) != 1 ||
		(pss && (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) != 1 ||
				EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) !=
					1)))
		return ossl_error(ERR_CRYPTO, "signing");
	*ret_ctx = TAKE(ctx);
	return OK;
}
