#include "azure/imds.h"

#include <time.h>

#include <base/encode.h>
#include <base/json.h>
#include <crypto/x509.h>
#include <net/http_client.h>
#include <tee/tee.h>

#define SERVICE	 "http://169.254.169.254"
#define AMD	 "/metadata/THIM/amd/certification"
#define TD_QUOTE "/acc/tdquote"

enum {
	TIMEOUT_MS = 10000,
	TRIES = 3,
	AGAIN_MS = 500,
	ANSWER_MAX = 256 * 1024,
	REQUEST_MAX = 8 * 1024,
	OK_STATUS = 200,
	BAD_REQUEST = 400,
	TOO_MANY = 429,
	SERVER_ERROR = 500,
};

/* ---- one call ---- */
static struct err call(
	const struct imds *m, const char *path, struct bytes body, struct http_response *ret)
{
	static const char *const headers[] = { "Metadata: true", "Content-Type: application/json",
		NULL };
	long timeout_ms = m->timeout_ms ? (long)m->timeout_ms : TIMEOUT_MS;
	const struct http_client_config config = {
		.user_agent = "sealpod", .connect_timeout_ms = timeout_ms, .timeout_ms = timeout_ms
	};
	AUTO(http_client_freep) struct http_client *c = NULL;
	AUTO(auto_free) char *url = NULL;

	TRY(str_format(&url, "%s%s", m->url ? m->url : SERVICE, path));
	const struct http_request r = {
		.method = body.n > 0 ? "POST" : "GET",
		.url = url,
		.body = body,
		.headers = headers,
		.max_body = ANSWER_MAX,
	};
	TRY(http_client_new(&config, &c));
	return http_do(c, &r, ret);
}

/* Its own documentation asks for patience with these. */
static bool is_passing(int status)
{
	return status == TOO_MANY || status >= SERVER_ERROR;
}

static struct err call_patiently(
	const struct imds *m, const char *path, struct bytes body, struct http_response *ret)
{
	for (int i = 1;; i++) {
		const struct timespec pause = { .tv_nsec = AGAIN_MS * 1000000L };

		http_response_done(ret);
		*ret = (struct http_response){ 0 };
		TRY(call(m, path, body, ret));
		if (i == TRIES || !is_passing(ret->status))
			return OK;
		(void)nanosleep(&pause, NULL);
	}
}

static struct err expect_ok(const struct http_response *r)
{
	if (r->status == OK_STATUS)
		return OK;
	return err_new(ERR_PEER, "status %d instead of 200: %.*s", r->status,
		(int)(r->body.n < 80 ? r->body.n : 80), r->body.n ? (const char *)r->body.p : "");
}

static struct err member(
	const struct http_response *r, const char *name, struct json **ret_tree, const char **ret)
{
	struct err e = json_parse(buf_bytes(&r->body), ret_tree);

	return failed(e) ? err_add(e, "answer") : json_need_string(*ret_tree, name, ret);
}

static struct err blame(struct err e, const struct imds *m, const char *what, const char *path)
{
	if (!failed(e))
		return OK;
	return err_add(
		e, "%s from the metadata service at %s%s", what, m->url ? m->url : SERVICE, path);
}

/* ---- AMD ---- */
static struct err get_vcek(const struct imds *m, struct buf *ret_der)
{
	AUTO(http_response_done) struct http_response r = { 0 };
	AUTO(json_freep) struct json *tree = NULL;
	AUTO(x509_freep) struct x509 *cert = NULL;
	const char *pem;

	TRY(call_patiently(m, AMD, BYTES_NONE, &r));
	TRY(expect_ok(&r));
	TRY(member(&r, "vcekCert", &tree, &pem));
	struct err e = x509_parse_first(bytes_str(pem), &cert);
	return failed(e) ? err_add(e, "vcekCert") : x509_der(cert, ret_der);
}

static RESULT imds_vcek(const struct imds *m, struct buf *ret_der)
{
	return blame(get_vcek(m, ret_der), m, "VCEK", AMD);
}

/* ---- Intel ---- */
static struct err ask_quote(const struct imds *m, enum base64_kind kind, struct bytes tdreport,
	struct http_response *ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT(REQUEST_MAX), body = BUF_INIT(REQUEST_MAX);
	struct json_writer w = jw_of(&body);

	base64_encode(kind, tdreport, &text);
	TRY(buf_end(&text, "TDREPORT"));
	jw_object(&w);
	jw_key(&w, "report");
	jw_bytes_str(&w, buf_bytes(&text));
	jw_object_end(&w);
	TRY(buf_end(&body, "request"));
	return call_patiently(m, TD_QUOTE, buf_bytes(&body), ret);
}

/* The service has answered in either alphabet. */
static struct err decode_quote(const char *text, struct buf *ret_quote)
{
	struct bytes b = bytes_str(text);

	if (strpbrk(text, "+/"))
		return base64_decode(BASE64_STD, b, "quote", ret_quote);
	while (b.n > 0 && b.p[b.n - 1] == '=')
		b.n--;
	return base64_decode(BASE64_URL_NO_PAD, b, "quote", ret_quote);
}

static struct err get_td_quote(const struct imds *m, struct bytes tdreport, struct buf *ret_quote)
{
	AUTO(http_response_done) struct http_response r = { 0 };
	AUTO(json_freep) struct json *tree = NULL;
	const char *quote;

	TRY(ask_quote(m, BASE64_URL_NO_PAD, tdreport, &r));
	/* Versions of the service differ in the alphabet they read, too. */
	if (r.status == BAD_REQUEST)
		TRY(ask_quote(m, BASE64_STD, tdreport, &r));
	TRY(expect_ok(&r));
	TRY(member(&r, "quote", &tree, &quote));
	return decode_quote(quote, ret_quote);
}

static RESULT imds_td_quote(const struct imds *m, struct bytes tdreport, struct buf *ret_quote)
{
	return blame(get_td_quote(m, tdreport, ret_quote), m, "TD quote", TD_QUOTE);
}

const struct imds_ops imds_http = {
	.vcek = imds_vcek,
	.td_quote = imds_td_quote,
};
