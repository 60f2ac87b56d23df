#include "key_internal.h"
#include "x509_internal.h"

#include <openssl/x509_vfy.h>

#include <base/clock.h>

OSSL_FREEP(X509_STORE_CTX, X509_STORE_CTX_free)

enum {
	CHAIN_DEPTH_MAX = 8,
	SECURITY_LEVEL = 2 /* 112 bits: RSA 2048, no SHA-1 */
};

static void stack_freep(STACK_OF(X509) * *s)
{
	sk_X509_free(*s);
}

static RESULT stack_of(const struct x509_list *list, STACK_OF(X509) * *ret_stack)
{
	AUTO(stack_freep) STACK_OF(X509) *stack = sk_X509_new_null();

	for (size_t i = 0; stack && list && i < list->n; i++) {
		if (sk_X509_push(stack, list->v[i]->cert) <= 0)
			return ossl_error(ERR_NOMEM, "certificates");
	}
	if (!stack)
		return ossl_error(ERR_NOMEM, "certificates");
	*ret_stack = TAKE(stack);
	return OK;
}

/* ---- critical extensions ---- */
static bool listed(const char *const *oids, const char *oid)
{
	for (; oids && *oids; oids++) {
		if (str_equal(*oids, oid))
			return true;
	}
	return false;
}

/* The first critical extension that neither OpenSSL nor the caller handles, or "". */
static void unhandled_critical(
	const X509 *cert, const char *const *handled, char oid[static OID_TEXT_SIZE])
{
	oid[0] = '\0';
	for (int i = 0; i < X509_get_ext_count(cert); i++) {
		X509_EXTENSION *ext = X509_get_ext(cert, i);

		if (!X509_EXTENSION_get_critical(ext) || X509_supported_extension(ext))
			continue;
		(void)OBJ_obj2txt(oid, OID_TEXT_SIZE, X509_EXTENSION_get_object(ext), 1);
		if (!listed(handled, oid))
			return;
		oid[0] = '\0';
	}
}

static int on_error(int ok, X509_STORE_CTX *ctx)
{
	const struct x509_verify *v = X509_STORE_CTX_get_app_data(ctx);
	const X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
	char oid[OID_TEXT_SIZE];

	if (ok || X509_STORE_CTX_get_error(ctx) != X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION || !cert)
		return ok;
	unhandled_critical(cert, v->critical_ok, oid);
	return oid[0] == '\0';
}

/* ---- reasons ---- */
static const struct reason {
	int error;
	const char *code, *expected;
} reasons[] = {
	{ X509_V_ERR_CERT_HAS_EXPIRED, "certificate.expired", NULL },
	{ X509_V_ERR_CERT_NOT_YET_VALID, "certificate.not-yet-valid", NULL },
	{ X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, "certificate.critical-extension",
		"critical extensions known here" },
	{ X509_V_ERR_INVALID_CA, "certificate.not-a-ca", "a CA certificate" },
	{ X509_V_ERR_PATH_LENGTH_EXCEEDED, "certificate.not-a-ca", "fewer CAs below it" },
	{ X509_V_ERR_KEYUSAGE_NO_CERTSIGN, "certificate.key-usage", "certificate signing" },
	{ X509_V_ERR_CERT_SIGNATURE_FAILURE, "certificate.signature", "its issuer's signature" },
	{ X509_V_ERR_CA_KEY_TOO_SMALL, "certificate.weak", "a strong key" },
	{ X509_V_ERR_EE_KEY_TOO_SMALL, "certificate.weak", "a strong key" },
	{ X509_V_ERR_CA_MD_TOO_WEAK, "certificate.weak", "a strong digest" },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "certificate.untrusted", NULL },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "certificate.untrusted", NULL },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "certificate.untrusted", NULL },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "certificate.untrusted", NULL },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "certificate.untrusted", NULL },
};

static const struct reason *reason_of(int error)
{
	static const struct reason other = { 0, "certificate.invalid", "a valid certificate" };

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		if (reasons[i].error == error)
			return &reasons[i];
	}
	return &other;
}

static void dates_of(const X509 *cert, char *text, size_t size)
{
	int64_t from = 0, to = 0;

	if (failed(x509_time(X509_get0_notBefore(cert), "", &from)) ||
		failed(x509_time(X509_get0_notAfter(cert), "", &to)))
		(void)snprintf(text, size, "unknown dates");
	else
		x509_dates_text(from, to, text, size);
}

/* `why` beside the certificate's own dates. */
static struct err refuse(const X509 *cert, const char *code, const char *expected, const char *why)
{
	char subject[X509_NAME_SIZE], dates[2 * RFC3339_SIZE + 8], actual[DENIAL_VALUE_MAX];

	x509_name_text(X509_get_subject_name(cert), subject, sizeof(subject));
	dates_of(cert, dates, sizeof(dates));
	(void)snprintf(actual, sizeof(actual), "%.80s; valid %.48s", why, dates);
	ossl_forget();
	return err_deny(
		ERR_UNVERIFIED, code, subject[0] ? subject : "(no subject)", expected, actual);
}

static struct err refuse_time(const X509 *cert, const char *code, int64_t now)
{
	char subject[X509_NAME_SIZE], dates[2 * RFC3339_SIZE + 8], at[RFC3339_SIZE];

	x509_name_text(X509_get_subject_name(cert), subject, sizeof(subject));
	dates_of(cert, dates, sizeof(dates));
	clock_format(now, at);
	ossl_forget();
	return err_deny(ERR_UNVERIFIED, code, subject[0] ? subject : "(no subject)", dates, at);
}

/* Why the one that has the issuer's name was not taken for the issuer. */
static const char *issuer_problem(const struct x509_list *list, X509 *cert)
{
	for (size_t i = 0; list && i < list->n; i++) {
		X509 *other = list->v[i]->cert;
		int why;

		if (other == cert || X509_NAME_cmp(X509_get_subject_name(other),
					     X509_get_issuer_name(cert)) != 0)
			continue;
		why = X509_check_issued(other, cert);
		return why == X509_V_OK ? "issuer is no anchor"
					: X509_verify_cert_error_string(why);
	}
	return NULL;
}

static struct err refuse_untrusted(const struct x509_verify *v, X509 *cert, const char *code)
{
	char issuer[X509_NAME_SIZE], expected[DENIAL_VALUE_MAX];
	const char *why = issuer_problem(v->untrusted, cert);

	if (!why)
		why = issuer_problem(v->anchors, cert);
	x509_name_text(X509_get_issuer_name(cert), issuer, sizeof(issuer));
	(void)snprintf(expected, sizeof(expected), "a trusted issuer '%.96s'", issuer);
	return refuse(cert, code, expected, why ? why : "no such certificate");
}

/* "Invalid CA" of a CA certificate whose key usage is another has a better name. */
static int precise(int error, X509 *cert)
{
	if (error == X509_V_ERR_INVALID_CA && (X509_get_extension_flags(cert) & EXFLAG_CA) &&
		!(X509_get_key_usage(cert) & KU_KEY_CERT_SIGN))
		return X509_V_ERR_KEYUSAGE_NO_CERTSIGN;
	return error;
}

static struct err refuse_chain(const struct x509_verify *v, X509_STORE_CTX *ctx)
{
	X509 *current = X509_STORE_CTX_get_current_cert(ctx);
	X509 *cert = current ? current : v->leaf->cert;
	int error = precise(X509_STORE_CTX_get_error(ctx), cert);
	const struct reason *reason = reason_of(error);
	char oid[OID_TEXT_SIZE];

	if (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID)
		return refuse_time(cert, reason->code, v->now);
	if (error == X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION) {
		unhandled_critical(cert, v->critical_ok, oid);
		return refuse(cert, reason->code, reason->expected, oid);
	}
	if (!reason->expected)
		return refuse_untrusted(v, cert, reason->code);
	return refuse(cert, reason->code, reason->expected, X509_verify_cert_error_string(error));
}

/* What OpenSSL lets pass unless it is asked for a purpose or for strictness. */
static RESULT check_chain(STACK_OF(X509) * chain)
{
	int n = sk_X509_num(chain);

	for (int i = 0; i < n; i++) {
		X509 *cert = sk_X509_value(chain, i);

		if (X509_get_extension_flags(cert) & EXFLAG_INVALID)
			return refuse(
				cert, "certificate.invalid", "valid extensions", "broken ones");
		/* 1: basicConstraints says CA. Only an anchor may be older than that extension. */
		if (i > 0 && i < n - 1 && X509_check_ca(cert) != 1)
			return refuse(cert, "certificate.not-a-ca", "a CA certificate",
				"no basicConstraints CA:TRUE");
	}
	return OK;
}

static RESULT context_new(const struct x509_verify *v, STACK_OF(X509) * untrusted,
	STACK_OF(X509) * anchors, X509_STORE_CTX **ret_ctx)
{
	AUTO(X509_STORE_CTX_freep) X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	/* No store: nothing but the given anchors is trusted. */
	if (!ctx || X509_STORE_CTX_init(ctx, NULL, v->leaf->cert, untrusted) != 1)
		return ossl_error(ERR_NOMEM, "verifying a certificate");
	X509_STORE_CTX_set0_trusted_stack(ctx, anchors);
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(param, v->now);
	X509_VERIFY_PARAM_set_depth(param, CHAIN_DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
		X509_STORE_CTX_set_app_data(ctx, (void *)(uintptr_t)v) != 1)
		return ossl_error(ERR_CRYPTO, "verifying a certificate");
	X509_STORE_CTX_set_verify_cb(ctx, on_error);
	*ret_ctx = TAKE(ctx);
	return OK;
}

RESULT x509_signed_by(const struct x509 *c, const struct key *issuer)
{
	if (X509_verify(c->cert, issuer->pkey) != 1)
		return refuse(c->cert, "certificate.signature", "its issuer's signature",
			"another signature");
	return OK;
}

/* OpenSSL's chain is made of the very certificates it was given. */
static const struct x509 *given(const struct x509_verify *v, const X509 *cert)
{
	const struct x509_list *lists[] = { v->anchors, v->untrusted };

	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (size_t i = 0; lists[l] && i < lists[l]->n; i++)
			if (lists[l]->v[i]->cert == cert)
				return lists[l]->v[i];
	return v->leaf->cert == cert ? v->leaf : NULL;
}

static RESULT borrow_chain(
	const struct x509_verify *v, STACK_OF(X509) * chain, struct x509_list *ret_borrowed)
{
	struct x509_list found = { 0 };

	for (int i = 0; i < sk_X509_num(chain); i++) {
		const struct x509 *c = given(v, sk_X509_value(chain, i));
		if (!c || found.n == X509_CERTS_MAX)
			return err_new(ERR_CRYPTO, "certificate chain");
		found.v[found.n++] = (struct x509 *)(uintptr_t)c;
	}
	*ret_borrowed = found;
	return OK;
}

RESULT x509_verify_chain(const struct x509_verify *v, struct x509_list *ret_borrowed)
{
	AUTO(stack_freep) STACK_OF(X509) *untrusted = NULL;
	AUTO(stack_freep) STACK_OF(X509) *anchors = NULL;
	AUTO(X509_STORE_CTX_freep) X509_STORE_CTX *ctx = NULL;

	if (x509_memo_holds(v, ret_borrowed))
		return OK;
	TRY(stack_of(v->untrusted, &untrusted));
	TRY(stack_of(v->anchors, &anchors));
	TRY(context_new(v, untrusted, anchors, &ctx));
	if (X509_verify_cert(ctx) != 1)
		return refuse_chain(v, ctx);
	ossl_forget();
	TRY(check_chain(X509_STORE_CTX_get0_chain(ctx)));
	if (v->eku && !x509_has_eku(v->leaf, v->eku))
		return refuse(v->leaf->cert, "certificate.key-usage", v->eku,
			"no such extended key usage");
	TRY(borrow_chain(v, X509_STORE_CTX_get0_chain(ctx), ret_borrowed));
	x509_memo_keep(v, ret_borrowed);
	return OK;
}

RESULT x509_verify(const struct x509_verify *v)
{
	struct x509_list chain;

	return x509_verify_chain(v, &chain);
}
