#include "ossl.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include <crypto/cipher.h>

OSSL_FREEP(EVP_KDF, EVP_KDF_free)
OSSL_FREEP(EVP_KDF_CTX, EVP_KDF_CTX_free)

RESULT pbkdf2(const struct pbkdf2_input *in, size_t n, struct secret **ret_key)
{
	AUTO(EVP_KDF_freep) EVP_KDF *kdf = EVP_KDF_fetch(NULL, "PBKDF2", NULL);
	AUTO(EVP_KDF_CTX_freep) EVP_KDF_CTX *c = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	AUTO(secret_freep) struct secret *key = NULL;
	unsigned iterations = in->iterations;
	int checks_off = 1; /* the formats that use it have short salts and keys of their own */
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(
			OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)digest_name(in->alg), 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)in->password.p, in->password.n),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)in->salt.p, in->salt.n),
		OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &iterations),
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS5, &checks_off),
		OSSL_PARAM_construct_end(),
	};

	if (in->iterations == 0)
		return err_new(ERR_FORMAT, "PBKDF2: no iterations");
	TRY(secret_new(n, &key));
	if (!c || EVP_KDF_derive(c, secret_data(key), n, params) != 1)
		return ossl_error(ERR_CRYPTO, "PBKDF2");
	*ret_key = TAKE(key);
	return OK;
}
