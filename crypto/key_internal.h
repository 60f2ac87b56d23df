/* Private to crypto/: what a key is made of. */
#pragma once

#include "ossl.h"

#include <crypto/key.h>

struct key {
	EVP_PKEY *pkey;
	enum key_type type;
	bool is_private;
};

enum {
	RSA_BITS_MIN = 2048,
	RSA_BITS_MAX = 4096,
	RSA_EXPONENT_BITS_MAX = 64, /* larger ones only serve to make verification slow */
	EC_WIDTH_MAX = 66,
	KEY_DER_MAX = 16 * 1024
};

/* The NIST curves and SM2's; NULL when the type is no curve. */
struct curve {
	enum key_type type;
	const char *group; /* OpenSSL's name */
	int nid;
	size_t width; /* bytes of a coordinate and of a scalar */
};
const struct curve *curve_of(enum key_type type);

/* Takes the EVP key over in every case; refuses types, curves and sizes that we do not use. */
RESULT key_adopt(EVP_PKEY *pkey, bool is_private, struct key **ret_key);
