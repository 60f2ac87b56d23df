/* The registered claims of a JSON Web Token, RFC 7519 section 4.1. */
#include <inttypes.h>

#include <base/clock.h>
#include <crypto/jose.h>

/* NumericDate; absent is fine unless needed. */
static RESULT date(
	const struct json *claims, const char *name, bool need, bool *ret_there, int64_t *ret_t)
{
	const struct json *j = json_get(claims, name);

	*ret_there = false;
	if (!j && !need)
		return OK;
	if (!j)
		return err_deny(ERR_UNVERIFIED, "jwt.claim-missing", name, "a date", NULL);
	if (!json_i64(j, ret_t))
		return err_new(ERR_FORMAT, "JWT: %s: not a number of seconds", name);
	*ret_there = true;
	return OK;
}

static struct err refuse_date(const char *code, const char *name, int64_t t, int64_t now)
{
	char limit[RFC3339_SIZE], at[RFC3339_SIZE];

	clock_format(t, limit);
	clock_format(now, at);
	return err_deny(ERR_UNVERIFIED, code, name, limit, at);
}

static RESULT check_dates(const struct json *claims, const struct jwt_check *c)
{
	bool there;
	int64_t t = 0;

	TRY(date(claims, "exp", c->need_exp, &there, &t));
	/* RFC 7519 4.1.4: not accepted on or after that time. */
	if (there && c->now - c->leeway >= t)
		return refuse_date("jwt.expired", "exp", t, c->now);
	TRY(date(claims, "nbf", false, &there, &t));
	if (there && c->now + c->leeway < t)
		return refuse_date("jwt.not-yet-valid", "nbf", t, c->now);
	return OK;
}

/* A string, or an array that holds it. */
static bool names(const struct json *j, const char *want)
{
	const char *s = j ? json_string(j) : NULL;

	if (s)
		return str_equal(s, want);
	if (!j || json_type(j) != JSON_ARRAY)
		return false;
	for (size_t i = 0; i < json_count(j); i++) {
		s = json_string(json_at(j, i));
		if (s && str_equal(s, want))
			return true;
	}
	return false;
}

RESULT jwt_check(const struct json *claims, const struct jwt_check *c)
{
	const struct json *iss = json_get(claims, "iss");
	const char *issuer = iss ? json_string(iss) : NULL;

	if (!claims || json_type(claims) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "JWT: claims are no object");
	TRY(check_dates(claims, c));
	if (c->issuer && (!issuer || !str_equal(issuer, c->issuer)))
		return err_deny(
			ERR_UNVERIFIED, "jwt.issuer", "iss", c->issuer, issuer ? issuer : "none");
	if (c->audience && !names(json_get(claims, "aud"), c->audience))
		return err_deny(ERR_UNVERIFIED, "jwt.audience", "aud", c->audience, "others");
	return OK;
}
