#include "key_internal.h"
#include "x509_internal.h"

#include <openssl/pem.h>

#include <arpa/inet.h>
#include <base/random.h>

enum {
	SERIAL_SIZE = 16,
	KU_DIGITAL_SIGNATURE_BIT = 0,
	KU_KEY_ENCIPHERMENT_BIT = 2,
	KU_KEY_CERT_SIGN_BIT = 5,
	KU_CRL_SIGN_BIT = 6
};

OSSL_FREEP(ASN1_BIT_STRING, ASN1_BIT_STRING_free)
OSSL_FREEP(BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free)
OSSL_FREEP(EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)
OSSL_FREEP(GENERAL_NAMES, GENERAL_NAMES_free)
OSSL_FREEP(X509_NAME, X509_NAME_free)

static RESULT made(bool ok, const char *what)
{
	return ok ? OK : ossl_error(ERR_CRYPTO, what);
}

/* RFC 5280 4.1.2.2: positive, at most 20 octets; random so that nobody predicts the digest. */
static RESULT set_serial(X509 *x, bool zero)
{
	uint8_t bytes[SERIAL_SIZE];

	if (zero)
		return made(ASN1_INTEGER_set(X509_get_serialNumber(x), 0) == 1,
			"certificate: serial number");
	TRY(random_fill(bytes, sizeof(bytes)));
	bytes[0] = (uint8_t)((bytes[0] & 0x3f) | 0x40);
	AUTO(BN_clear_freep) BIGNUM *bn = BN_bin2bn(bytes, sizeof(bytes), NULL);
	AUTO(ASN1_INTEGER_freep) ASN1_INTEGER *serial = bn ? BN_to_ASN1_INTEGER(bn, NULL) : NULL;
	return made(serial && X509_set_serialNumber(x, serial) == 1, "certificate: serial number");
}

static RESULT add_name(X509_NAME *name, const char *type, const char *value)
{
	if (X509_NAME_add_entry_by_txt(
		    name, type, MBSTRING_UTF8, (const uint8_t *)value, -1, -1, 0) != 1)
		return ossl_error(ERR_FORMAT, "certificate: name");
	return OK;
}

static RESULT set_names(X509 *x, const struct x509_make *m)
{
	AUTO(X509_NAME_freep) X509_NAME *name = X509_NAME_new();

	TRY(made(name != NULL, "certificate: name"));
	for (size_t i = 0; i < m->n_name; i++)
		TRY(add_name(name, m->name[i].type, m->name[i].value));
	TRY(add_name(name, "CN", m->common_name));
	const X509_NAME *issuer = m->issuer ? X509_get_subject_name(m->issuer->cert) : name;
	return made(X509_set_subject_name(x, name) == 1 && X509_set_issuer_name(x, issuer) == 1,
		"certificate: names");
}

static RESULT set_dates(X509 *x, const struct x509_make *m)
{
	AUTO(ASN1_TIME_freep) ASN1_TIME *from = ASN1_TIME_set(NULL, m->not_before);
	AUTO(ASN1_TIME_freep) ASN1_TIME *to = ASN1_TIME_set(NULL, m->not_after);

	return made(
		from && to && X509_set1_notBefore(x, from) == 1 && X509_set1_notAfter(x, to) == 1,
		"certificate: dates");
}

static RESULT add_basic_constraints(X509 *x, const struct x509_make *m)
{
	AUTO(BASIC_CONSTRAINTS_freep) BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();

	if (bc)
		bc->ca = m->ca ? 0xff : 0;
	return made(bc && X509_add1_ext_i2d(x, NID_basic_constraints, bc, 1, 0) == 1,
		"certificate: basicConstraints");
}

static RESULT add_key_usage(X509 *x, const struct x509_make *m)
{
	AUTO(ASN1_BIT_STRING_freep) ASN1_BIT_STRING *ku = ASN1_BIT_STRING_new();
	int second = m->ca ? KU_CRL_SIGN_BIT : KU_KEY_ENCIPHERMENT_BIT;
	bool both = m->ca || key_type(m->subject_key) == KEY_RSA;

	return made(
		ku &&
			ASN1_BIT_STRING_set_bit(ku,
				m->ca ? KU_KEY_CERT_SIGN_BIT : KU_DIGITAL_SIGNATURE_BIT, 1) == 1 &&
			(!both || ASN1_BIT_STRING_set_bit(ku, second, 1) == 1) &&
			X509_add1_ext_i2d(x, NID_key_usage, ku, 1, 0) == 1,
		"certificate: keyUsage");
}

static RESULT add_server_auth(X509 *x)
{
	AUTO(EXTENDED_KEY_USAGE_freep) EXTENDED_KEY_USAGE *eku = EXTENDED_KEY_USAGE_new();

	return made(eku && sk_ASN1_OBJECT_push(eku, OBJ_nid2obj(NID_server_auth)) > 0 &&
			    X509_add1_ext_i2d(x, NID_ext_key_usage, eku, 0, 0) == 1,
		"certificate: extKeyUsage");
}

/* Subject and authority key identifiers, by which chains are found. */
static RESULT add_identifiers(X509 *x, const struct x509_make *m)
{
	static const struct {
		int nid;
		const char *value;
	} ids[] = {
		{ NID_subject_key_identifier, "hash" },
		{ NID_authority_key_identifier, "keyid" },
	};
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, m->issuer ? m->issuer->cert : x, x, NULL, NULL, 0);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		AUTO(X509_EXTENSION_freep)
		X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, ids[i].nid, ids[i].value);

		TRY(made(ext && X509_add_ext(x, ext, -1) == 1, "certificate: key identifiers"));
	}
	return OK;
}

/* The value goes over to the list, also when this fails. */
static RESULT push_name(GENERAL_NAMES *names, int type, ASN1_STRING *value, const char *text)
{
	GENERAL_NAME *name = GENERAL_NAME_new();

	if (!name || !value || sk_GENERAL_NAME_push(names, name) <= 0) {
		GENERAL_NAME_free(name);
		ASN1_STRING_free(value);
		return ossl_error(ERR_FORMAT, text);
	}
	GENERAL_NAME_set0_value(name, type, value);
	return OK;
}

static RESULT push_dns(GENERAL_NAMES *names, const char *dns)
{
	ASN1_STRING *value = ASN1_IA5STRING_new();

	if (value && ASN1_STRING_set(value, dns, -1) != 1) {
		ASN1_STRING_free(value);
		value = NULL;
	}
	return push_name(names, GEN_DNS, value, dns);
}

static RESULT push_ip(GENERAL_NAMES *names, const char *ip)
{
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	uint8_t address[16];
	int n = inet_pton(AF_INET, ip, address) == 1	? 4
		: inet_pton(AF_INET6, ip, address) == 1 ? 16
							: 0;

	if (n == 0 || !value || ASN1_OCTET_STRING_set(value, address, n) != 1) {
		ASN1_OCTET_STRING_free(value);
		return err_new(ERR_FORMAT, "certificate: IP address '%s'", ip);
	}
	return push_name(names, GEN_IPADD, value, ip);
}

static RESULT add_alt_names(X509 *x, const struct x509_make *m)
{
	AUTO(GENERAL_NAMES_freep) GENERAL_NAMES *names = GENERAL_NAMES_new();

	if (!names)
		return ossl_error(ERR_NOMEM, "certificate: subjectAltName");
	for (size_t i = 0; m->dns && m->dns[i]; i++)
		TRY(push_dns(names, m->dns[i]));
	for (size_t i = 0; m->ip && m->ip[i]; i++)
		TRY(push_ip(names, m->ip[i]));
	if (sk_GENERAL_NAME_num(names) == 0)
		return OK;
	return made(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0) == 1,
		"certificate: subjectAltName");
}

static RESULT add_given(X509 *x, const struct x509_make_extension *given)
{
	AUTO(ASN1_OBJECT_freep) ASN1_OBJECT *oid = NULL;
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();

	struct err e = x509_oid(given->oid, &oid);
	if (failed(e)) {
		ASN1_OCTET_STRING_free(value);
		return e;
	}
	int old = X509_get_ext_by_OBJ(x, oid, -1);
	if (old >= 0)
		X509_EXTENSION_free(X509_delete_ext(x, old));
	AUTO(X509_EXTENSION_freep)
	X509_EXTENSION *ext =
		value && ASN1_OCTET_STRING_set(value, given->value.p, (int)given->value.n) == 1
			? X509_EXTENSION_create_by_OBJ(NULL, oid, given->critical, value)
			: NULL;
	ASN1_OCTET_STRING_free(value);
	return made(ext && X509_add_ext(x, ext, -1) == 1, given->oid);
}

static RESULT add_extensions(X509 *x, const struct x509_make *m)
{
	TRY(add_basic_constraints(x, m));
	TRY(add_key_usage(x, m));
	if (!m->ca)
		TRY(add_server_auth(x));
	TRY(add_identifiers(x, m));
	TRY(add_alt_names(x, m));
	for (size_t i = 0; i < m->n_extensions; i++)
		TRY(add_given(x, &m->extensions[i]));
	return OK;
}

static RESULT write_pem(X509 *x, struct buf *out)
{
	AUTO(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
	char *text;

	if (!bio || PEM_write_bio_X509(bio, x) != 1)
		return ossl_error(ERR_CRYPTO, "certificate");
	long n = BIO_get_mem_data(bio, &text);
	buf_put(out, bytes_of(text, (size_t)n));
	return buf_end(out, "certificate");
}

RESULT x509_make(const struct x509_make *m, struct buf *ret_pem)
{
	AUTO(X509_freep) X509 *x = X509_new();
	AUTO(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = NULL;

	if (!m->issuer && !key_equal(m->subject_key, m->issuer_key))
		return err_new(ERR_STATE, "certificate: the key is not its own");
	TRY(x509_signing(m->issuer_key, m->issuer, m->rsa_pss, &ctx));
	if (!x || X509_set_version(x, X509_VERSION_3) != 1 ||
		X509_set_pubkey(x, m->subject_key->pkey) != 1)
		return ossl_error(ERR_CRYPTO, "certificate");
	TRY(set_serial(x, m->zero_serial));
	TRY(set_names(x, m));
	TRY(set_dates(x, m));
	TRY(add_extensions(x, m));
	if (X509_sign_ctx(x, ctx) <= 0)
		return ossl_error(ERR_CRYPTO, "certificate: signing");
	return write_pem(x, ret_pem);
}
