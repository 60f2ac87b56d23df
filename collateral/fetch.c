#include "store_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <base/encode.h>
#include <base/random.h>
#include <collateral/fetch.h>
#include <net/url.h>

enum {
	URL_MAX = 2048,
	RETRIES = 3,
	BACKOFF_MS = 500,
	LATER_S = 10,	    /* a server that says "later" without saying when */
	LATER_MAX_S = 3600, /* however long it says */
	WAIT_HERE_S = 30,   /* waited for in place; longer is told instead */
	OK_STATUS = 200,
	TOO_MANY = 429,
	UNAVAILABLE = 503,
	SERVER_ERROR = 500,
};

struct job {
	struct cstore *store;
	const struct fetch_config *c;
	struct http_client *http;
	struct fetch_count *count;
};

static void job_done(struct job *j)
{
	http_client_free(j->http);
}

static RESULT job_new(
	struct cstore *s, const struct fetch_config *c, struct fetch_count *count, struct job *ret)
{
	const struct http_client_config http = { .ca_pem = c->ca_pem, .user_agent = "sealpod" };

	*ret = (struct job){ .store = s, .c = c, .count = count };
	return http_client_new(&http, &ret->http);
}

static void tell(const struct job *j, const char *url, const char *outcome)
{
	if (j->c->progress)
		j->c->progress(j->c->progress_arg, url, outcome);
}

static void wait_ms(const struct job *j, unsigned ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	if (j->c->sleep)
		j->c->sleep(j->c->progress_arg, ms);
	else
		(void)nanosleep(&t, NULL);
}

/* Twice as long each time, and never at the same moment as everybody else. */
static unsigned backoff_ms(unsigned attempt)
{
	uint8_t jitter = 0;

	err_ignore(random_fill(&jitter, 1)); /* without it the wait is only less random */
	return ((unsigned)BACKOFF_MS << attempt) + jitter;
}

/* Seconds; dates are not used by these servers. */
static int64_t retry_after(const struct http_response *r)
{
	const char *text = http_header(r, "retry-after");
	uint64_t s;

	if (!text || failed(str_to_u64(text, LATER_MAX_S, "Retry-After", &s)))
		return LATER_S;
	return (int64_t)s;
}

static RESULT host_of(const char *url, char **ret_host)
{
	AUTO(url_done) struct url u = { 0 };

	TRY(url_parse(url, &u));
	return str_dup(u.host, ret_host);
}

/* ---- one address ---- */

static bool is_later(int status)
{
	return status == TOO_MANY || status == UNAVAILABLE;
}

/* False: the limit is longer than one waits for. */
static bool wait_for_host(const struct job *j, const char *host)
{
	int64_t left = cstore_host_not_before(j->store, host) - j->c->now;

	if (left > WAIT_HERE_S)
		return false;
	if (left > 0)
		wait_ms(j, (unsigned)left * 1000);
	return true;
}

static int64_t monotonic_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Servers count requests: a dozen at once is what they refuse. */
static void keep_pace(const struct job *j, const char *host)
{
	struct fetch_pace *p = j->c->pace;

	if (!p)
		return;
	int64_t left = p->last_ms + j->c->interval_ms - monotonic_ms();
	if (left > 0 && str_equal(p->host, host))
		wait_ms(j, (unsigned)left);
	(void)snprintf(p->host, sizeof(p->host), "%s", host);
	p->last_ms = monotonic_ms();
}

static RESULT attempt(
	struct job *j, const char *url, const char *host, unsigned i, struct http_response *ret)
{
	const struct http_request q = {
		.method = "GET", .url = url, .max_redirects = 3, .max_body = COLLATERAL_FILE_MAX
	};

	if (i > 0)
		wait_ms(j, backoff_ms(i - 1));
	if (!wait_for_host(j, host))
		return err_new(ERR_PEER, "%s wants to be asked later", host);
	keep_pace(j, host);
	TRY(http_do(j->http, &q, ret));
	if (is_later(ret->status))
		TRY(cstore_set_host(j->store, host, j->c->now + retry_after(ret)));
	else
		TRY(cstore_set_host(j->store, host, 0));
	if (ret->status != OK_STATUS)
		return err_new(ERR_PEER, "status %d", ret->status);
	return OK;
}

/* A wrong address stays wrong; a server in trouble may recover. */
static bool worth_retrying(struct err e, const struct http_response *r)
{
	if (e.code == ERR_UNVERIFIED || e.code == ERR_NOMEM)
		return false;
	return r->status == 0 || is_later(r->status) || r->status >= SERVER_ERROR;
}

static RESULT get(struct job *j, const char *url, struct http_response *ret)
{
	unsigned retries = j->c->retries ? j->c->retries : RETRIES;
	AUTO(auto_free) char *host = NULL;
	struct err e = OK;

	TRY(host_of(url, &host));
	for (unsigned i = 0; i < retries; i++) {
		http_response_done(ret);
		*ret = (struct http_response){ 0 };
		e = attempt(j, url, host, i, ret);
		if (!failed(e) || !worth_retrying(e, ret))
			break;
	}
	return e;
}

static bool is_fresh(const struct job *j, const char *url)
{
	const struct cstore_item *i = cstore_of_source(j->store, url);

	return i && j->c->now - i->fetched < j->c->refresh_after_s &&
	       (i->not_after == 0 || i->not_after > j->c->now);
}

static bool has_header_chain(const char *chain_header, const struct http_response *r)
{
	return chain_header && http_header(r, chain_header);
}

/* "%2B" and so on, as header values carry PEM. */
static RESULT unescape(const char *text, struct buf *out)
{
	for (const char *p = text; *p; p++) {
		uint8_t v = (uint8_t)*p;
		if (*p == '%' && p[1] && p[2]) {
			TRY(hex_decode_fixed(bytes_of(p + 1, 2), "escape", &v, 1));
			p += 2;
		}
		buf_u8(out, v);
	}
	return buf_end(out, "issuer chain");
}

static RESULT keep(
	struct job *j, const char *url, const char *chain_header, const struct http_response *r)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(COLLATERAL_FILE_MAX);
	AUTO(auto_free) char *source = NULL;

	if (!has_header_chain(chain_header, r))
		return cstore_add(j->store, buf_bytes(&r->body), url, j->c->now);
	TRY(unescape(http_header(r, chain_header), &pem));
	TRY(str_format(&source, "%s#%s", url, chain_header));
	/* The body last: a chain that is none leaves the old pair. */
	AUTO(cstore_item_done) struct cstore_item looked_at = { 0 };
	TRY(cstore_item_of(buf_bytes(&r->body), url, j->c->now, &looked_at));
	TRY(cstore_add(j->store, buf_bytes(&pem), source, j->c->now));
	return cstore_add(j->store, buf_bytes(&r->body), url, j->c->now);
}

/* Failures of a server are counted and told; the store keeps what it has. */
static RESULT fetch(struct job *j, const char *url, const char *chain_header)
{
	AUTO(http_response_done) struct http_response r = { 0 };

	if (is_fresh(j, url)) {
		j->count->fresh++;
		tell(j, url, "fresh");
		return OK;
	}
	struct err e = get(j, url, &r);
	if (!failed(e))
		e = keep(j, url, chain_header, &r);
	if (e.code == ERR_NOMEM || e.code == ERR_SYS)
		return e;
	if (failed(e)) {
		j->count->failed++;
		tell(j, url, err_text());
		return OK;
	}
	j->count->fetched++;
	tell(j, url, "fetched");
	return OK;
}

/* ---- AMD ---- */

RESULT fetch_amd_product(struct cstore *s, const struct fetch_config *c, const char *product,
	struct fetch_count *count)
{
	static const char *const what[] = { "vcek/v1/%s/cert_chain", "vcek/v1/%s/crl",
		"vlek/v1/%s/cert_chain", "vlek/v1/%s/crl" };
	static const char *const known[] = { "Milan", "Genoa", "Turin" };
	AUTO(job_done) struct job j = { 0 };
	const char *name = NULL;

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcasecmp(known[i], product) == 0)
			name = known[i];
	if (!name)
		return err_new(
			ERR_USAGE, "product '%.32s': known are Milan, Genoa, Turin", product);
	TRY(job_new(s, c, count, &j));
	for (size_t i = 0; i < ARRAY_LEN(what); i++) {
		char url[URL_MAX], path[128];
		const char *at = strstr(what[i], "%s");
		(void)snprintf(
			path, sizeof(path), "%.*s%s%s", (int)(at - what[i]), what[i], name, at + 2);
		(void)snprintf(url, sizeof(url), "%s/%s", c->kds_url, path);
		TRY(fetch(&j, url, NULL));
	}
	return OK;
}

RESULT fetch_vcek(
	struct cstore *s, const struct fetch_config *c, const char *path, struct fetch_count *count)
{
	AUTO(job_done) struct job j = { 0 };
	char url[URL_MAX];

	TRY(job_new(s, c, count, &j));
	(void)snprintf(url, sizeof(url), "%s/vcek/v1/%s", c->kds_url, path);
	return fetch(&j, url, NULL);
}

/* ---- Intel ---- */

static bool is_fmspc(const char *s)
{
	return strlen(s) == 12 && strspn(s, "0123456789abcdefABCDEF") == 12;
}

RESULT fetch_tcb_info(struct cstore *s, const struct fetch_config *c, const char *fmspc, bool tdx,
	struct fetch_count *count)
{
	AUTO(job_done) struct job j = { 0 };
	char url[URL_MAX];

	if (!is_fmspc(fmspc))
		return err_new(ERR_USAGE, "FMSPC '%.32s' is not 12 hex digits", fmspc);
	TRY(job_new(s, c, count, &j));
	(void)snprintf(url, sizeof(url), "%s/%s/certification/v4/tcb?fmspc=%s", c->pcs_url,
		tdx ? "tdx" : "sgx", fmspc);
	return fetch(&j, url, "tcb-info-issuer-chain");
}

RESULT fetch_intel_common(struct cstore *s, const struct fetch_config *c, struct fetch_count *count)
{
	static const struct {
		const char *path, *chain;
	} all[] = {
		{ "tdx/certification/v4/qe/identity", "sgx-enclave-identity-issuer-chain" },
		{ "sgx/certification/v4/qe/identity", "sgx-enclave-identity-issuer-chain" },
		{ "sgx/certification/v4/pckcrl?ca=platform&encoding=der",
			"sgx-pck-crl-issuer-chain" },
		{ "sgx/certification/v4/pckcrl?ca=processor&encoding=der",
			"sgx-pck-crl-issuer-chain" },
	};
	AUTO(job_done) struct job j = { 0 };
	char url[URL_MAX];

	TRY(job_new(s, c, count, &j));
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		(void)snprintf(url, sizeof(url), "%s/%s", c->pcs_url, all[i].path);
		TRY(fetch(&j, url, all[i].chain));
	}
	if (c->root_crl_url)
		return fetch(&j, c->root_crl_url, NULL);
	(void)snprintf(url, sizeof(url), "%s/sgx/certification/v4/rootcacrl", c->pcs_url);
	return fetch(&j, url, NULL);
}
