#include "key_internal.h"
#include "x509_internal.h"

#include <limits.h>
#include <string.h>
#include <time.h>

#include <openssl/pem.h>

#include <base/clock.h>
#include <crypto/der.h>

void x509_free(struct x509 *c)
{
	if (!c)
		return;
	X509_free(c->cert);
	free(c);
}

void x509_freep(struct x509 **c)
{
	x509_free(*c);
}

void x509_list_done(struct x509_list *l)
{
	while (l->n > 0)
		x509_free(l->v[--l->n]);
}

RESULT x509_time(const ASN1_TIME *t, const char *what, int64_t *ret_t)
{
	struct tm tm;

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
		return ossl_refuse(ERR_FORMAT, what);
	*ret_t = timegm(&tm);
	return OK;
}

void x509_dates_text(int64_t from, int64_t to, char *text, size_t size)
{
	char a[RFC3339_SIZE], b[RFC3339_SIZE];

	clock_format(from, a);
	clock_format(to, b);
	(void)snprintf(text, size, "%s to %s", a, b);
}

RESULT x509_oid(const char *dotted, ASN1_OBJECT **ret_oid)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(dotted, 1);

	if (!oid)
		return ossl_error(ERR_FORMAT, dotted);
	*ret_oid = oid;
	return OK;
}

RESULT x509_parse_der(struct bytes der, struct x509 **ret_cert)
{
	AUTO(x509_freep) struct x509 *c = calloc(1, sizeof(*c));
	const uint8_t *p = der.p;

	if (!c)
		return err_new(ERR_NOMEM, "certificate");
	if (der.n > X509_DER_MAX)
		return err_new(ERR_LIMIT, "certificate: more than %d bytes", X509_DER_MAX);
	struct err e = der_check(der);
	if (failed(e))
		return err_add(e, "certificate");
	c->cert = d2i_X509(NULL, &p, (long)der.n);
	if (!c->cert || p != der.p + der.n)
		return ossl_error(ERR_FORMAT, "certificate");
	TRY(x509_time(X509_get0_notBefore(c->cert), "certificate: notBefore", &c->not_before));
	TRY(x509_time(X509_get0_notAfter(c->cert), "certificate: notAfter", &c->not_after));
	*ret_cert = TAKE(c);
	return OK;
}

static RESULT list_add(const struct x509_memo *m, struct x509_list *list, struct bytes der)
{
	if (list->n >= X509_CERTS_MAX)
		return err_new(ERR_LIMIT, "certificates: more than %d", X509_CERTS_MAX);
	TRY(x509_memo_parse(m, der, &list->v[list->n]));
	list->n++;
	return OK;
}

static RESULT list_add_pem(
	const struct x509_memo *m, struct x509_list *list, BIO *in, bool *ret_more)
{
	char *label = NULL, *header = NULL;
	uint8_t *der = NULL;
	long n = 0;

	*ret_more = PEM_read_bio(in, &label, &header, &der, &n) == 1;
	if (!*ret_more) {
		if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
			return ossl_error(ERR_FORMAT, "PEM certificate");
		ossl_forget();
		return OK;
	}
	struct err e = str_equal(label, "CERTIFICATE")
			       ? list_add(m, list, bytes_of(der, (size_t)n))
			       : err_new(ERR_FORMAT, "PEM certificate: block '%.32s'", label);
	OPENSSL_free(label);
	OPENSSL_free(header);
	OPENSSL_free(der);
	return e;
}

static RESULT list_parse_pem(const struct x509_memo *m, struct bytes pem, struct x509_list *list)
{
	AUTO(BIO_free_allp) BIO *in = pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	bool more = true;

	if (!in)
		return ossl_error(ERR_NOMEM, "PEM certificate");
	while (more)
		TRY(list_add_pem(m, list, in, &more));
	return OK;
}

static bool is_pem(struct bytes in)
{
	static const char begin[] = "-----BEGIN ";

	return in.n > 0 && memmem(in.p, in.n, begin, strlen(begin));
}

static RESULT list_parse_der(const struct x509_memo *m, struct bytes der, struct x509_list *list)
{
	struct reader r = rd_of(der);
	struct bytes one;

	while (rd_more(&r)) {
		TRY(der_next(&r, &one));
		TRY(list_add(m, list, one));
	}
	return OK;
}

/* The first of a chain is enough when the others are at hand already: parsing a certificate costs
 * as much as verifying its signature. */
RESULT x509_parse_first_memo(const struct x509_memo *m, struct bytes in, struct x509 **ret_cert)
{
	AUTO(x509_list_done) struct x509_list found = { 0 };
	struct reader r = rd_of(in);
	struct bytes one;

	if (is_pem(in)) {
		AUTO(BIO_free_allp)
		BIO *bio = in.n <= INT_MAX ? BIO_new_mem_buf(in.p, (int)in.n) : NULL;
		bool more;

		if (!bio)
			return ossl_error(ERR_NOMEM, "PEM certificate");
		TRY(list_add_pem(m, &found, bio, &more));
	} else {
		TRY(der_next(&r, &one));
		TRY(list_add(m, &found, one));
	}
	if (found.n == 0)
		return err_new(ERR_FORMAT, "certificates: none found");
	*ret_cert = TAKE(found.v[0]);
	found.n = 0;
	return OK;
}

RESULT x509_parse_first(struct bytes in, struct x509 **ret_cert)
{
	return x509_parse_first_memo(NULL, in, ret_cert);
}

RESULT x509_list_parse_memo(const struct x509_memo *m, struct bytes in, struct x509_list *list)
{
	AUTO(x509_list_done) struct x509_list found = { 0 };

	if (is_pem(in))
		TRY(list_parse_pem(m, in, &found));
	else
		TRY(list_parse_der(m, in, &found));
	if (found.n == 0)
		return err_new(ERR_FORMAT, "certificates: none found");
	if (found.n > X509_CERTS_MAX - list->n)
		return err_new(ERR_LIMIT, "certificates: more than %d", X509_CERTS_MAX);
	memcpy(list->v + list->n, found.v, found.n * sizeof(found.v[0]));
	list->n += found.n;
	found.n = 0;
	return OK;
}

RESULT x509_list_parse(struct bytes in, struct x509_list *list)
{
	return x509_list_parse_memo(NULL, in, list);
}

void x509_name_text(const X509_NAME *name, char *to, size_t size)
{
	AUTO(BIO_free_allp) BIO *out = BIO_new(BIO_s_mem());
	char *text = NULL;
	size_t n = 0;

	if (out && X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253) >= 0)
		n = (size_t)BIO_get_mem_data(out, &text);
	ossl_forget();
	(void)snprintf(to, size, "%.*s", (int)(n < size ? n : size), text ? text : "");
}

void x509_serial_text(const ASN1_INTEGER *serial, char *to, size_t size)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(serial, NULL);
	char *hex = n ? BN_bn2hex(n) : NULL;
	const char *p = hex ? hex : "";

	while (p[0] == '0' && p[1])
		p++;
	(void)snprintf(to, size, "%s", p);
	for (char *at = to; size > 0 && *at; at++)
		if (*at >= 'A' && *at <= 'F')
			*at = (char)(*at - 'A' + 'a');
	OPENSSL_free(hex);
	BN_free(n);
}

void x509_serial(const struct x509 *c, char *to, size_t size)
{
	x509_serial_text(X509_get0_serialNumber(c->cert), to, size);
}

RESULT x509_attributes(
	const X509_NAME *name, struct x509_attribute v[X509_ATTRIBUTES_MAX], size_t *ret_n)
{
	int n = X509_NAME_entry_count(name);

	if (n < 0 || n > X509_ATTRIBUTES_MAX)
		return err_new(ERR_LIMIT, "name: more than %d attributes", X509_ATTRIBUTES_MAX);
	for (int i = 0; i < n; i++) {
		const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
		int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(e));
		uint8_t *utf8 = NULL;
		int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(e));
		if (len < 0)
			return ossl_error(ERR_FORMAT, "name");
		(void)snprintf(v[i].type, sizeof(v[i].type), "%s",
			nid == NID_undef ? "?" : OBJ_nid2sn(nid));
		(void)snprintf(v[i].value, sizeof(v[i].value), "%.*s", len, (const char *)utf8);
		OPENSSL_free(utf8);
	}
	*ret_n = (size_t)n;
	return OK;
}

RESULT x509_name_attributes(const struct x509 *c, bool issuer,
	struct x509_attribute v[X509_ATTRIBUTES_MAX], size_t *ret_n)
{
	return x509_attributes(
		issuer ? X509_get_issuer_name(c->cert) : X509_get_subject_name(c->cert), v, ret_n);
}

bool x509_names_issuer(const struct x509 *c, const struct x509 *issuer)
{
	return X509_NAME_cmp(X509_get_issuer_name(c->cert), X509_get_subject_name(issuer->cert)) ==
	       0;
}

bool x509_is_self_issued(const struct x509 *c)
{
	return x509_names_issuer(c, c);
}

bool x509_equal(const struct x509 *a, const struct x509 *b)
{
	return X509_cmp(a->cert, b->cert) == 0;
}

RESULT x509_extension_at(const struct x509 *c, size_t i, char oid[static X509_OID_MAX],
	bool *ret_critical, struct buf *value)
{
	if (i >= (size_t)X509_get_ext_count(c->cert))
		return err_new(ERR_NOT_FOUND, "extension %zu", i);
	X509_EXTENSION *ext = X509_get_ext(c->cert, (int)i);
	const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(ext);
	int n = OBJ_obj2txt(oid, X509_OID_MAX, X509_EXTENSION_get_object(ext), 1);
	if (n <= 0 || n >= X509_OID_MAX)
		return ossl_error(ERR_FORMAT, "extension");
	*ret_critical = X509_EXTENSION_get_critical(ext) == 1;
	buf_put(value, bytes_of(ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data)));
	return buf_end(value, "extension");
}

RESULT x509_copy(const struct x509 *c, struct x509 **ret_cert)
{
	AUTO(x509_freep) struct x509 *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return err_new(ERR_NOMEM, "certificate");
	copy->not_before = c->not_before;
	copy->not_after = c->not_after;
	/* Nothing here changes a certificate, so that copies may share one. */
	if (X509_up_ref(c->cert) != 1)
		return ossl_error(ERR_NOMEM, "certificate");
	copy->cert = c->cert;
	*ret_cert = TAKE(copy);
	return OK;
}

void x509_subject(const struct x509 *c, char *to, size_t size)
{
	x509_name_text(X509_get_subject_name(c->cert), to, size);
}

void x509_issuer(const struct x509 *c, char *to, size_t size)
{
	x509_name_text(X509_get_issuer_name(c->cert), to, size);
}

int64_t x509_not_before(const struct x509 *c)
{
	return c->not_before;
}

int64_t x509_not_after(const struct x509 *c)
{
	return c->not_after;
}

RESULT x509_public_key(const struct x509 *c, struct key **ret_key)
{
	EVP_PKEY *pkey = X509_get_pubkey(c->cert);

	if (!pkey)
		return ossl_error(ERR_FORMAT, "certificate: public key");
	return key_adopt(pkey, false, ret_key);
}

RESULT x509_key_bits(const struct x509 *c, struct buf *out)
{
	const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(c->cert);

	if (!bits)
		return ossl_error(ERR_FORMAT, "certificate: public key");
	buf_put(out, bytes_of(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits)));
	return buf_end(out, "public key");
}

RESULT x509_der(const struct x509 *c, struct buf *out)
{
	uint8_t *der = NULL;
	int n = i2d_X509(c->cert, &der);

	if (n <= 0)
		return ossl_error(ERR_CRYPTO, "certificate");
	buf_put(out, bytes_of(der, (size_t)n));
	OPENSSL_free(der);
	return buf_end(out, "certificate");
}

RESULT x509_digest(const struct x509 *c, enum digest_alg alg, struct digest_value *ret_digest)
{
	AUTO(buf_done) struct buf der = BUF_INIT(X509_DER_MAX);

	TRY(x509_der(c, &der));
	return digest(alg, buf_bytes(&der), ret_digest);
}

RESULT x509_extension(const struct x509 *c, const char *oid, struct buf *out)
{
	AUTO(ASN1_OBJECT_freep) ASN1_OBJECT *obj = NULL;

	TRY(x509_oid(oid, &obj));
	int at = X509_get_ext_by_OBJ(c->cert, obj, -1);
	if (at < 0)
		return err_new(ERR_NOT_FOUND, "certificate: no extension %s", oid);
	/* RFC 5280 4.2: not more than one instance of an extension. */
	if (X509_get_ext_by_OBJ(c->cert, obj, at) >= 0)
		return err_new(ERR_FORMAT, "certificate: extension %s twice", oid);
	const ASN1_OCTET_STRING *v = X509_EXTENSION_get_data(X509_get_ext(c->cert, at));
	buf_put(out, bytes_of(ASN1_STRING_get0_data(v), (size_t)ASN1_STRING_length(v)));
	return buf_end(out, "certificate extension");
}

bool x509_has_eku(const struct x509 *c, const char *oid)
{
	EXTENDED_KEY_USAGE *ekus = X509_get_ext_d2i(c->cert, NID_ext_key_usage, NULL, NULL);
	bool found = false;

	for (int i = 0; ekus && !found && i < sk_ASN1_OBJECT_num(ekus); i++) {
		char text[OID_TEXT_SIZE] = "";

		(void)OBJ_obj2txt(text, sizeof(text), sk_ASN1_OBJECT_value(ekus, i), 1);
		found = str_equal(text, oid);
	}
	EXTENDED_KEY_USAGE_free(ekus);
	ossl_forget();
	return found;
}
