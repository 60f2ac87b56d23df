/* Private to crypto/: OpenSSL's return values, error queue and clean-up in our terms. */
#pragma once

/* OpenSSL has a type of this name, we an error code. Whoever includes OpenSSL includes this first.
 */
#define ERR_STATE OSSL_ERR_STATE
#include <openssl/err.h>
#undef ERR_STATE
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <crypto/digest.h>

/*
 * Nothing stays in OpenSSL's thread-wide error queue: each function that sees a failure ends with
 * one of these. ossl_error() puts the reason of the last queued error after `what`.
 */
struct err ossl_error(enum err_code code, const char *what);
/* A failure whose details must not reach the peer (wrong tag, wrong signature, wrong padding). */
struct err ossl_refuse(enum err_code code, const char *what);
/* Empties the queue where a refusal by OpenSSL is no failure of ours. */
void ossl_forget(void);

/* Fetched once a process; NULL when the provider lacks it. */
const EVP_MD *ossl_md(enum digest_alg alg);
const char *ossl_md_name(enum digest_alg alg);

/* Clean-up functions for AUTO(); OpenSSL's accept NULL. */
#define OSSL_FREEP(type, fn)                                                                       \
	static inline void fn##p(type **p) /* NOLINT(bugprone-macro-parentheses): a type */        \
	{                                                                                          \
		fn(*p);                                                                            \
	}
OSSL_FREEP(BIO, BIO_free_all)
OSSL_FREEP(BIGNUM, BN_clear_free)
OSSL_FREEP(BN_CTX, BN_CTX_free)
OSSL_FREEP(EVP_CIPHER, EVP_CIPHER_free)
OSSL_FREEP(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)
OSSL_FREEP(EVP_MD_CTX, EVP_MD_CTX_free)
OSSL_FREEP(EVP_PKEY, EVP_PKEY_free)
OSSL_FREEP(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
OSSL_FREEP(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
OSSL_FREEP(OSSL_PARAM, OSSL_PARAM_free)
