/* Private to crypto/: what a certificate is made of. */
#pragma once

#include "ossl.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <crypto/x509.h>

OSSL_FREEP(X509, X509_free)
OSSL_FREEP(X509_EXTENSION, X509_EXTENSION_free)
OSSL_FREEP(ASN1_OBJECT, ASN1_OBJECT_free)
OSSL_FREEP(ASN1_INTEGER, ASN1_INTEGER_free)
OSSL_FREEP(ASN1_TIME, ASN1_TIME_free)

struct x509 {
	X509 *cert;
	int64_t not_before, not_after;
};

enum {
	X509_DER_MAX = 64 * 1024,
	X509_NAME_SIZE = 160,
	OID_TEXT_SIZE = 80
};

/* RFC 2253 with control and non-ASCII characters escaped; "" for the empty name. */
void x509_name_text(const X509_NAME *name, char *to, size_t size);
RESULT x509_time(const ASN1_TIME *t, const char *what, int64_t *ret_t);
/* "<from> to <to>" */
void x509_dates_text(int64_t from, int64_t to, char *text, size_t size);
/* What a new certificate or list of `issuer` (NULL: its own) is signed with; `pss`: RSASSA-PSS with
 * SHA-384. ERR_STATE when the key has no private part or is not the issuer's. */
RESULT x509_signing(const struct key *k, const struct x509 *issuer, bool pss, EVP_MD_CTX **ret_ctx);
/* Dotted decimal. */
RESULT x509_oid(const char *dotted, ASN1_OBJECT **ret_oid);
/* Lower-case hex without leading zeroes, cut to the size. */
void x509_serial_text(const ASN1_INTEGER *serial, char *to, size_t size);
RESULT x509_attributes(
	const X509_NAME *name, struct x509_attribute v[X509_ATTRIBUTES_MAX], size_t *ret_n);
/* x509_parse_der(), unless a chain of the memo (may be NULL) has the certificate. */
RESULT x509_memo_parse(const struct x509_memo *m, struct bytes der, struct x509 **ret_cert);
/* A chain of v->memo that answers `v`. */
bool x509_memo_holds(const struct x509_verify *v, struct x509_list *ret_borrowed);
void x509_memo_keep(const struct x509_verify *v, const struct x509_list *path);
