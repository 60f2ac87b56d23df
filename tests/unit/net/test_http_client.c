#include "util.h"
#include "web.h"

#include <stdio.h>

#include <base/clock.h>
#include <net/http_client.h>

enum {
	PATIENT_MS = 60 * 1000, /* only tests of time-outs may meet one */
};

static struct web web;

static int start_web(void **state)
{
	(void)state;
	/* The environment must not decide where a client connects. */
	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	(void)setenv("https_proxy", "http://127.0.0.1:1", 1);
	(void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	(void)setenv("SSL_CERT_FILE", "/nonexistent", 1);
	web = web_start(BYTES_NONE, BYTES_NONE);
	return 0;
}

static int stop_web(void **state)
{
	(void)state;
	web_stop(&web);
	return 0;
}

static struct http_client *new_client(void)
{
	struct http_client *c = NULL;

	assert_ok(http_client_new(&(struct http_client_config){ .user_agent = "tester/1",
					  .timeout_ms = PATIENT_MS,
					  .connect_timeout_ms = PATIENT_MS },
		&c));
	return c;
}

static const char *url(const char *path)
{
	return web_url(&web, "http", "127.0.0.1", path);
}

static void expect_body(const struct http_response *r, const char *part)
{
	char text[2048];

	(void)snprintf(text, sizeof(text), "%.*s", (int)r->body.n, (const char *)r->body.p);
	if (!strstr(text, part))
		fail_msg("\"%s\" not in \"%s\"", part, text);
}

/* ---- requests and answers ---- */

static void test_methods(void **state)
{
	(void)state;
	static const char *const typed[] = { "Content-Type: application/json", NULL };
	static const struct {
		const char *method, *body;
		const char *const *headers;
		const char *want;
	} cases[] = {
		{ NULL, "", NULL,
			"GET /x authorization=- cookie=- type=- agent=tester/1 range=- body=" },
		{ "POST", "", NULL, "POST /x" },
		{ "POST", "abc", NULL, "type=- agent=tester/1 range=- body=abc" },
		{ "POST", "{}", typed, "type=application/json agent=tester/1 range=- body={}" },
		{ "PUT", "", NULL, "PUT /x" },
		{ "PUT", "v", NULL, "body=v" },
		{ "DELETE", "", NULL, "DELETE /x" },
		{ "PATCH", "p", NULL, "PATCH /x" },
		{ "GET", "g", NULL, "body=g" },
	};
	AUTO(http_client_freep) struct http_client *c = new_client();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(http_response_done) struct http_response r = { 0 };

		assert_ok(http_do(c,
			&(struct http_request){ .method = cases[i].method,
				.url = url("/x"),
				.body = bytes_str(cases[i].body),
				.headers = cases[i].headers },
			&r));
		assert_int_equal(r.status, 200);
		expect_body(&r, cases[i].want);
		assert_string_equal(http_header(&r, "content-type"), "text/plain");
		assert_string_equal(http_header(&r, "x-twice"), "two");
		assert_null(http_header(&r, "x-none"));
		assert_string_equal(r.effective_url, url("/x"));
	}
}

static void test_head(void **state)
{
	(void)state;
	AUTO(http_client_freep) struct http_client *c = new_client();
	AUTO(http_response_done) struct http_response r = { 0 };

	assert_ok(http_do(
		c, &(struct http_request){ .method = "HEAD", .url = url("/pattern?n=1234") }, &r));
	assert_int_equal(r.body.n, 0);
	assert_string_equal(http_header(&r, "content-length"), "1234");
}

static void test_refused_requests(void **state)
{
	(void)state;
	static const char *const split[] = { "X: a\r\nY: b", NULL };
	static const struct {
		const char *url, *why;
		const char *const *headers;
	} bad[] = {
		{ "file:///etc/passwd", "neither http nor https", NULL },
		{ "ftp://127.0.0.1/", "neither http nor https", NULL },
		{ "http://user:pw@127.0.0.1/", "URL \"http://user", NULL },
		{ "http://", "URL \"http://\"", NULL },
		{ "127.0.0.1/x", "URL \"127.0.0.1/x\"", NULL },
		{ "http://127.0.0.1:1/", "line break in a request header", split },
	};
	AUTO(http_client_freep) struct http_client *c = new_client();

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct http_response r = { 0 };

		assert_err(http_do(c,
				   &(struct http_request){
					   .url = bad[i].url, .headers = bad[i].headers },
				   &r),
			ERR_FORMAT);
		assert_err_text(bad[i].why);
		assert_null(r.body.p);
	}
}

static void test_no_connection(void **state)
{
	(void)state;
	AUTO(http_client_freep) struct http_client *c = new_client();
	struct http_response r = { 0 };

	assert_err(
		http_do(c, &(struct http_request){ .url = "http://127.0.0.1:1/" }, &r), ERR_PEER);
	assert_err_text("127.0.0.1: no connection");
	assert_err(http_do(c, &(struct http_request){ .url = "http://no-such-host.invalid/" }, &r),
		ERR_PEER);
	assert_err_text("no-such-host.invalid: name not found");
	assert_err(
		http_do(c,
			&(struct http_request){ .url = web_url(&web, "https", "127.0.0.1", "/") },
			&r),
		ERR_PEER);
	assert_err_text("127.0.0.1: no TLS connection");
}

static void test_timeout(void **state)
{
	(void)state;
	AUTO(http_client_freep) struct http_client *c = NULL;
	struct http_response r = { 0 };

	assert_ok(http_client_new(&(struct http_client_config){ .timeout_ms = 200 }, &c));
	assert_err(http_do(c, &(struct http_request){ .url = url("/never") }, &r), ERR_TIMEOUT);
	assert_err_text("127.0.0.1: time-out");
}

/* ---- bodies ---- */

struct sunk {
	size_t n, fail_at;
	size_t first; /* offset of the first byte */
};

static struct err sink(void *arg, struct bytes data)
{
	struct sunk *s = arg;

	for (size_t i = 0; i < data.n; i++)
		assert_int_equal(data.p[i], (s->first + s->n + i) % 251);
	s->n += data.n;
	if (s->fail_at > 0 && s->n >= s->fail_at)
		return err_deny(ERR_DENIED, "layer.digest", "digest", "a", "b");
	return OK;
}

static void test_body_limit(void **state)
{
	(void)state;
	AUTO(http_client_freep) struct http_client *c = new_client();
	AUTO(http_response_done) struct http_response r = { 0 };

	assert_err(
		http_do(c,
			&(struct http_request){ .url = url("/pattern?n=1001"), .max_body = 1000 },
			&r),
		ERR_LIMIT);
	assert_err_text("GET http://127.0.0.1:");
	assert_err(http_do(c, &(struct http_request){ .url = url("/pattern?n=4194305") }, &r),
		ERR_LIMIT);
	assert_ok(http_do(
		c, &(struct http_request){ .url = url("/pattern?n=1000"), .max_body = 1000 }, &r));
	assert_int_equal(r.body.n, 1000);
}

static void test_sink(void **state)
{
	(void)state;
	AUTO(http_client_freep) struct http_client *c = new_client();
	AUTO(http_response_done) struct http_response r = { 0 };
	AUTO(http_response_done) struct http_response failed_r = { 0 };
	struct sunk s = { 0 }, part = { .first = 5000000 }, bad = { .fail_at = 100000 };

	assert_ok(http_do(c,
		&(struct http_request){
			.url = url("/pattern?n=9000000"), .sink = sink, .sink_arg = &s },
		&r));
	assert_int_equal(s.n, 9000000);
	assert_int_equal(r.body.n, 0);
	/* This server knows no ranges and sends everything. */
	assert_ok(http_do(c,
		&(struct http_request){ .url = url("/pattern?n=9000000"),
			.range_from = 5000000,
			.sink = sink,
			.sink_arg = &part },
		&failed_r));
	assert_int_equal(part.n, 4000000);
	http_response_done(&failed_r);
	/* The sink's own failure is the result. */
	assert_err(
		http_do(c,
			&(struct http_request){
				.url = url("/pattern?n=9000000"), .sink = sink, .sink_arg = &bad },
			&failed_r),
		ERR_DENIED);
	assert_string_equal(err_denial()->code, "layer.digest");
	assert_true(bad.n < 200000);
}

static void test_sink_only_for_success(void **state)
{
	(void)state;
	AUTO(http_client_freep) struct http_client *c = new_client();
	AUTO(http_response_done) struct http_response r = { 0 };
	struct sunk s = { 0 };

	assert_ok(http_do(c,
		&(struct http_request){
			.url = url("/pattern?n=100&status=404"), .sink = sink, .sink_arg = &s },
		&r));
	assert_int_equal(r.status, 404);
	assert_int_equal(s.n, 0);
	assert_int_equal(r.body.n, 100);
}

static void test_range_header(void **state)
{
	(void)state;
	AUTO(http_client_freep) struct http_client *c = new_client();
	AUTO(http_response_done) struct http_response r = { 0 };

	assert_ok(http_do(c, &(struct http_request){ .url = url("/x"), .range_from = 77 }, &r));
	expect_body(&r, "range=bytes=77- ");
}

/* ---- redirects and cookies ---- */

static RESULT get(
	struct http_client *c, const char *where, unsigned redirects, struct http_response *ret)
{
	static const char *const headers[] = { "Authorization: Bearer t", NULL };

	return http_do(c,
		&(struct http_request){
			.url = where, .headers = headers, .max_redirects = redirects },
		ret);
}

static void test_redirects(void **state)
{
	(void)state;
	AUTO(http_client_freep) struct http_client *c = new_client();
	struct web other = web_start(BYTES_NONE, BYTES_NONE);
	char path[256];
	struct {
		const char *to, *want;
	} cases[] = {
		{ "/x", "GET /x authorization=Bearer t" },
		{ "x/y", "GET /x/y authorization=Bearer t" },
		{ url("/z"), "GET /z authorization=Bearer t" },
		{ web_url(&other, "http", "127.0.0.1", "/o"), "GET /o authorization=- " },
		{ web_url(&web, "http", "localhost", "/l"), "GET /l authorization=- " },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(http_response_done) struct http_response r = { 0 };

		(void)snprintf(path, sizeof(path), "/redirect?to=%s", cases[i].to);
		assert_ok(get(c, url(path), 3, &r));
		assert_int_equal(r.status, 200);
		expect_body(&r, cases[i].want);
		assert_null(strstr(r.effective_url, "redirect"));
	}
	web_stop(&other);
}

/* Once credentials were dropped they do not come back on the way home. */
static void test_redirect_there_and_back(void **state)
{
	(void)state;
	AUTO(http_client_freep) struct http_client *c = new_client();
	AUTO(http_response_done) struct http_response r = { 0 };
	char path[512], hop[256];

	(void)snprintf(hop, sizeof(hop), "/redirect?to=%s", url("/home"));
	(void)snprintf(
		path, sizeof(path), "/redirect?to=%s", web_url(&web, "http", "localhost", hop));
	assert_ok(get(c, url(path), 3, &r));
	expect_body(&r, "GET /home authorization=- ");
}

static void test_redirect_limits(void **state)
{
	(void)state;
	AUTO(http_client_freep) struct http_client *c = new_client();
	AUTO(http_response_done) struct http_response r = { 0 };

	assert_ok(get(c, url("/redirect?to=/x"), 0, &r));
	assert_int_equal(r.status, 302);
	assert_string_equal(http_header(&r, "location"), "/x");
	http_response_done(&r);
	assert_err(get(c, url("/redirect?to=/redirect?to=/redirect?to=/x"), 1, &r), ERR_PEER);
	assert_err_text("more than 1 redirects");
	assert_err(get(c, url("/redirect?to=file:///etc/passwd"), 3, &r), ERR_FORMAT);
	assert_err_text("neither http nor https");
	assert_err(get(c, url("/redirect?to=http://u:p@127.0.0.1/"), 3, &r), ERR_FORMAT);
}

static void test_redirect_methods(void **state)
{
	(void)state;
	static const struct {
		const char *path, *want;
	} cases[] = {
		{ "/redirect?status=301&to=/x", "GET /x" },
		{ "/redirect?status=302&to=/x", "GET /x" },
		{ "/redirect?status=303&to=/x", "GET /x" },
		{ "/redirect?status=307&to=/x", "POST /x" },
		{ "/redirect?status=308&to=/x", "POST /x" },
	};
	AUTO(http_client_freep) struct http_client *c = new_client();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(http_response_done) struct http_response r = { 0 };

		assert_ok(http_do(c,
			&(struct http_request){ .method = "POST",
				.url = url(cases[i].path),
				.body = bytes_str("b"),
				.max_redirects = 1 },
			&r));
		expect_body(&r, cases[i].want);
		expect_body(&r, cases[i].want[0] == 'P' ? "body=b" : "body=");
	}
}

static void visit(struct http_client *c, const char *want)
{
	AUTO(http_response_done) struct http_response set = { 0 }, r = { 0 };

	assert_ok(http_do(c, &(struct http_request){ .url = url("/cookie") }, &set));
	assert_int_equal(set.status, 204);
	assert_ok(http_do(c, &(struct http_request){ .url = url("/x") }, &r));
	expect_body(&r, want);
}

static void test_cookies(void **state)
{
	(void)state;
	AUTO(http_client_freep) struct http_client *with = NULL;
	AUTO(http_client_freep) struct http_client *without = new_client();

	assert_ok(http_client_new(&(struct http_client_config){ .cookies = true }, &with));
	visit(with, "cookie=s-1 ");
	visit(without, "cookie=- ");
}

/* ---- TLS ---- */

struct tls_case {
	const char *name; /* in the server's certificate */
	int64_t starts;	  /* days from now */
	bool right_ca, only;
	const char *why; /* NULL: accepted */
};

static void try_tls(
	const struct tls_case *t, const struct authority *issuer, const struct authority *trusted)
{
	AUTO(http_client_freep) struct http_client *c = NULL;
	AUTO(http_response_done) struct http_response r = { 0 };
	AUTO(identity_done) struct identity id;

	identity_make(&id, issuer, t->name, clock_now() + t->starts * 24 * 60 * 60 - 60);
	struct web w = web_start(buf_bytes(&id.cert), buf_bytes(&id.key));
	struct http_request req = { .url = web_url(&w, "https", "127.0.0.1", "/x") };

	assert_ok(http_client_new(
		&(struct http_client_config){
			.ca_pem = trusted ? buf_bytes(&trusted->pem) : BYTES_NONE,
			.only_ca_pem = t->only,
			.connect_timeout_ms = PATIENT_MS },
		&c));
	if (t->why) {
		assert_err(http_do(c, &req, &r), ERR_UNVERIFIED);
		assert_string_equal(err_denial()->code, "tls.certificate");
		assert_string_equal(err_denial()->field, "127.0.0.1");
		assert_err_text(t->why);
	} else {
		assert_ok(http_do(c, &req, &r));
		assert_int_equal(r.status, 200);
	}
	web_stop(&w);
}

static void test_tls(void **state)
{
	(void)state;
	static const struct tls_case cases[] = {
		{ "127.0.0.1", 0, true, false, NULL },
		{ "127.0.0.1", 0, true, true, NULL },
		{ "127.0.0.1", 0, false, false, "unable to get local issuer certificate" },
		{ "127.0.0.1", 0, false, true, "unable to get local issuer certificate" },
		{ "other.example", 0, true, true, "127.0.0.1" },
		{ "127.0.0.1", -3, true, true, "certificate has expired" },
		{ "127.0.0.1", 3, true, true, "certificate is not yet valid" },
	};
	AUTO(authority_done) struct authority ca;
	AUTO(authority_done) struct authority stranger;

	authority_make(&ca, "test CA");
	authority_make(&stranger, "other CA");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		try_tls(&cases[i], &ca, cases[i].right_ca ? &ca : &stranger);
	/* Neither the system's roots nor none at all know our authority. */
	try_tls(&(struct tls_case){ .name = "127.0.0.1", .why = "issuer certificate" }, &ca, NULL);
}

static void test_no_roots(void **state)
{
	(void)state;
	AUTO(http_client_freep) struct http_client *c = NULL;
	AUTO(authority_done) struct authority ca;
	AUTO(identity_done) struct identity id;
	struct http_response r = { 0 };

	authority_make(&ca, "test CA");
	identity_make(&id, &ca, "127.0.0.1", clock_now() - 60);
	struct web w = web_start(buf_bytes(&id.cert), buf_bytes(&id.key));

	/* Pinned to nothing: nobody is trusted. */
	assert_ok(http_client_new(&(struct http_client_config){ .only_ca_pem = true }, &c));
	assert_err(
		http_do(c, &(struct http_request){ .url = web_url(&w, "https", "127.0.0.1", "/") },
			&r),
		ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "tls.certificate");
	web_stop(&w);
}

/* A redirect from https to http would send what follows in the clear. */
static void test_tls_downgrade(void **state)
{
	(void)state;
	AUTO(http_client_freep) struct http_client *c = NULL;
	AUTO(authority_done) struct authority ca;
	AUTO(identity_done) struct identity id;
	struct http_response r = { 0 };
	char path[256];

	authority_make(&ca, "test CA");
	identity_make(&id, &ca, "127.0.0.1", clock_now() - 60);
	struct web w = web_start(buf_bytes(&id.cert), buf_bytes(&id.key));

	(void)snprintf(path, sizeof(path), "/redirect?to=%s", url("/x"));
	assert_ok(http_client_new(
		&(struct http_client_config){ .ca_pem = buf_bytes(&ca.pem), .only_ca_pem = true },
		&c));
	assert_err(get(c, web_url(&w, "https", "127.0.0.1", path), 3, &r), ERR_PEER);
	assert_err_text("redirected from https to http");
	web_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_refused_requests),
		cmocka_unit_test(test_no_connection),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_body_limit),
		cmocka_unit_test(test_sink),
		cmocka_unit_test(test_sink_only_for_success),
		cmocka_unit_test(test_range_header),
		cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_redirect_there_and_back),
		cmocka_unit_test(test_redirect_limits),
		cmocka_unit_test(test_redirect_methods),
		cmocka_unit_test(test_cookies),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_no_roots),
		cmocka_unit_test(test_tls_downgrade),
	};

	return cmocka_run_group_tests(tests, start_web, stop_web);
}
