#include "key_internal.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>

#include <crypto/key.h>

static const struct curve curves[] = {
	{ KEY_P256, SN_X9_62_prime256v1, NID_X9_62_prime256v1, 32 },
	{ KEY_P384, SN_secp384r1, NID_secp384r1, 48 },
	{ KEY_P521, SN_secp521r1, NID_secp521r1, 66 },
	{ KEY_SM2, SN_sm2, NID_sm2, 32 },
};

const struct curve *curve_of(enum key_type type)
{
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		if (curves[i].type == type)
			return &curves[i];
	}
	return NULL;
}

static RESULT ec_type(const EVP_PKEY *pkey, enum key_type *ret_type)
{
	char text[64] = "";

	/* A curve given by its parameters instead of its name can be a trap (CVE-2020-0601). */
	if (EVP_PKEY_get_utf8_string_param(
		    pkey, OSSL_PKEY_PARAM_EC_ENCODING, text, sizeof(text), NULL) != 1 ||
		!str_equal(text, OSSL_PKEY_EC_ENCODING_GROUP))
		return ossl_refuse(ERR_UNSUPPORTED, "EC key: curve without a name");
	if (EVP_PKEY_get_group_name(pkey, text, sizeof(text), NULL) != 1)
		return ossl_error(ERR_UNSUPPORTED, "EC key: curve");
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		/* As plain EC it would be used for ECDSA. */
		if (curves[i].type != KEY_SM2 && str_equal(text, curves[i].group)) {
			*ret_type = curves[i].type;
			return OK;
		}
	}
	return err_new(ERR_UNSUPPORTED, "EC key: curve '%s'", text);
}

static RESULT rsa_check(const EVP_PKEY *pkey)
{
	AUTO(BN_clear_freep) BIGNUM *n = NULL;
	AUTO(BN_clear_freep) BIGNUM *e = NULL;
	int bits = EVP_PKEY_get_bits(pkey);

	if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
		return err_new(ERR_UNSUPPORTED, "RSA key of %d bits", bits);
	if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
		EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
		return ossl_error(ERR_FORMAT, "RSA key");
	if (!BN_is_odd(n) || !BN_is_odd(e) || BN_is_one(e) ||
		BN_num_bits(e) > RSA_EXPONENT_BITS_MAX)
		return err_new(ERR_FORMAT, "RSA key: modulus or exponent");
	return OK;
}

static RESULT type_of(const EVP_PKEY *pkey, enum key_type *ret_type)
{
	if (EVP_PKEY_is_a(pkey, "EC"))
		return ec_type(pkey, ret_type);
	if (EVP_PKEY_is_a(pkey, "RSA")) {
		TRY(rsa_check(pkey));
		*ret_type = KEY_RSA;
		return OK;
	}
	if (EVP_PKEY_is_a(pkey, "SM2")) {
		*ret_type = KEY_SM2;
		return OK;
	}
	if (EVP_PKEY_is_a(pkey, "ED25519")) {
		*ret_type = KEY_ED25519;
		return OK;
	}
	const char *name = EVP_PKEY_get0_type_name(pkey);
	return err_new(ERR_UNSUPPORTED, "key of type %s", name ? name : "unknown");
}

RESULT key_adopt(EVP_PKEY *pkey, bool is_private, struct key **ret_key)
{
	AUTO(EVP_PKEY_freep) EVP_PKEY *owned = pkey;
	enum key_type type;

	TRY(type_of(pkey, &type));
	struct key *k = calloc(1, sizeof(*k));
	if (!k)
		return err_new(ERR_NOMEM, "key");
	*k = (struct key){ .pkey = TAKE(owned), .type = type, .is_private = is_private };
	*ret_key = k;
	return OK;
}

void key_free(struct key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

void key_freep(struct key **k)
{
	key_free(*k);
}

enum key_type key_type(const struct key *k)
{
	return k->type;
}

bool key_is_private(const struct key *k)
{
	return k->is_private;
}

unsigned key_bits(const struct key *k)
{
	return (unsigned)EVP_PKEY_get_bits(k->pkey);
}

bool key_equal(const struct key *a, const struct key *b)
{
	bool equal = a->type == b->type && EVP_PKEY_eq(a->pkey, b->pkey) == 1;

	ossl_forget();
	return equal;
}
