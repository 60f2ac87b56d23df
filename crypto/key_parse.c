/* Keys from PEM and DER. */
#include "key_internal.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <crypto/key.h>

enum {
	PEM_BLOCKS_MAX = 8
};

/* One PEM block; the DER may be a private key, so it is wiped. */
struct block {
	char *label, *header;
	uint8_t *der;
	long n;
};

static void block_done(struct block *b)
{
	OPENSSL_secure_free(b->label);
	OPENSSL_secure_free(b->header);
	OPENSSL_secure_clear_free(b->der, (size_t)b->n);
	*b = (struct block){ 0 };
}

typedef EVP_PKEY *decode_fn(const uint8_t **p, long n);

static EVP_PKEY *decode_spki(const uint8_t **p, long n)
{
	return d2i_PUBKEY(NULL, p, n);
}

static EVP_PKEY *decode_pkcs1_public(const uint8_t **p, long n)
{
	return d2i_PublicKey(EVP_PKEY_RSA, NULL, p, n);
}

static EVP_PKEY *decode_certificate(const uint8_t **p, long n)
{
	X509 *cert = d2i_X509(NULL, p, n);
	EVP_PKEY *pkey = cert ? X509_get_pubkey(cert) : NULL;

	X509_free(cert);
	return pkey;
}

/* PKCS#8, SEC1 and PKCS#1: told apart by their first members. */
static EVP_PKEY *decode_private(const uint8_t **p, long n)
{
	return d2i_AutoPrivateKey(NULL, p, n);
}

static const struct form {
	const char *label; /* RFC 7468 */
	decode_fn *decode;
	bool is_private;
} forms[] = {
	{ "PUBLIC KEY", decode_spki, false },
	{ "CERTIFICATE", decode_certificate, false },
	{ "RSA PUBLIC KEY", decode_pkcs1_public, false },
	{ "PRIVATE KEY", decode_private, true },
	{ "EC PRIVATE KEY", decode_private, true },
	{ "RSA PRIVATE KEY", decode_private, true },
};

/* NULL when the bytes are not exactly this form. */
static EVP_PKEY *decode_whole(const struct form *form, struct bytes der)
{
	const uint8_t *p = der.p;
	EVP_PKEY *pkey = form->decode(&p, (long)der.n);

	if (pkey && p == der.p + der.n)
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

static RESULT parse_der(struct bytes der, bool is_private, struct key **ret_key)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (forms[i].is_private != is_private)
			continue;
		EVP_PKEY *pkey = decode_whole(&forms[i], der);
		ossl_forget();
		if (pkey)
			return key_adopt(pkey, is_private, ret_key);
	}
	return err_new(ERR_FORMAT, "%s key: no known DER form", is_private ? "private" : "public");
}

static RESULT parse_block(const struct block *b, bool is_private, struct key **ret_key)
{
	if (strstr(b->label, "ENCRYPTED") || (b->header && b->header[0]))
		return err_new(ERR_UNSUPPORTED, "PEM key: encrypted with a passphrase");
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (forms[i].is_private != is_private || !str_equal(b->label, forms[i].label))
			continue;
		EVP_PKEY *pkey = decode_whole(&forms[i], bytes_of(b->der, (size_t)b->n));
		if (!pkey)
			return ossl_error(ERR_FORMAT, b->label);
		return key_adopt(pkey, is_private, ret_key);
	}
	return err_new(ERR_FORMAT, "%s key: PEM block '%.32s'", is_private ? "private" : "public",
		b->label);
}

/* The first block decides; "EC PARAMETERS" comes before keys that `openssl ecparam` wrote. */
static RESULT parse_pem(struct bytes pem, bool is_private, struct key **ret_key)
{
	AUTO(BIO_free_allp) BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);

	if (!in)
		return ossl_error(ERR_NOMEM, "PEM key");
	for (int i = 0; i < PEM_BLOCKS_MAX; i++) {
		AUTO(block_done) struct block b = { 0 };

		if (PEM_read_bio_ex(in, &b.label, &b.header, &b.der, &b.n,
			    PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE) != 1)
			return ossl_error(ERR_FORMAT, "PEM key");
		if (!str_equal(b.label, "EC PARAMETERS"))
			return parse_block(&b, is_private, ret_key);
	}
	return err_new(ERR_LIMIT, "PEM key: too many blocks");
}

static RESULT parse(struct bytes in, bool is_private, struct key **ret_key)
{
	static const char begin[] = "-----BEGIN ";

	if (in.n == 0)
		return err_new(ERR_FORMAT, "key: empty");
	if (in.n > KEY_DER_MAX * 2)
		return err_new(ERR_LIMIT, "key: more than %d bytes", KEY_DER_MAX * 2);
	if (memmem(in.p, in.n, begin, strlen(begin)))
		return parse_pem(in, is_private, ret_key);
	return parse_der(in, is_private, ret_key);
}

RESULT key_parse_public(struct bytes pem_or_der, struct key **ret_key)
{
	return parse(pem_or_der, false, ret_key);
}

RESULT key_parse_private(struct bytes pem_or_der, struct key **ret_key)
{
	return parse(pem_or_der, true, ret_key);
}
