#include "verify_internal.h"

#include <stdio.h>
#include <stdlib.h>

void verify_rules_done(struct verify_rules *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].claim);
		strv_done(&r->v[i].accepted);
	}
	*r = (struct verify_rules){ 0 };
}

/* A number, boolean or string as an option's or a claim's text. */
static RESULT scalar_text(const struct json *j, const char *what, struct buf *out)
{
	enum json_type type = json_type(j);

	buf_clear(out);
	if (type == JSON_STRING)
		buf_puts(out, json_string(j));
	else if (type == JSON_INT || type == JSON_BOOL)
		json_print(j, out);
	else
		return err_new(ERR_FORMAT, "policy: %.64s: not a string, number or boolean", what);
	return buf_end(out, "policy");
}

/* One value or a list of values. */
static RESULT each_scalar(const struct json *j, const char *what, struct strv *to)
{
	AUTO(buf_done) struct buf text = BUF_INIT(REGISTER_MAX * 4);
	bool list = json_type(j) == JSON_ARRAY;

	for (size_t i = 0; i < (list ? json_count(j) : 1); i++) {
		TRY(scalar_text(list ? json_at(j, i) : j, what, &text));
		const char *s = buf_cstr(&text);
		TRY(s ? strv_add(to, s) : err_new(ERR_NOMEM, "policy"));
	}
	return OK;
}

static RESULT rule_of(struct verify_rules *r, const char *claim, struct claim_rule **ret_rule)
{
	for (size_t i = 0; i < r->n; i++)
		if (str_equal(r->v[i].claim, claim)) {
			*ret_rule = &r->v[i];
			return OK;
		}
	if (r->n == RULES_MAX)
		return err_new(ERR_LIMIT, "policy: more than %d claims", RULES_MAX);
	TRY(str_dup(claim, &r->v[r->n].claim));
	*ret_rule = &r->v[r->n++];
	return OK;
}

static RESULT read_claims(struct sealpod_verify *v, const struct json *j)
{
	struct claim_rule *rule;

	if (json_type(j) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "policy: claims: not an object");
	for (size_t i = 0; i < json_count(j); i++) {
		TRY(rule_of(&v->rules, json_name_at(j, i), &rule));
		TRY(each_scalar(json_at(j, i), json_name_at(j, i), &rule->accepted));
	}
	return OK;
}

static RESULT read_minimum(struct sealpod_verify *v, const struct json *j)
{
	struct claim_rule *rule;

	if (json_type(j) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "policy: minimum: not an object");
	for (size_t i = 0; i < json_count(j); i++) {
		TRY(rule_of(&v->rules, json_name_at(j, i), &rule));
		if (!json_u64(json_at(j, i), &rule->minimum))
			return err_new(ERR_FORMAT, "policy: minimum: %.64s: not a number",
				json_name_at(j, i));
		rule->has_minimum = true;
	}
	return OK;
}

/* An option of the command line; booleans are its yes and no. */
static RESULT read_option(struct sealpod_verify *v, const char *name, const struct json *j)
{
	AUTO(strv_done) struct strv values = { 0 };
	AUTO(buf_done) struct buf option = BUF_INIT(64);
	bool flag;

	for (const char *p = name; *p; p++)
		buf_u8(&option, *p == '_' ? '-' : *p);
	TRY(buf_end(&option, "policy"));
	const char *dashed = buf_cstr(&option);
	if (!dashed)
		return err_new(ERR_NOMEM, "policy");
	if (json_bool(j, &flag))
		return verify_set_option(v, dashed, flag ? "yes" : "no");
	TRY(each_scalar(j, name, &values));
	for (size_t i = 0; i < values.n; i++)
		TRY(verify_set_option(v, dashed, values.v[i]));
	return OK;
}

static bool may_be_set(const char *name)
{
	static const char *const names[] = { "allow_debug", "crl_required", "vmpl", "max_staleness",
		"tcb_status", "min_tcb", "measurement", "report_data", "init_data" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_equal(names[i], name))
			return true;
	return false;
}

static RESULT read_member(struct sealpod_verify *v, const char *name, const struct json *j)
{
	if (str_equal(name, "claims"))
		return read_claims(v, j);
	if (str_equal(name, "minimum"))
		return read_minimum(v, j);
	if (!may_be_set(name))
		return err_new(ERR_FORMAT, "policy: member '%.64s' is not known", name);
	struct err e = read_option(v, name, j);
	/* Written wrong in a file, not on the command line. */
	return e.code == ERR_USAGE ? err_new(ERR_FORMAT, "policy: %s", err_text()) : e;
}

RESULT policy_file_parse(struct bytes text, struct sealpod_verify *v)
{
	AUTO(json_freep) struct json *root = NULL;
	bool json = text.n > 0 && text.p[0] == '{';

	TRY(json ? json_parse(text, &root) : toml_parse(text, &root));
	for (size_t i = 0; i < json_members(root); i++)
		TRY(read_member(v, json_name_at(root, i), json_at(root, i)));
	return OK;
}

static void check_minimum(
	const struct claim_rule *rule, const struct claim *c, struct checks *checks)
{
	char want[32];

	(void)snprintf(want, sizeof(want), "at least %llu", (unsigned long long)rule->minimum);
	(void)check_that(checks, c && c->type == CLAIM_U64 && c->u >= rule->minimum,
		DENY_POLICY_CLAIM, rule->claim, want, c ? claim_text(c) : "no such claim");
}

static void check_accepted(
	const struct claim_rule *rule, const struct claim *c, struct checks *checks)
{
	bool found = false;

	for (size_t i = 0; c && i < rule->accepted.n; i++)
		found = found || str_equal(rule->accepted.v[i], claim_text(c));
	(void)check_that(checks, found, DENY_POLICY_CLAIM, rule->claim,
		rule->accepted.n > 0 ? rule->accepted.v[0] : "nothing is accepted",
		c ? claim_text(c) : "no such claim");
}

void verify_rules_check(
	const struct verify_rules *r, const struct claims *claims, struct checks *checks)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct claim_rule *rule = &r->v[i];
		const struct claim *c = claims_get(claims, rule->claim);
		if (rule->has_minimum)
			check_minimum(rule, c, checks);
		if (rule->accepted.n > 0 || !rule->has_minimum)
			check_accepted(rule, c, checks);
	}
}
