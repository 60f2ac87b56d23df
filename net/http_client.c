#include "http_transfer.h"

#include <stdio.h>

#include <base/file.h>

#define SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"

enum {
	ROOTS_MAX = 4 * 1024 * 1024,
	CONNECT_TIMEOUT_MS = 10000,
	TIMEOUT_MS = 60000
};

struct http_client {
	CURL *easy;	 /* keeps the connections */
	CURLSH *cookies; /* NULL: none */
	struct buf roots;
	bool own_roots;
	char *user_agent, *https_proxy, *http_proxy, *no_proxy;
	long connect_timeout_ms, timeout_ms;
};

/* What changes from one hop of a redirected request to the next. */
struct hop {
	CURLU *url;
	const char *method;
	struct bytes body;
	bool foreign; /* another origin than the caller named: no credentials */
};

/* Options of a handle, sticky like a buffer: the first failure stays. */
struct setter {
	CURL *easy;
	CURLcode code;
};

static void set_number(struct setter *s, CURLoption option, long v)
{
	if (s->code == CURLE_OK)
		s->code = curl_easy_setopt(s->easy, option, v);
}

static void set_text(struct setter *s, CURLoption option, const char *v)
{
	if (s->code == CURLE_OK)
		s->code = curl_easy_setopt(s->easy, option, v);
}

static void set_object(struct setter *s, CURLoption option, void *v)
{
	if (s->code == CURLE_OK)
		s->code = curl_easy_setopt(s->easy, option, v);
}

static void set_callback(
	struct setter *s, CURLoption option, size_t (*fn)(char *, size_t, size_t, void *))
{
	if (s->code == CURLE_OK)
		s->code = curl_easy_setopt(s->easy, option, fn);
}

static RESULT set_end(const struct setter *s)
{
	return s->code == CURLE_OK ? OK
				   : err_new(ERR_NOMEM, "libcurl: %s", curl_easy_strerror(s->code));
}

static RESULT copy_or_empty(const char *from, char **to)
{
	return str_dup(from ? from : "", to);
}

static RESULT load_roots(struct http_client *c, const struct http_client_config *config)
{
	c->own_roots = config->ca_pem.n > 0 || config->only_ca_pem;
	c->roots = BUF_INIT(ROOTS_MAX);
	if (!c->own_roots)
		return OK;
	/* The blob replaces libcurl's default file, so both go in. */
	if (!config->only_ca_pem && file_exists(SYSTEM_ROOTS)) {
		TRY(file_read(SYSTEM_ROOTS, &c->roots));
		buf_puts(&c->roots, "\n");
	}
	buf_put(&c->roots, config->ca_pem);
	return buf_end(&c->roots, "CA certificates");
}

/* Cookies live in a share, so that the handle's own list of cookie files can be released after
 * every request: the reset of a handle would leak it. */
static RESULT new_jar(struct http_client *c)
{
	c->cookies = curl_share_init();
	if (!c->cookies ||
		curl_share_setopt(c->cookies, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE) != CURLSHE_OK)
		return err_new(ERR_NOMEM, "libcurl");
	return OK;
}

static RESULT configure(struct http_client *c, const struct http_client_config *config)
{
	c->connect_timeout_ms =
		config->connect_timeout_ms > 0 ? config->connect_timeout_ms : CONNECT_TIMEOUT_MS;
	c->timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : TIMEOUT_MS;
	TRY(copy_or_empty(config->user_agent, &c->user_agent));
	TRY(copy_or_empty(config->https_proxy, &c->https_proxy));
	TRY(copy_or_empty(config->http_proxy, &c->http_proxy));
	TRY(copy_or_empty(config->no_proxy, &c->no_proxy));
	return load_roots(c, config);
}

RESULT http_client_new(const struct http_client_config *config, struct http_client **ret_client)
{
	AUTO(http_client_freep) struct http_client *c = calloc(1, sizeof(*c));

	if (!c)
		return err_new(ERR_NOMEM, "HTTP client");
	c->easy = curl_easy_init();
	if (!c->easy)
		return err_new(ERR_NOMEM, "libcurl");
	TRY(configure(c, config));
	if (config->cookies)
		TRY(new_jar(c));
	*ret_client = TAKE(c);
	return OK;
}

void http_client_free(struct http_client *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->easy);
	if (c->cookies)
		(void)curl_share_cleanup(c->cookies);
	buf_done(&c->roots);
	free(c->user_agent);
	free(c->https_proxy);
	free(c->http_proxy);
	free(c->no_proxy);
	free(c);
}

void http_client_freep(struct http_client **c)
{
	http_client_free(*c);
}

const char *http_header(const struct http_response *r, const char *lower_name)
{
	return json_map_get(&r->headers, lower_name);
}

static void auto_curl_free(char **p)
{
	curl_free(*p);
}

static void auto_url_cleanup(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void auto_slist(struct curl_slist **l)
{
	curl_slist_free_all(*l);
}

static void set_tls(struct setter *s, const struct http_client *c)
{
	struct curl_blob blob = { c->roots.p, c->roots.n, CURL_BLOB_NOCOPY };

	set_number(s, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	set_number(s, CURLOPT_SSL_VERIFYPEER, 1);
	set_number(s, CURLOPT_SSL_VERIFYHOST, 2);
	if (!c->own_roots)
		return;
	/* Without this libcurl would trust its built-in directory besides the blob. */
	set_text(s, CURLOPT_CAPATH, NULL);
	set_object(s, CURLOPT_CAINFO_BLOB, &blob);
}

static void set_timeouts(struct setter *s, const struct http_client *c, bool streams)
{
	set_number(s, CURLOPT_CONNECTTIMEOUT_MS, c->connect_timeout_ms);
	if (!streams) {
		set_number(s, CURLOPT_TIMEOUT_MS, c->timeout_ms);
		return;
	}
	set_number(s, CURLOPT_LOW_SPEED_LIMIT, 1);
	set_number(s, CURLOPT_LOW_SPEED_TIME, (c->timeout_ms + 999) / 1000);
}

static RESULT set_client(struct setter *s, const struct http_client *c, const struct hop *h)
{
	AUTO(auto_curl_free) char *scheme = NULL;

	if (curl_url_get(h->url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return err_new(ERR_NOMEM, "URL");
	bool tls = strcmp(scheme, "https") == 0;

	set_text(s, CURLOPT_PROTOCOLS_STR, "http,https");
	set_number(s, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	set_number(s, CURLOPT_FOLLOWLOCATION, 0);
	/* An empty one: not the environment's. */
	set_text(s, CURLOPT_PROXY, tls ? c->https_proxy : c->http_proxy);
	set_text(s, CURLOPT_NOPROXY, c->no_proxy);
	if (c->user_agent[0])
		set_text(s, CURLOPT_USERAGENT, c->user_agent);
	if (c->cookies) {
		set_object(s, CURLOPT_SHARE, c->cookies);
		set_text(s, CURLOPT_COOKIEFILE, "");
	}
	set_tls(s, c);
	return OK;
}

static void set_method(struct setter *s, const struct hop *h)
{
	bool has_body =
		h->body.n > 0 || strcmp(h->method, "POST") == 0 || strcmp(h->method, "PUT") == 0;

	if (strcmp(h->method, "HEAD") == 0) {
		set_number(s, CURLOPT_NOBODY, 1);
		return;
	}
	if (has_body) {
		if (s->code == CURLE_OK)
			s->code = curl_easy_setopt(
				s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)h->body.n);
		set_text(s, CURLOPT_POSTFIELDS, h->body.n > 0 ? (const char *)h->body.p : "");
	}
	if (has_body || strcmp(h->method, "GET") != 0)
		set_text(s, CURLOPT_CUSTOMREQUEST, h->method);
}

static bool has_name(const char *header, const char *name)
{
	size_t n = strlen(name);

	return strncasecmp(header, name, n) == 0 && header[n] == ':';
}

static RESULT append(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return err_new(ERR_NOMEM, "headers");
	*list = longer;
	return OK;
}

static bool is_for_origin_only(const char *header)
{
	return has_name(header, "Authorization") || has_name(header, "Cookie");
}

static RESULT make_headers(
	const struct http_request *req, const struct hop *h, struct curl_slist **list)
{
	bool has_type = false;

	/* Waiting for "100 Continue" costs a round trip and gains nothing here. */
	TRY(append(list, "Expect:"));
	for (size_t i = 0; req->headers && req->headers[i]; i++) {
		const char *line = req->headers[i];

		if (strpbrk(line, "\r\n"))
			return err_new(ERR_FORMAT, "line break in a request header");
		if (h->foreign && is_for_origin_only(line))
			continue;
		has_type = has_type || has_name(line, "Content-Type");
		TRY(append(list, line));
	}
	/* libcurl would call every body a form. */
	return has_type ? OK : append(list, "Content-Type:");
}

static void set_transfer(struct setter *s, struct transfer *t)
{
	char range[32];

	t->skip = t->req->range_from;
	if (t->skip > 0) {
		(void)snprintf(range, sizeof(range), "%llu-", (unsigned long long)t->skip);
		set_text(s, CURLOPT_RANGE, range);
	}
	set_callback(s, CURLOPT_HEADERFUNCTION, transfer_on_header);
	set_object(s, CURLOPT_HEADERDATA, t);
	set_callback(s, CURLOPT_WRITEFUNCTION, transfer_on_body);
	set_object(s, CURLOPT_WRITEDATA, t);
	set_number(s, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
}

static struct err explain(const struct hop *h, CURLcode code, const char *detail)
{
	AUTO(auto_curl_free) char *host = NULL;
	enum err_code as = ERR_PEER;
	const char *what = "HTTP";

	if (curl_url_get(h->url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		host = NULL;
	if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY) {
		what = "name not found";
	} else if (code == CURLE_COULDNT_CONNECT) {
		what = "no connection";
	} else if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
		   code == CURLE_SSL_ISSUER_ERROR) {
		return err_deny(ERR_UNVERIFIED, "tls.certificate", host ? host : "host",
			"a certificate of the configured roots",
			detail[0] ? detail : curl_easy_strerror(code));
	} else if (code == CURLE_SSL_CONNECT_ERROR) {
		what = "no TLS connection";
	} else if (code == CURLE_OPERATION_TIMEDOUT) {
		what = "time-out";
		as = ERR_TIMEOUT;
	} else if (code == CURLE_OUT_OF_MEMORY) {
		as = ERR_NOMEM;
	}
	return err_new(as, "%s: %s: %s", host ? host : "?", what,
		detail[0] ? detail : curl_easy_strerror(code));
}

static RESULT attempt(struct http_client *c, const struct hop *h, struct transfer *t)
{
	AUTO(auto_slist) struct curl_slist *headers = NULL;
	char detail[CURL_ERROR_SIZE] = "";
	struct setter s = { .easy = c->easy };
	long status = 0;
	CURLcode code;

	TRY(make_headers(t->req, h, &headers));
	TRY(set_client(&s, c, h));
	set_object(&s, CURLOPT_CURLU, h->url);
	set_object(&s, CURLOPT_ERRORBUFFER, detail);
	set_object(&s, CURLOPT_HTTPHEADER, headers);
	set_timeouts(&s, c, t->req->sink != NULL);
	set_method(&s, h);
	set_transfer(&s, t);
	TRY(set_end(&s));
	code = curl_easy_perform(c->easy);
	if (t->aborted)
		return err_restore(&t->why);
	if (code != CURLE_OK)
		return explain(h, code, detail);
	(void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	t->ret->status = (int)status;
	return OK;
}

/* One request, no redirects. */
static RESULT perform(struct http_client *c, const struct hop *h, struct transfer *t)
{
	struct err e = attempt(c, h, t);

	/* The reset also drops every pointer into the frame of the attempt. */
	(void)curl_easy_setopt(c->easy, CURLOPT_COOKIEFILE, NULL);
	curl_easy_reset(c->easy);
	return e;
}

static RESULT url_part(CURLU *u, CURLUPart part, char **ret)
{
	return curl_url_get(u, part, ret, CURLU_DEFAULT_PORT) == CURLUE_OK
		       ? OK
		       : err_new(ERR_FORMAT, "URL: incomplete");
}

static RESULT compare_origin(CURLU *from, CURLU *to, bool *ret_same, bool *ret_downgrade)
{
	static const CURLUPart parts[] = { CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT };
	bool same = true, downgrade = false;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		AUTO(auto_curl_free) char *a = NULL, *b = NULL;

		TRY(url_part(from, parts[i], &a));
		TRY(url_part(to, parts[i], &b));
		same = same && strcasecmp(a, b) == 0;
		if (parts[i] == CURLUPART_SCHEME)
			downgrade = strcmp(a, "https") == 0 && strcmp(b, "https") != 0;
	}
	*ret_same = same;
	*ret_downgrade = downgrade;
	return OK;
}

static RESULT set_url(CURLU *u, const char *text)
{
	AUTO(auto_curl_free) char *scheme = NULL;
	CURLUcode code = curl_url_set(u, CURLUPART_URL, text, CURLU_DISALLOW_USER);

	if (code != CURLUE_OK)
		return err_new(ERR_FORMAT, "URL \"%.100s\": %s", text, curl_url_strerror(code));
	TRY(url_part(u, CURLUPART_SCHEME, &scheme));
	if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		return err_new(ERR_FORMAT, "URL \"%.100s\": neither http nor https", text);
	return OK;
}

/* RFC 9110 section 15.4: where to go next, and how. */
static RESULT redirect(struct hop *h, int status, const char *location)
{
	AUTO(auto_url_cleanup) CURLU *before = curl_url_dup(h->url);
	bool same = false, downgrade = false;

	if (!before)
		return err_new(ERR_NOMEM, "URL");
	TRY(set_url(h->url, location));
	TRY(compare_origin(before, h->url, &same, &downgrade));
	if (downgrade)
		return err_new(ERR_PEER, "redirected from https to http");
	h->foreign = h->foreign || !same;
	if (status == 303 || (status <= 302 && strcmp(h->method, "POST") == 0)) {
		h->method = strcmp(h->method, "HEAD") == 0 ? "HEAD" : "GET";
		h->body = BYTES_NONE;
	}
	return OK;
}

static RESULT follow(struct http_client *c, const struct http_request *req, struct hop *h,
	struct http_response *ret)
{
	for (unsigned left = req->max_redirects;; left--) {
		const char *location;
		struct transfer t;

		http_response_done(ret);
		transfer_init(&t, c->easy, req, ret);
		t.follows = left > 0;
		TRY(perform(c, h, &t));
		location = http_header(ret, "location");
		if (req->max_redirects == 0 || !http_is_redirect(ret->status) || !location)
			return OK;
		if (left == 0)
			return err_new(ERR_PEER, "more than %u redirects", req->max_redirects);
		TRY(redirect(h, ret->status, location));
	}
}

static RESULT finish(const struct hop *h, struct http_response *r)
{
	AUTO(auto_curl_free) char *url = NULL;

	if (curl_url_get(h->url, CURLUPART_URL, &url, 0) != CURLUE_OK)
		return err_new(ERR_NOMEM, "URL");
	return str_dup(url, &r->effective_url);
}

RESULT http_do(struct http_client *c, const struct http_request *req, struct http_response *ret)
{
	AUTO(http_response_done) struct http_response r = { 0 };
	AUTO(auto_url_cleanup) CURLU *url = curl_url();
	struct hop h = {
		.url = url, .method = req->method ? req->method : "GET", .body = req->body
	};
	struct err e;

	if (!url)
		return err_new(ERR_NOMEM, "URL");
	TRY(set_url(url, req->url));
	e = follow(c, req, &h, &r);
	if (failed(e))
		return err_add(e, "%s %.200s", h.method, req->url);
	TRY(finish(&h, &r));
	*ret = r;
	r = (struct http_response){ 0 };
	return OK;
}
