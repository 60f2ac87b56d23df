/* Signatures. */
#include "key_internal.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

#include <crypto/key.h>

OSSL_FREEP(ECDSA_SIG, ECDSA_SIG_free)

enum family {
	FAMILY_EC,
	FAMILY_RSA,
	FAMILY_ED25519,
	FAMILY_SM2 /* sm2.c */
};

enum {
	SIGNATURE_MAX = RSA_BITS_MAX / 8
};

static const struct {
	enum family family;
	enum digest_alg alg; /* not for Ed25519, which hashes by itself */
	bool pss;
} algs[] = {
	[SIG_ECDSA_SHA256] = { FAMILY_EC, DIGEST_SHA256, false },
	[SIG_ECDSA_SHA384] = { FAMILY_EC, DIGEST_SHA384, false },
	[SIG_ECDSA_SHA512] = { FAMILY_EC, DIGEST_SHA512, false },
	[SIG_RSA_PKCS1_SHA256] = { FAMILY_RSA, DIGEST_SHA256, false },
	[SIG_RSA_PKCS1_SHA384] = { FAMILY_RSA, DIGEST_SHA384, false },
	[SIG_RSA_PKCS1_SHA512] = { FAMILY_RSA, DIGEST_SHA512, false },
	[SIG_RSA_PSS_SHA256] = { FAMILY_RSA, DIGEST_SHA256, true },
	[SIG_RSA_PSS_SHA384] = { FAMILY_RSA, DIGEST_SHA384, true },
	[SIG_RSA_PSS_SHA512] = { FAMILY_RSA, DIGEST_SHA512, true },
	[SIG_ED25519] = { FAMILY_ED25519, DIGEST_SHA512, false },
};

static enum family family_of(const struct key *k)
{
	if (k->type == KEY_RSA)
		return FAMILY_RSA;
	if (k->type == KEY_SM2)
		return FAMILY_SM2;
	return k->type == KEY_ED25519 ? FAMILY_ED25519 : FAMILY_EC;
}

typedef int init_fn(EVP_MD_CTX *ctx, EVP_PKEY_CTX **pctx, const char *md, OSSL_LIB_CTX *lib,
	const char *props, EVP_PKEY *pkey, const OSSL_PARAM params[]);

static bool sig_init(
	const struct key *k, enum sig_alg alg, init_fn *init, int pss_salt, EVP_MD_CTX *ctx)
{
	EVP_PKEY_CTX *pctx = NULL; /* belongs to ctx */
	const char *md = algs[alg].family == FAMILY_ED25519 ? NULL : ossl_md_name(algs[alg].alg);

	if (!ctx || init(ctx, &pctx, md, NULL, NULL, k->pkey, NULL) != 1)
		return false;
	return !algs[alg].pss || (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
					 EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, pss_salt) == 1);
}

RESULT key_sign(const struct key *k, enum sig_alg alg, struct bytes message, struct buf *sig)
{
	AUTO(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t out[SIGNATURE_MAX];
	size_t n = sizeof(out);

	if (!k->is_private)
		return err_new(ERR_STATE, "signing: only the public key is known");
	if (family_of(k) != algs[alg].family)
		return err_new(ERR_UNSUPPORTED, "signing: algorithm of another type of key");
	if (!sig_init(k, alg, EVP_DigestSignInit_ex, RSA_PSS_SALTLEN_DIGEST, ctx) ||
		EVP_DigestSign(ctx, out, &n, message.p, message.n) != 1)
		return ossl_error(ERR_CRYPTO, "signing");
	buf_put(sig, bytes_of(out, n));
	return buf_end(sig, "signature");
}

RESULT key_verify(const struct key *k, enum sig_alg alg, struct bytes message, struct bytes sig)
{
	AUTO(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (!ctx)
		return ossl_error(ERR_NOMEM, "signature");
	if (family_of(k) != algs[alg].family || sig.n == 0 ||
		!sig_init(k, alg, EVP_DigestVerifyInit_ex, RSA_PSS_SALTLEN_AUTO, ctx) ||
		EVP_DigestVerify(ctx, sig.p, sig.n, message.p, message.n) != 1)
		return ossl_refuse(ERR_UNVERIFIED, "signature");
	return OK;
}

RESULT ecdsa_raw_to_der(struct bytes raw, struct buf *der)
{
	AUTO(ECDSA_SIG_freep) ECDSA_SIG *sig = ECDSA_SIG_new();
	size_t width = raw.n / 2;
	uint8_t *out = NULL;

	if (!sig)
		return ossl_error(ERR_NOMEM, "ECDSA signature");
	if (raw.n % 2 != 0 || width == 0 || width > EC_WIDTH_MAX)
		return err_new(ERR_FORMAT, "ECDSA signature of %zu bytes", raw.n);
	BIGNUM *r = BN_bin2bn(raw.p, (int)width, NULL);
	BIGNUM *s = BN_bin2bn(raw.p + width, (int)width, NULL);
	if (!r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return ossl_error(ERR_NOMEM, "ECDSA signature");
	}
	if (BN_is_zero(r) || BN_is_zero(s))
		return err_new(ERR_FORMAT, "ECDSA signature: r or s is zero");
	int n = i2d_ECDSA_SIG(sig, &out);
	if (n <= 0)
		return ossl_error(ERR_NOMEM, "ECDSA signature");
	buf_put(der, bytes_of(out, (size_t)n));
	OPENSSL_free(out);
	return buf_end(der, "ECDSA signature");
}

RESULT ecdsa_der_to_raw(struct bytes der, size_t width, struct buf *raw)
{
	const uint8_t *p = der.p;
	AUTO(ECDSA_SIG_freep)
	ECDSA_SIG *sig = der.n <= SIGNATURE_MAX ? d2i_ECDSA_SIG(NULL, &p, (long)der.n) : NULL;
	uint8_t out[2 * EC_WIDTH_MAX];

	if (!sig || p != der.p + der.n)
		return ossl_refuse(ERR_FORMAT, "ECDSA signature: not DER");
	const BIGNUM *r = ECDSA_SIG_get0_r(sig);
	const BIGNUM *s = ECDSA_SIG_get0_s(sig);
	if (width > EC_WIDTH_MAX || BN_is_negative(r) || BN_is_negative(s) || BN_is_zero(r) ||
		BN_is_zero(s) || BN_bn2binpad(r, out, (int)width) < 0 ||
		BN_bn2binpad(s, out + width, (int)width) < 0)
		return ossl_refuse(ERR_FORMAT, "ECDSA signature: r or s out of range");
	buf_put(raw, bytes_of(out, 2 * width));
	return buf_end(raw, "ECDSA signature");
}
