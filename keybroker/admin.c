#include "admin.h"

#include <string.h>

#define BEARER "Bearer "

static RESULT signed_by_admin(const struct broker *b, const struct jws *token)
{
	if (token->alg != JOSE_EDDSA)
		return err_deny(ERR_UNVERIFIED, "admin.algorithm", "authorization.alg", "EdDSA",
			jose_alg_name(token->alg));
	for (size_t i = 0; i < b->n_admin_keys; i++)
		if (!failed(jws_verify(token, b->admin_keys[i])))
			return OK;
	return err_deny(ERR_UNVERIFIED, "admin.signature", "authorization",
		"a signature of a configured admin key", NULL);
}

static RESULT check_claims(const struct jws *token, int64_t now)
{
	AUTO(json_freep) struct json *claims = NULL;
	struct jwt_check check = { .now = now, .need_exp = true };
	const char *role;

	TRY(json_parse(buf_bytes(&token->payload), &claims));
	if (failed(jwt_check(claims, &check)))
		return err_deny(ERR_UNVERIFIED, "admin.expired", "authorization.exp",
			"a time in the future", NULL);
	role = json_string(json_get(claims, "role"));
	if (!role || !str_equal(role, "admin"))
		return err_deny(ERR_DENIED, "admin.role", "authorization.role", "admin",
			role ? role : "none");
	return OK;
}

RESULT admin_check(const struct broker *b, const char *authorization, int64_t now)
{
	AUTO(jws_done) struct jws token = { 0 };

	if (!authorization || !str_starts(authorization, BEARER))
		return err_deny(ERR_UNVERIFIED, "admin.no-token", "authorization", "Bearer <token>",
			authorization ? "something else" : "none");
	if (failed(jws_parse(bytes_str(authorization + strlen(BEARER)), &token)))
		return err_deny(
			ERR_UNVERIFIED, "admin.token-malformed", "authorization", "a JWT", NULL);
	TRY(signed_by_admin(b, &token));
	return check_claims(&token, now);
}
