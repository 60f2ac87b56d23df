#include "key_internal.h"
#include "x509_internal.h"

#include <limits.h>
#include <string.h>

#include <openssl/pem.h>

#include <base/clock.h>
#include <crypto/der.h>

OSSL_FREEP(X509_CRL, X509_CRL_free)

struct x509_crl {
	X509_CRL *crl;
	int64_t this_update, next_update;
	X509 *signer; /* whose signature was found to hold; NULL: not known yet */
};

enum {
	CRL_MAX = 2 * 1024 * 1024 /* 100000 entries; decoded they take ten times as much */
};

void x509_crl_free(struct x509_crl *c)
{
	if (!c)
		return;
	X509_CRL_free(c->crl);
	X509_free(c->signer);
	free(c);
}

void x509_crl_freep(struct x509_crl **c)
{
	x509_crl_free(*c);
}

int64_t x509_crl_this_update(const struct x509_crl *c)
{
	return c->this_update;
}

int64_t x509_crl_next_update(const struct x509_crl *c)
{
	return c->next_update;
}

void x509_crl_issuer(const struct x509_crl *c, char *to, size_t size)
{
	x509_name_text(X509_CRL_get_issuer(c->crl), to, size);
}

bool x509_crl_names_issuer(const struct x509_crl *c, const struct x509 *issuer)
{
	return X509_NAME_cmp(X509_CRL_get_issuer(c->crl), X509_get_subject_name(issuer->cert)) == 0;
}

RESULT x509_crl_entry(
	const struct x509_crl *c, size_t i, char *serial, size_t size, int64_t *ret_when)
{
	STACK_OF(X509_REVOKED) *all = X509_CRL_get_REVOKED(c->crl);

	if (!all || i >= (size_t)sk_X509_REVOKED_num(all))
		return err_new(ERR_NOT_FOUND, "entry %zu", i);
	const X509_REVOKED *one = sk_X509_REVOKED_value(all, (int)i);
	TRY(x509_time(X509_REVOKED_get0_revocationDate(one), "revocation date", ret_when));
	x509_serial_text(X509_REVOKED_get0_serialNumber(one), serial, size);
	return OK;
}

RESULT x509_crl_der(const struct x509_crl *c, struct buf *out)
{
	unsigned char *der = NULL;
	int n = i2d_X509_CRL(c->crl, &der);

	if (n <= 0)
		return ossl_error(ERR_CRYPTO, "revocation list");
	buf_put(out, bytes_of(der, (size_t)n));
	OPENSSL_free(der);
	return buf_end(out, "revocation list");
}

bool x509_crl_number(const struct x509_crl *c, uint64_t *ret_number)
{
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(c->crl, NID_crl_number, NULL, NULL);
	uint64_t v = 0;
	bool found = number && ASN1_INTEGER_get_uint64(&v, number) == 1;

	ASN1_INTEGER_free(number);
	if (found)
		*ret_number = v;
	else
		ossl_forget();
	return found;
}

/* RFC 5280 5.1.1.2: the algorithm outside of what is signed is the one inside. OpenSSL compares
 * them for certificates; for lists, not in every 3.0. */
static RESULT check_algorithms(struct bytes der)
{
	struct reader r = rd_of(der), list, tbs;
	struct bytes inner, outer;

	TRY(der_enter(&r, DER_SEQUENCE, &list));
	TRY(der_enter(&list, DER_SEQUENCE, &tbs));
	TRY(der_next(&tbs, &inner));
	if (inner.p[0] == DER_INTEGER) /* the version may stand before it */
		TRY(der_next(&tbs, &inner));
	TRY(der_next(&list, &outer));
	if (bytes_compare(inner, outer) != 0)
		return err_new(ERR_FORMAT, "two signature algorithms");
	return OK;
}

static RESULT decode(struct bytes der, X509_CRL **ret_crl)
{
	const uint8_t *p = der.p;

	struct err e = der_check(der);
	if (!failed(e))
		e = check_algorithms(der);
	if (failed(e))
		return err_add(e, "revocation list");
	AUTO(X509_CRL_freep) X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.n);
	if (!crl || p != der.p + der.n)
		return ossl_error(ERR_FORMAT, "revocation list");
	*ret_crl = TAKE(crl);
	return OK;
}

static RESULT decode_pem(struct bytes pem, X509_CRL **ret_crl)
{
	AUTO(BIO_free_allp) BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	char *label = NULL, *header = NULL;
	uint8_t *der = NULL;
	long n = 0;

	if (!in || PEM_read_bio(in, &label, &header, &der, &n) != 1)
		return ossl_error(ERR_FORMAT, "PEM revocation list");
	struct err e = str_equal(label, PEM_STRING_X509_CRL)
			       ? decode(bytes_of(der, (size_t)n), ret_crl)
			       : err_new(ERR_FORMAT, "revocation list: PEM block '%.32s'", label);
	OPENSSL_free(label);
	OPENSSL_free(header);
	OPENSSL_free(der);
	return e;
}

RESULT x509_crl_parse(struct bytes in, struct x509_crl **ret_crl)
{
	static const char begin[] = "-----BEGIN ";
	AUTO(x509_crl_freep) struct x509_crl *c = calloc(1, sizeof(*c));

	if (!c)
		return err_new(ERR_NOMEM, "revocation list");
	if (in.n > CRL_MAX)
		return err_new(ERR_LIMIT, "revocation list: more than %d bytes", CRL_MAX);
	if (in.n > 0 && memmem(in.p, in.n, begin, strlen(begin)))
		TRY(decode_pem(in, &c->crl));
	else
		TRY(decode(in, &c->crl));
	TRY(x509_time(
		X509_CRL_get0_lastUpdate(c->crl), "revocation list: thisUpdate", &c->this_update));
	TRY(x509_time(
		X509_CRL_get0_nextUpdate(c->crl), "revocation list: nextUpdate", &c->next_update));
	*ret_crl = TAKE(c);
	return OK;
}

/* The field is the issuer's name, as that is what people know a list by. */
static struct err refuse(
	const struct x509_crl *c, const char *code, const char *expected, const char *actual)
{
	char issuer[X509_NAME_SIZE];

	x509_name_text(X509_CRL_get_issuer(c->crl), issuer, sizeof(issuer));
	ossl_forget();
	return err_deny(ERR_UNVERIFIED, code, issuer, expected, actual);
}

static RESULT check_dates(const struct x509_crl *c, int64_t now)
{
	char dates[2 * RFC3339_SIZE + 8], at[RFC3339_SIZE];

	if (now >= c->this_update && now <= c->next_update)
		return OK;
	x509_dates_text(c->this_update, c->next_update, dates, sizeof(dates));
	clock_format(now, at);
	return refuse(c, now < c->this_update ? "crl.not-yet-valid" : "crl.expired", dates, at);
}

/* RFC 5280 5.2: a list with a critical extension that is not understood must not be used. */
static RESULT check_extensions(const struct x509_crl *c)
{
	for (int i = 0; i < X509_CRL_get_ext_count(c->crl); i++) {
		const X509_EXTENSION *ext = X509_CRL_get_ext(c->crl, i);

		if (X509_EXTENSION_get_critical(ext))
			return refuse(c, "crl.critical-extension", "none", "one");
	}
	return OK;
}

/* Several certificates of an issuer are judged by one list, and a broker judges many. */
static bool signature_holds(const struct x509_crl *c, const struct x509 *issuer)
{
	struct x509_crl *remember = (struct x509_crl *)(uintptr_t)c;
	EVP_PKEY *key = X509_get0_pubkey(issuer->cert);

	if (c->signer && X509_cmp(c->signer, issuer->cert) == 0)
		return true;
	if (!key || X509_CRL_verify(c->crl, key) != 1)
		return false;
	if (X509_up_ref(issuer->cert) == 1) {
		X509_free(c->signer);
		remember->signer = issuer->cert;
	}
	return true;
}

RESULT x509_crl_verify_key(const struct x509_crl *c, const struct key *issuer, int64_t now)
{
	if (X509_CRL_verify(c->crl, issuer->pkey) != 1)
		return refuse(c, "crl.signature", "the issuer's signature", "another");
	TRY(check_dates(c, now));
	return check_extensions(c);
}

bool x509_crl_lists(const struct x509_crl *c, const struct x509 *cert)
{
	X509_REVOKED *entry = NULL;

	/* 2: listed as "remove from CRL". */
	return X509_CRL_get0_by_serial(c->crl, &entry, X509_get0_serialNumber(cert->cert)) == 1;
}

RESULT x509_crl_issuer_attributes(
	const struct x509_crl *c, struct x509_attribute v[X509_ATTRIBUTES_MAX], size_t *ret_n)
{
	return x509_attributes(X509_CRL_get_issuer(c->crl), v, ret_n);
}

RESULT x509_crl_verify(const struct x509_crl *c, const struct x509 *issuer, int64_t now)
{
	char name[X509_NAME_SIZE];

	if (X509_NAME_cmp(X509_CRL_get_issuer(c->crl), X509_get_subject_name(issuer->cert)) != 0) {
		x509_name_text(X509_get_subject_name(issuer->cert), name, sizeof(name));
		return refuse(c, "crl.issuer", name, "another");
	}
	if (!signature_holds(c, issuer))
		return refuse(c, "crl.signature", "the issuer's signature", "another");
	TRY(check_dates(c, now));
	return check_extensions(c);
}

RESULT x509_crl_check(const struct x509_crl *c, const struct x509 *cert)
{
	char name[X509_NAME_SIZE];
	X509_REVOKED *entry = NULL;

	if (X509_NAME_cmp(X509_CRL_get_issuer(c->crl), X509_get_issuer_name(cert->cert)) != 0) {
		x509_name_text(X509_get_issuer_name(cert->cert), name, sizeof(name));
		return refuse(c, "crl.issuer", name, "another");
	}
	/* 2: listed as "remove from CRL". */
	if (X509_CRL_get0_by_cert(c->crl, &entry, cert->cert) != 1)
		return OK;
	x509_name_text(X509_get_subject_name(cert->cert), name, sizeof(name));
	return err_deny(ERR_UNVERIFIED, "certificate.revoked", name, NULL, NULL);
}
