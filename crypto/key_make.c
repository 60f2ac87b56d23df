/* Keys from nothing (generation) and from numbers. */
#include "key_internal.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <crypto/key.h>

OSSL_FREEP(EC_GROUP, EC_GROUP_free)
OSSL_FREEP(EC_POINT, EC_POINT_free)

RESULT key_generate_rsa(unsigned bits, struct key **ret_key)
{
	if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
		return err_new(ERR_UNSUPPORTED, "RSA key of %u bits", bits);
	EVP_PKEY *pkey = EVP_RSA_gen(bits);
	if (!pkey)
		return ossl_error(ERR_CRYPTO, "generating an RSA key");
	return key_adopt(pkey, true, ret_key);
}

RESULT key_generate(enum key_type type, struct key **ret_key)
{
	const struct curve *curve = curve_of(type);

	if (type == KEY_RSA)
		return key_generate_rsa(RSA_BITS_MIN, ret_key);
	EVP_PKEY *pkey = curve && type != KEY_SM2 ? EVP_EC_gen(curve->group)
						  : EVP_PKEY_Q_keygen(NULL, NULL,
							    type == KEY_SM2 ? "SM2" : "ED25519");
	if (!pkey)
		return ossl_error(ERR_CRYPTO, "generating a key");
	return key_adopt(pkey, true, ret_key);
}

static RESULT from_params(const char *what, const char *type, OSSL_PARAM_BLD *bld, bool is_private,
	struct key **ret_key)
{
	AUTO(EVP_PKEY_CTX_freep)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	AUTO(OSSL_PARAM_freep) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY *pkey = NULL;
	int selection = is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;

	if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) != 1)
		return ossl_error(ERR_CRYPTO, what);
	if (EVP_PKEY_fromdata(ctx, &pkey, selection, params) != 1)
		return ossl_error(ERR_FORMAT, what);
	return key_adopt(pkey, is_private, ret_key);
}

static const char *ec_name(enum key_type type)
{
	return type == KEY_SM2 ? "SM2" : "EC";
}

static const struct curve *need_curve(enum key_type type, struct err *ret_error)
{
	const struct curve *curve = curve_of(type);

	*ret_error = curve ? OK : err_new(ERR_UNSUPPORTED, "EC key: not a curve");
	return curve;
}

/* X9.62 uncompressed point; fromdata refuses one that is not on the curve. */
RESULT key_from_ec_point(enum key_type type, struct bytes x, struct bytes y, struct key **ret_key)
{
	AUTO(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	uint8_t point[1 + 2 * EC_WIDTH_MAX] = { 0x04 };
	struct err e;
	const struct curve *curve = need_curve(type, &e);

	if (failed(e))
		return e;
	if (x.n != curve->width || y.n != curve->width)
		return err_new(ERR_FORMAT, "EC point: coordinates of %zu and %zu bytes", x.n, y.n);
	memcpy(point + 1, x.p, x.n);
	memcpy(point + 1 + x.n, y.p, y.n);
	if (!bld ||
		OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) !=
			1 ||
		OSSL_PARAM_BLD_push_octet_string(
			bld, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + x.n + y.n) != 1)
		return ossl_error(ERR_NOMEM, "EC point");
	return from_params("EC point", ec_name(type), bld, false, ret_key);
}

/* The public point of a scalar that is checked to be in 1..order-1. */
static RESULT ec_multiply(
	const struct curve *curve, const BIGNUM *d, uint8_t *ret_point, size_t *ret_n)
{
	AUTO(EC_GROUP_freep) EC_GROUP *group = EC_GROUP_new_by_curve_name(curve->nid);
	AUTO(BN_CTX_freep) BN_CTX *ctx = BN_CTX_secure_new();
	AUTO(EC_POINT_freep) EC_POINT *point = group ? EC_POINT_new(group) : NULL;

	if (!group || !ctx || !point)
		return ossl_error(ERR_NOMEM, "EC scalar");
	if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(group)) >= 0)
		return err_new(ERR_FORMAT, "EC scalar: out of range");
	if (EC_POINT_mul(group, point, d, NULL, NULL, ctx) != 1)
		return ossl_error(ERR_CRYPTO, "EC scalar");
	*ret_n = EC_POINT_point2oct(
		group, point, POINT_CONVERSION_UNCOMPRESSED, ret_point, 1 + 2 * EC_WIDTH_MAX, ctx);
	return *ret_n ? OK : ossl_error(ERR_CRYPTO, "EC scalar");
}

RESULT key_from_ec_scalar(enum key_type type, struct bytes d, struct key **ret_key)
{
	AUTO(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	AUTO(BN_clear_freep) BIGNUM *scalar = BN_secure_new();
	uint8_t point[1 + 2 * EC_WIDTH_MAX];
	size_t n;
	struct err e;
	const struct curve *curve = need_curve(type, &e);

	if (failed(e))
		return e;
	if (d.n > curve->width)
		return err_new(ERR_FORMAT, "EC scalar: %zu bytes", d.n);
	if (!bld || !scalar || !BN_bin2bn(d.p, (int)d.n, scalar))
		return ossl_error(ERR_NOMEM, "EC scalar");
	BN_set_flags(scalar, BN_FLG_CONSTTIME);
	TRY(ec_multiply(curve, scalar, point, &n));
	if (OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) !=
			1 ||
		OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, n) != 1 ||
		OSSL_PARAM_BLD_push_BN_pad(bld, OSSL_PKEY_PARAM_PRIV_KEY, scalar, curve->width) !=
			1)
		return ossl_error(ERR_NOMEM, "EC scalar");
	return from_params("EC scalar", ec_name(type), bld, true, ret_key);
}

RESULT key_from_rsa(struct bytes n, struct bytes e, struct key **ret_key)
{
	AUTO(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	AUTO(BN_clear_freep) BIGNUM *modulus = NULL;
	AUTO(BN_clear_freep) BIGNUM *exponent = NULL;

	if (n.n > RSA_BITS_MAX / 8 + 1 || e.n > RSA_BITS_MAX / 8)
		return err_new(ERR_LIMIT, "RSA key: %zu bytes", n.n);
	modulus = BN_bin2bn(n.p, (int)n.n, NULL);
	exponent = BN_bin2bn(e.p, (int)e.n, NULL);
	if (!bld || !modulus || !exponent ||
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, modulus) != 1 ||
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, exponent) != 1)
		return ossl_error(ERR_NOMEM, "RSA key");
	return from_params("RSA key", "RSA", bld, false, ret_key);
}

RESULT key_from_ed25519(struct bytes pub, struct key **ret_key)
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, pub.p, pub.n);

	if (!pkey)
		return ossl_error(ERR_FORMAT, "Ed25519 key");
	return key_adopt(pkey, false, ret_key);
}

RESULT key_from_ed25519_seed(struct bytes seed, struct key **ret_key)
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed.p, seed.n);

	if (!pkey)
		return ossl_error(ERR_FORMAT, "Ed25519 seed");
	return key_adopt(pkey, true, ret_key);
}
