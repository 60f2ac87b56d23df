#include "kbs_admin.h"

#include <stdlib.h>

#include <base/clock.h>
#include <base/file.h>
#include <crypto/jose.h>
#include <keybroker-client/refusal.h>
#include <net/http_client.h>

enum {
	PEM_MAX = 64 * 1024,
	TOKEN_MAX = 8192,
	URL_MAX = 2048,
	ANSWER_MAX = 4 * 1024 * 1024,
	TOKEN_LIFETIME_S = 300
};

RESULT kbs_admin_token(const char *key_file, int64_t lifetime_s, struct buf *out)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);
	AUTO(buf_done) struct buf claims = BUF_INIT(TOKEN_MAX);
	AUTO(key_freep) struct key *key = NULL;
	struct json_writer w = jw_of(&claims);
	int64_t now = clock_now();

	TRY(file_read(key_file, &pem));
	struct err e = key_parse_private(buf_bytes(&pem), &key);
	bytes_wipe(pem.p, pem.n);
	if (failed(e))
		return err_add(e, "admin key %s", key_file);
	jw_object(&w);
	jw_key(&w, "iat");
	jw_i64(&w, now);
	jw_key(&w, "exp");
	jw_i64(&w, now + lifetime_s);
	jw_kstr(&w, "role", "admin");
	jw_object_end(&w);
	TRY(buf_end(&claims, "admin token"));
	return jws_sign(key, JOSE_EDDSA, bytes_str("{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}"),
		buf_bytes(&claims), out);
}

/* What the options leave open comes from the directory. */
struct broker_access {
	char *url, *key;
	struct buf ca;
};

static void broker_access_done(struct broker_access *a)
{
	free(a->url);
	free(a->key);
	buf_done(&a->ca);
}

static RESULT url_of(const struct kbs_admin_options *o, char **ret_url)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(URL_MAX);

	if (o->url)
		return str_dup(o->url, ret_url);
	TRY(path_join(o->dir, "url", &path));
	TRY(file_read(path, &text));
	while (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	return bytes_to_str(buf_bytes(&text), ret_url);
}

static RESULT access_of(const struct kbs_admin_options *o, bool need_key, struct broker_access *a)
{
	AUTO(auto_free) char *ca = NULL;

	if (!o->dir && (!o->url || (need_key && !o->admin_key)))
		return err_new(ERR_USAGE, "give --dir, or --url and --admin-key (and --ca)");
	TRY(url_of(o, &a->url));
	if (need_key && o->admin_key)
		TRY(str_dup(o->admin_key, &a->key));
	else if (need_key)
		TRY(path_join(o->dir, "admin.key", &a->key));
	if (o->ca)
		TRY(str_dup(o->ca, &ca));
	else if (o->dir)
		TRY(path_join(o->dir, "tls-ca.pem", &ca));
	return ca ? file_read(ca, &a->ca) : OK;
}

static RESULT send(const struct broker_access *a, const char *authorization,
	const struct kbs_admin_call *call, struct buf *out)
{
	const char *const headers[] = { authorization, NULL };
	AUTO(http_client_freep) struct http_client *http = NULL;
	AUTO(http_response_done) struct http_response answer = { 0 };
	AUTO(auto_free) char *url = NULL;
	struct http_client_config config = {
		.ca_pem = buf_bytes(&a->ca),
		.only_ca_pem = a->ca.n > 0,
		.user_agent = "sealpod",
	};
	struct http_request request = {
		.method = call->method,
		.body = call->body,
		.headers = headers,
		.max_body = ANSWER_MAX,
	};

	TRY(str_format(&url, "%s/kbs/v0/%s", a->url, call->path));
	request.url = url;
	TRY(http_client_new(&config, &http));
	TRY(http_do(http, &request, &answer));
	if (answer.status != 200)
		return kbs_refusal(answer.status, buf_bytes(&answer.body));
	if (out)
		buf_put(out, buf_bytes(&answer.body));
	return out ? buf_end(out, "answer") : OK;
}

RESULT kbs_admin_do(
	const struct kbs_admin_options *o, const struct kbs_admin_call *call, struct buf *out)
{
	AUTO(broker_access_done) struct broker_access a = { .ca = BUF_INIT(PEM_MAX) };
	AUTO(buf_done) struct buf token = BUF_INIT(ANSWER_MAX);
	AUTO(auto_free) char *authorization = NULL;

	TRY(access_of(o, !call->token, &a));
	if (call->token)
		buf_puts(&token, call->token);
	else
		TRY(kbs_admin_token(a.key, TOKEN_LIFETIME_S, &token));
	TRY(buf_end(&token, "token"));
	TRY(str_format(
		&authorization, "Authorization: Bearer %.*s", (int)token.n, (const char *)token.p));
	return send(&a, authorization, call, out);
}
