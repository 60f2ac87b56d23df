/* /kbs/v0/resource/{repo}/{type}/{tag}: GET attested, POST, DELETE and the list for the admin. */
#include "admin.h"
#include "api.h"

#include <string.h>

#include <net/url.h>

enum {
	JWE_MAX = 4 * 1024 * 1024
};

#define BEARER	"Bearer "
#define TEE_KEY "/submods/cpu0/ear.veraison.annotated-evidence/runtime_data_claims/tee-pubkey"

/* The claims that decide, and where they came from. */
struct guest_token {
	struct json *owned; /* of a bearer token */
	const struct json *claims;
	const struct appraisal *appraisal;
};

static void guest_token_done(struct guest_token *t)
{
	json_free(t->owned);
}

/* A token of ours shown by its bearer: same key, same claims, same policy as in a session. */
static RESULT bearer_token(struct request *r, const char *authorization, struct guest_token *ret)
{
	AUTO(jws_done) struct jws jws = { 0 };
	AUTO(json_freep) struct json *claims = NULL;
	struct jwt_check check = { .now = r->now, .need_exp = true };

	TRY(jws_parse(bytes_str(authorization + strlen(BEARER)), &jws));
	if (failed(jws_verify(&jws, r->b->ear_key)))
		return err_deny(ERR_UNVERIFIED, "kbs.token-signature", "authorization",
			"a token of this broker", NULL);
	TRY(json_parse(buf_bytes(&jws.payload), &claims));
	if (failed(jwt_check(claims, &check)))
		return err_deny(ERR_UNVERIFIED, "kbs.token-expired", "authorization.exp",
			"a time in the future", NULL);
	ret->claims = ret->owned = TAKE(claims);
	return OK;
}

static RESULT token_of(struct request *r, const char **ret_variant, struct guest_token *ret)
{
	const char *authorization = http_x_header(r->x, "Authorization");
	struct session *s = api_session(r);

	if (s && s->attested) {
		ret->claims = s->claims;
		ret->appraisal = &s->appraisal;
		api_set_subject(r, s->id);
		return OK;
	}
	*ret_variant = KBS_BAD_TOKEN;
	if (authorization && str_starts(authorization, BEARER))
		return bearer_token(r, authorization, ret);
	*ret_variant = KBS_NO_TOKEN;
	/* Without a denial: the client may attest and come again. */
	return err_new(ERR_UNVERIFIED, "Attestation Token not found");
}

static RESULT seal_for(const struct json *claims, struct bytes plain, struct buf *out)
{
	AUTO(key_freep) struct key *recipient = NULL;
	const struct json *jwk = json_pointer(claims, TEE_KEY);

	if (!jwk)
		return err_new(ERR_UNVERIFIED, "the token has no tee-pubkey");
	TRY(jwk_parse(jwk, &recipient));
	return jwe_seal(recipient, plain, out);
}

static RESULT get(struct request *r, const char **ret_variant)
{
	AUTO(guest_token_done) struct guest_token token = { 0 };
	AUTO(secret_freep) struct secret *resource = NULL;
	AUTO(buf_done) struct buf jwe = BUF_INIT(JWE_MAX);
	struct policy_input in = { .path = r->rest, .refs = r->b->refs };

	TRY(token_of(r, ret_variant, &token));
	*ret_variant = KBS_POLICY;
	in.token = token.claims;
	in.appraisal = token.appraisal;
	TRY(policy_evaluate(r->b->policy, &in));
	*ret_variant = KBS_RESOURCE;
	TRY(store_get(r->b->store, STORE_RESOURCE, r->rest, &resource));
	TRY(seal_for(token.claims, secret_bytes(resource), &jwe));
	r->durable = true;
	api_answer(r, "application/json", buf_bytes(&jwe));
	return OK;
}

static RESULT list(struct request *r)
{
	AUTO(strv_done) struct strv names = { 0 };
	AUTO(buf_done) struct buf body = BUF_INIT(JWE_MAX);
	struct json_writer w = jw_of(&body);

	TRY(store_list(r->b->store, STORE_RESOURCE, &names));
	jw_array(&w);
	for (size_t i = 0; i < names.n; i++)
		jw_str(&w, names.v[i]);
	jw_array_end(&w);
	TRY(buf_end(&body, "list of resources"));
	api_answer(r, "application/json", buf_bytes(&body));
	return OK;
}

static RESULT change(struct request *r, const char *method)
{
	if (str_equal(method, "POST"))
		TRY(store_put(r->b->store, STORE_RESOURCE, r->rest, http_x_body(r->x)));
	else if (str_equal(method, "DELETE"))
		TRY(store_delete(r->b->store, STORE_RESOURCE, r->rest));
	else
		return err_new(ERR_USAGE, "resources know GET, POST and DELETE");
	r->durable = true;
	api_answer(r, "text/xml", BYTES_NONE);
	return OK;
}

RESULT api_resource(struct request *r, const char **ret_variant)
{
	const char *method = http_x_method(r->x);
	bool is_get = str_equal(method, "GET");
	bool is_list = is_get && r->rest[0] == '\0';

	*ret_variant = KBS_PATH;
	if (!is_list && failed(kbs_resource_path_check(r->rest)))
		return err_deny(ERR_FORMAT, "kbs.resource-path", "path",
			"repository/type/tag of letters, digits, '_', '-', '.'", r->rest);
	if (is_get && !is_list)
		return get(r, ret_variant);
	*ret_variant = KBS_ADMIN;
	api_set_subject(r, "admin");
	TRY(admin_check(r->b, http_x_header(r->x, "Authorization"), r->now));
	*ret_variant = KBS_RESOURCE;
	return is_list ? list(r) : change(r, method);
}
