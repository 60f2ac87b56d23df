#include "ossl.h"

struct err ossl_error(enum err_code code, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	struct err e = err_new(code, "%s: %s", what, reason ? reason : "failed");

	ERR_clear_error();
	return e;
}

struct err ossl_refuse(enum err_code code, const char *what)
{
	ERR_clear_error();
	return err_new(code, "%s", what);
}

void ossl_forget(void)
{
	ERR_clear_error();
}

const char *ossl_md_name(enum digest_alg alg)
{
	static const char *const names[] = {
		[DIGEST_SHA1] = "SHA1",
		[DIGEST_SHA256] = "SHA256",
		[DIGEST_SHA384] = "SHA384",
		[DIGEST_SHA512] = "SHA512",
		[DIGEST_SM3] = "SM3",
	};

	return names[alg];
}

const EVP_MD *ossl_md(enum digest_alg alg)
{
	static EVP_MD *fetched[DIGEST_SM3 + 1];
	EVP_MD *md = __atomic_load_n(&fetched[alg], __ATOMIC_ACQUIRE);
	EVP_MD *other = NULL;

	/* An explicit fetch costs more than hashing a small message, so it is kept for ever. */
	if (md)
		return md;
	md = EVP_MD_fetch(NULL, ossl_md_name(alg), NULL);
	if (!md || __atomic_compare_exchange_n(
			   &fetched[alg], &other, md, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return md;
	EVP_MD_free(md);
	return other;
}
