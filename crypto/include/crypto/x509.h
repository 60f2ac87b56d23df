/* Certificates: chains are verified against explicit anchors at an explicit time. */
#pragma once

#include <crypto/key.h>

enum {
	X509_CERTS_MAX = 32
};

struct x509;	  /* one certificate */
struct x509_crl;  /* one revocation list */
struct x509_memo; /* chains that held */

struct x509_list {
	struct x509 *v[X509_CERTS_MAX];
	size_t n;
};

/* One DER certificate, nothing after it. */
RESULT x509_parse_der(struct bytes der, struct x509 **ret_cert);
/* One or more PEM or DER certificates appended to the list. */
RESULT x509_list_parse(struct bytes pem_or_der, struct x509_list *list);
/* The first of one or more; the rest is not looked at. */
RESULT x509_parse_first(struct bytes pem_or_der, struct x509 **ret_cert);
/* Likewise; those that a chain of the memo (may be NULL) has are not decoded again. */
RESULT x509_list_parse_memo(
	const struct x509_memo *m, struct bytes pem_or_der, struct x509_list *list);
RESULT x509_parse_first_memo(
	const struct x509_memo *m, struct bytes pem_or_der, struct x509 **ret_cert);
void x509_free(struct x509 *c);
void x509_freep(struct x509 **c);
void x509_list_done(struct x509_list *l);

/* Names in RFC 2253 form, cut to the size. */
void x509_subject(const struct x509 *c, char *to, size_t size);
void x509_issuer(const struct x509 *c, char *to, size_t size);
/* One attribute of a name: "CN", "OU", ... and its UTF-8 text, cut to the size. */
struct x509_attribute {
	char type[16], value[128];
};
enum {
	X509_ATTRIBUTES_MAX = 16
};
/* Of a certificate's subject, or its issuer; ERR_LIMIT. */
RESULT x509_name_attributes(const struct x509 *c, bool issuer,
	struct x509_attribute v[X509_ATTRIBUTES_MAX], size_t *ret_n);
RESULT x509_crl_issuer_attributes(
	const struct x509_crl *c, struct x509_attribute v[X509_ATTRIBUTES_MAX], size_t *ret_n);
/* Serial number in lower-case hex without leading zeroes ("0" for zero), cut to the size. */
void x509_serial(const struct x509 *c, char *to, size_t size);
/* Names alone: `c` says that `issuer` issued it. */
bool x509_names_issuer(const struct x509 *c, const struct x509 *issuer);
bool x509_is_self_issued(const struct x509 *c);
bool x509_equal(const struct x509 *a, const struct x509 *b); /* the same bytes */
/* The same certificate once more, to be freed on its own. */
RESULT x509_copy(const struct x509 *c, struct x509 **ret_cert);
int64_t x509_not_before(const struct x509 *c);
int64_t x509_not_after(const struct x509 *c);
RESULT x509_public_key(const struct x509 *c, struct key **ret_key);
/* The bits of subjectPublicKey: of an EC key the point, as the certificate has it. */
RESULT x509_key_bits(const struct x509 *c, struct buf *out);
RESULT x509_der(const struct x509 *c, struct buf *out);
RESULT x509_digest(const struct x509 *c, enum digest_alg alg, struct digest_value *ret_digest);
/* Value octets of an extension by dotted OID; ERR_NOT_FOUND. */
RESULT x509_extension(const struct x509 *c, const char *oid, struct buf *out);
/* The i-th extension; ERR_NOT_FOUND behind the last. `value` is appended to. */
enum {
	X509_OID_MAX = 128
};
RESULT x509_extension_at(const struct x509 *c, size_t i, char oid[static X509_OID_MAX],
	bool *ret_critical, struct buf *value);
/* Extended key usage by dotted OID. */
bool x509_has_eku(const struct x509 *c, const char *oid);

struct x509_verify {
	const struct x509 *leaf;
	const struct x509_list *untrusted; /* intermediates; may be NULL */
	const struct x509_list *anchors;   /* any of them ends the chain, also an intermediate */
	int64_t now;
	const char *eku;		/* demanded of the leaf; NULL: any */
	const char *const *critical_ok; /* OIDs of critical extensions the caller handles; NULL */
	struct x509_memo *memo;		/* NULL: nothing is remembered */
};
/*
 * Chains that held, at most 64, the one unused for longest is dropped: decoding a certificate costs
 * more than two signatures, and a broker sees the same ones again and again. Remembered is only
 * what cannot change: that these bytes, in this order, make a chain. For each verification every
 * certificate of it must be given anew, the last one among the anchors, and all dates hold.
 * Certificates of no chain that held are not kept. Not for two threads at once.
 */
RESULT x509_memo_new(struct x509_memo **ret_memo);
void x509_memo_free(struct x509_memo *m);
/*
 * Only that `issuer` made the signature; no names, dates or rights. For signing keys that are no
 * CAs (IBM's host key documents). A denial "certificate.signature".
 */
RESULT x509_signed_by(const struct x509 *c, const struct key *issuer);

/*
 * A denial with ERR_UNVERIFIED: the code says why ("certificate.expired", ".not-yet-valid",
 * ".untrusted", ".not-a-ca", ".critical-extension", ".signature", ".weak", ".key-usage",
 * ".invalid"), the field is the certificate's subject, and its dates are told. Signatures by SHA-1
 * or with less than 112 bits of strength are refused; revocation is the caller's business.
 */
RESULT x509_verify(const struct x509_verify *v);
/* Likewise; the chain from the leaf to the anchor, borrowed from `v`: must not be given to
 * x509_list_done(). */
RESULT x509_verify_chain(const struct x509_verify *v, struct x509_list *ret_borrowed);

/* ---- revocation lists, RFC 5280 section 5 ---- */
/* One PEM or DER list; no trust. */
RESULT x509_crl_parse(struct bytes pem_or_der, struct x509_crl **ret_crl);
void x509_crl_free(struct x509_crl *c);
void x509_crl_freep(struct x509_crl **c);
RESULT x509_crl_der(const struct x509_crl *c, struct buf *out);
void x509_crl_issuer(const struct x509_crl *c, char *to, size_t size); /* RFC 2253 */
/* The list is of that certificate's name; no trust. */
bool x509_crl_names_issuer(const struct x509_crl *c, const struct x509 *issuer);
/* CRL number; false when it has none or it does not fit. */
bool x509_crl_number(const struct x509_crl *c, uint64_t *ret_number);
/* The i-th entry: serial number in hex as x509_serial(), when it was revoked; ERR_NOT_FOUND behind
 * the last. */
RESULT x509_crl_entry(
	const struct x509_crl *c, size_t i, char *serial, size_t size, int64_t *ret_when);
int64_t x509_crl_this_update(const struct x509_crl *c);
int64_t x509_crl_next_update(const struct x509_crl *c);
/* Of the issuer's name, signed by it and current; a signature is verified once and remembered, so a
 * list must not be verified by two threads at once. Denials "crl.issuer", "crl.signature",
 * "crl.expired", "crl.not-yet-valid", "crl.critical-extension"; a list without nextUpdate is
 * malformed. */
RESULT x509_crl_verify(const struct x509_crl *c, const struct x509 *issuer, int64_t now);
/* The same for lists whose issuer's name the caller judges (IBM's differ in the locality). */
RESULT x509_crl_verify_key(const struct x509_crl *c, const struct key *issuer, int64_t now);
/* The serial number alone is listed. */
bool x509_crl_lists(const struct x509_crl *c, const struct x509 *cert);
/* For a verified list. Denials "certificate.revoked", and "crl.issuer" when the certificate is of
 * another issuer. */
RESULT x509_crl_check(const struct x509_crl *c, const struct x509 *cert);

/* Self-signed CA and leaf certificates, for quickstart and tests. Serial numbers are random. */
struct x509_make_extension {
	const char *oid; /* dotted; replaces the one that would be made */
	bool critical;
	struct bytes value; /* DER */
};

struct x509_make {
	const char *common_name;
	const struct x509_attribute *name; /* of the subject, before the common name */
	size_t n_name;
	const char *const *dns; /* NULL-ended, may be NULL */
	const char *const *ip;	/* NULL-ended, may be NULL */
	bool ca;
	int64_t not_before, not_after;
	const struct key *subject_key;
	const struct x509 *issuer;    /* NULL: self-signed */
	const struct key *issuer_key; /* private */
	const struct x509_make_extension *extensions;
	size_t n_extensions;
	bool rsa_pss;	  /* an RSA issuer signs as AMD's do: PSS with SHA-384 */
	bool zero_serial; /* as AMD's certificates of chips have it */
};
/*
 * CA: basicConstraints CA:TRUE, keyCertSign and cRLSign. Others: digitalSignature (RSA: and
 * keyEncipherment), serverAuth. Names other than the common name are subjectAltName. ERR_STATE when
 * the issuer's key is not the issuer certificate's.
 */
RESULT x509_make(const struct x509_make *m, struct buf *ret_pem);

struct x509_crl_make {
	const struct x509 *issuer;
	const struct key *issuer_key; /* private */
	int64_t this_update, next_update;
	uint64_t number;
	const struct x509_list *revoked; /* since this_update; may be NULL */
	bool rsa_pss;			 /* as of struct x509_make */
};
/* A revocation list, for tests and test beds. ERR_STATE when the key is not the issuer's. */
RESULT x509_crl_make(const struct x509_crl_make *m, struct buf *ret_der);
