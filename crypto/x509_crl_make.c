#include "x509_internal.h"

OSSL_FREEP(X509_CRL, X509_CRL_free)

static RESULT made(bool ok, const char *what)
{
	return ok ? OK : ossl_error(ERR_CRYPTO, what);
}

static RESULT set_dates(X509_CRL *crl, const struct x509_crl_make *m)
{
	AUTO(ASN1_TIME_freep) ASN1_TIME *from = ASN1_TIME_set(NULL, m->this_update);
	AUTO(ASN1_TIME_freep) ASN1_TIME *to = ASN1_TIME_set(NULL, m->next_update);

	return made(from && to && X509_CRL_set1_lastUpdate(crl, from) == 1 &&
			    X509_CRL_set1_nextUpdate(crl, to) == 1,
		"revocation list: dates");
}

static RESULT set_number(X509_CRL *crl, uint64_t number)
{
	AUTO(ASN1_INTEGER_freep) ASN1_INTEGER *n = ASN1_INTEGER_new();

	return made(n && ASN1_INTEGER_set_uint64(n, number) == 1 &&
			    X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, 0) == 1,
		"revocation list: number");
}

static RESULT add_revoked(X509_CRL *crl, X509 *cert, int64_t since)
{
	AUTO(ASN1_TIME_freep) ASN1_TIME *date = ASN1_TIME_set(NULL, since);
	X509_REVOKED *entry = X509_REVOKED_new();

	/* The list owns the entry once it is added. */
	if (!date || !entry ||
		X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(cert)) != 1 ||
		X509_REVOKED_set_revocationDate(entry, date) != 1 ||
		X509_CRL_add0_revoked(crl, entry) != 1) {
		X509_REVOKED_free(entry);
		return ossl_error(ERR_CRYPTO, "revocation list: entry");
	}
	return OK;
}

static RESULT write_der(X509_CRL *crl, struct buf *out)
{
	uint8_t *der = NULL;
	int n = i2d_X509_CRL(crl, &der);

	if (n <= 0)
		return ossl_error(ERR_CRYPTO, "revocation list");
	buf_put(out, bytes_of(der, (size_t)n));
	OPENSSL_free(der);
	return buf_end(out, "revocation list");
}

RESULT x509_crl_make(const struct x509_crl_make *m, struct buf *ret_der)
{
	AUTO(X509_CRL_freep) X509_CRL *crl = X509_CRL_new();
	AUTO(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = NULL;

	TRY(x509_signing(m->issuer_key, m->issuer, m->rsa_pss, &ctx));
	TRY(made(crl && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
			 X509_CRL_set_issuer_name(crl, X509_get_subject_name(m->issuer->cert)) == 1,
		"revocation list: issuer"));
	TRY(set_dates(crl, m));
	TRY(set_number(crl, m->number));
	for (size_t i = 0; m->revoked && i < m->revoked->n; i++)
		TRY(add_revoked(crl, m->revoked->v[i]->cert, m->this_update));
	if (X509_CRL_sort(crl) != 1 || X509_CRL_sign_ctx(crl, ctx) <= 0)
		return ossl_error(ERR_CRYPTO, "revocation list: signing");
	return write_der(crl, ret_der);
}
