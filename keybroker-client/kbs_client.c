#include "rcar.h"

#include <stdlib.h>
#include <string.h>

#include <base/clock.h>
#include <keybroker-client/kbs_client.h>
#include <keybroker-client/refusal.h>
#include <net/http_client.h>
#include <net/url.h>

/*= trustee 1.8: clients run the handshake again on 401, three tries in all */
enum {
	GET_TRIES = 3
};

struct kbs_client {
	struct kbs_client_config config;
	char *url; /* without a trailing '/' */
	struct buf ca_pem, initdata;
	struct http_client *http;
	struct key *tee_key;
	struct buf token; /* empty: no session */
};

void kbs_client_free(struct kbs_client *c)
{
	if (!c)
		return;
	free(c->url);
	buf_done(&c->ca_pem);
	buf_done(&c->initdata);
	buf_done(&c->token);
	http_client_free(c->http);
	key_free(c->tee_key);
	free(c);
}

void kbs_client_freep(struct kbs_client **c)
{
	kbs_client_free(*c);
}

static RESULT copy_inputs(struct kbs_client *c, const struct kbs_client_config *config)
{
	AUTO(url_done) struct url parts = { 0 };
	size_t n;

	TRY(url_parse(config->url, &parts));
	TRY(str_dup(config->url, &c->url));
	for (n = strlen(c->url); n > 0 && c->url[n - 1] == '/'; n--)
		c->url[n - 1] = '\0';
	buf_put(&c->ca_pem, config->ca_pem);
	buf_put(&c->initdata, config->initdata);
	TRY(buf_end(&c->ca_pem, "broker CA"));
	return buf_end(&c->initdata, "initdata");
}

RESULT kbs_client_new(const struct kbs_client_config *config, struct kbs_client **ret_client)
{
	AUTO(kbs_client_freep) struct kbs_client *c = calloc(1, sizeof(*c));
	struct http_client_config http = {
		.user_agent = "sealpod-kbs-client/" RCAR_VERSION,
		.cookies = true,
	};

	if (!c)
		return err_new(ERR_NOMEM, "broker client");
	c->config = *config;
	c->ca_pem = BUF_INIT(RCAR_MESSAGE_MAX);
	c->initdata = BUF_INIT(RCAR_MESSAGE_MAX);
	c->token = BUF_INIT(RCAR_TOKEN_MAX + 1);
	TRY(copy_inputs(c, config));
	http.ca_pem = buf_bytes(&c->ca_pem);
	/* A broker certificate given by initdata is the only one that counts: no public CA can
	 * stand in for the tenant's broker. */
	http.only_ca_pem = c->ca_pem.n > 0;
	TRY(http_client_new(&http, &c->http));
	*ret_client = TAKE(c);
	return OK;
}

static RESULT post(
	struct kbs_client *c, const char *endpoint, struct bytes body, struct http_response *ret)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	AUTO(auto_free) char *url = NULL;
	struct http_request request = {
		.method = "POST",
		.body = body,
		.headers = headers,
		.max_body = RCAR_MESSAGE_MAX,
	};

	TRY(str_format(&url, "%s/kbs/v0/%s", c->url, endpoint));
	request.url = url;
	TRY(http_do(c->http, &request, ret));
	if (ret->status != 200)
		return kbs_refusal(ret->status, buf_bytes(&ret->body));
	return OK;
}

static RESULT ask_challenge(struct kbs_client *c, struct rcar_challenge *ret)
{
	AUTO(http_response_done) struct http_response answer = { 0 };
	AUTO(buf_done) struct buf body = BUF_INIT(RCAR_MESSAGE_MAX);

	TRY(rcar_request_make(c->config.tee, c->config.guest, &body));
	struct err e = post(c, "auth", buf_bytes(&body), &answer);
	if (failed(e))
		return err_add(e, "asking the broker for a challenge");
	return rcar_challenge_parse(c->config.tee, buf_bytes(&answer.body), ret);
}

static void stage(const struct kbs_client *c, const char *name, uint64_t since)
{
	if (c->config.stage)
		c->config.stage(c->config.stage_arg, name, clock_monotonic_ms() - since);
}

/* The evidence is over the digest of nonce and session key: nobody else can use the answer. */
static RESULT make_evidence(struct kbs_client *c, const struct rcar_challenge *challenge,
	struct bytes jwk, struct buf *evidence)
{
	struct digest_value report_data;
	uint64_t since = clock_monotonic_ms();

	TRY(runtime_data_digest(
		tee_runtime_digest(c->config.tee), challenge->nonce, jwk, "", &report_data));
	struct err e = tee_guest_ops(c->config.tee)
			       ->evidence(c->config.guest, digest_bytes(&report_data),
				       challenge->extra_params, evidence);
	if (failed(e))
		return err_add(e, "making %s evidence", c->config.tee->platform);
	stage(c, "evidence", since);
	return OK;
}

static RESULT handshake(struct kbs_client *c)
{
	AUTO(rcar_challenge_done) struct rcar_challenge challenge = { 0 };
	AUTO(http_response_done) struct http_response answer = { 0 };
	AUTO(buf_done) struct buf jwk = BUF_INIT(4096);
	AUTO(buf_done) struct buf evidence = BUF_INIT(RCAR_MESSAGE_MAX);
	AUTO(buf_done) struct buf body = BUF_INIT(RCAR_MESSAGE_MAX);
	AUTO(key_freep) struct key *tee_key = NULL;
	uint64_t since = clock_monotonic_ms();

	TRY(ask_challenge(c, &challenge));
	TRY(key_generate(KEY_P256, &tee_key));
	TRY(jwk_print(tee_key, "ECDH-ES+A256KW", &jwk));
	TRY(make_evidence(c, &challenge, buf_bytes(&jwk), &evidence));
	struct rcar_attest attest = {
		.challenge = &challenge,
		.jwk = buf_bytes(&jwk),
		.evidence = buf_bytes(&evidence),
		.initdata = buf_bytes(&c->initdata),
	};
	TRY(rcar_attest_make(&attest, &body));
	struct err e = post(c, "attest", buf_bytes(&body), &answer);
	if (failed(e))
		return err_add(e, "attesting to the broker");
	buf_clear(&c->token);
	TRY(rcar_token_parse(buf_bytes(&answer.body), &c->token));
	key_free(c->tee_key);
	c->tee_key = TAKE(tee_key);
	stage(c, "broker", since);
	return OK;
}

static RESULT need_session(struct kbs_client *c)
{
	if (c->token.n > 0)
		return OK;
	return handshake(c);
}

/* One GET. `ret_again`: the session has ended and a new one may help. */
static RESULT get_once(
	struct kbs_client *c, const char *url, bool *ret_again, struct secret **ret_resource)
{
	AUTO(http_response_done) struct http_response answer = { 0 };
	struct http_request request = { .method = "GET", .url = url, .max_body = RCAR_MESSAGE_MAX };

	*ret_again = false;
	TRY(need_session(c));
	TRY(http_do(c->http, &request, &answer));
	if (answer.status == 200)
		return jwe_open(c->tee_key, buf_bytes(&answer.body), ret_resource);
	struct err e = kbs_refusal(answer.status, buf_bytes(&answer.body));
	/* A refusal with a reason will not change by asking again; a lost session will. */
	*ret_again = answer.status == 401 && !err_denial();
	return e;
}

static RESULT get_url(struct kbs_client *c, const char *url, struct secret **ret_resource)
{
	struct err e = OK;
	bool again = true;

	for (int tries = 0; again && tries < GET_TRIES; tries++) {
		if (tries > 0)
			buf_clear(&c->token);
		e = get_once(c, url, &again, ret_resource);
	}
	return e;
}

static RESULT get_plugin(
	struct kbs_client *c, const struct kbs_uri *uri, struct secret **ret_resource)
{
	AUTO(auto_free) char *url = NULL;

	if (str_equal(uri->plugin, "resource"))
		TRY(kbs_resource_path_check(uri->path));
	TRY(str_format(&url, "%s/kbs/v0/%s/%s%s%s", c->url, uri->plugin, uri->path,
		uri->query ? "?" : "", uri->query ? uri->query : ""));
	struct err e = get_url(c, url, ret_resource);
	return failed(e) ? err_add(e, "resource %s/%s", uri->plugin, uri->path) : OK;
}

RESULT kbs_client_get(struct kbs_client *c, const char *path, struct secret **ret_resource)
{
	AUTO(kbs_uri_done) struct kbs_uri uri = { 0 };

	TRY(str_dup("resource", &uri.plugin));
	TRY(str_dup(path, &uri.path));
	return get_plugin(c, &uri, ret_resource);
}

RESULT kbs_client_get_uri(struct kbs_client *c, const char *text, struct secret **ret_resource)
{
	AUTO(kbs_uri_done) struct kbs_uri uri = { 0 };

	TRY(kbs_uri_parse(text, &uri));
	return get_plugin(c, &uri, ret_resource);
}

RESULT kbs_client_token(struct kbs_client *c, struct buf *token, struct secret **ret_key_pem)
{
	TRY(need_session(c));
	TRY(key_private_pem(c->tee_key, ret_key_pem));
	buf_put(token, buf_bytes(&c->token));
	return buf_end(token, "token");
}
