#include "policy_rule.h"

enum {
	VARS_MAX = 4096
};

void policy_rule_done(struct policy_rule *r)
{
	buf_done(&r->text);
	buf_done(&r->regex);
}

void policy_rule_literal(struct policy_rule *r, struct bytes text)
{
	buf_put(&r->text, text);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '\0' && strchr(".[\\()*+?{|^$", text.p[i]))
			buf_u8(&r->regex, '\\');
		buf_u8(&r->regex, text.p[i]);
	}
}

void policy_rule_pattern(struct policy_rule *r, const char *regex)
{
	r->pattern = true;
	buf_printf(&r->regex, strchr(regex, '|') ? "(%s)" : "%s", regex);
}

void policy_rule_rule(struct policy_rule *r, const char *rule)
{
	if (rule[0] == '~')
		policy_rule_pattern(r, rule + 1);
	else
		policy_rule_literal(r, bytes_str(rule));
}

RESULT policy_rule_end(struct policy_rule *r, char **ret_rule)
{
	const char *text = buf_cstr(&r->text), *regex = buf_cstr(&r->regex);

	TRY(buf_end(&r->text, "value"));
	TRY(buf_end(&r->regex, "value"));
	if (!r->pattern && text && text[0] != '~')
		return str_dup(text, ret_rule);
	return str_format(ret_rule, "~%s", regex ? regex : "");
}

RESULT policy_rule_of(const char *literal, char **ret_rule)
{
	AUTO(policy_rule_done) struct policy_rule r = POLICY_RULE_INIT;

	policy_rule_literal(&r, bytes_str(literal));
	return policy_rule_end(&r, ret_rule);
}

/* ---- variables ---- */

static RESULT vars_add(struct json_map *vars, const char *name, const char *rule)
{
	struct json_pair *v, pair = { 0 };

	if (vars->n == VARS_MAX)
		return err_new(ERR_LIMIT, "more than %d variables", VARS_MAX);
	v = realloc(vars->v, (vars->n + 1) * sizeof(*v));
	if (!v)
		return err_new(ERR_NOMEM, "variables");
	vars->v = v;
	TRY(str_dup(name, &pair.name));
	struct err e = str_dup(rule, &pair.value);
	if (failed(e)) {
		free(pair.name);
		return e;
	}
	v[vars->n++] = pair;
	return OK;
}

RESULT policy_vars_set(struct json_map *vars, const char *name, const char *rule)
{
	for (size_t i = 0; i < vars->n; i++)
		if (str_equal(vars->v[i].name, name)) {
			char *copy = NULL;

			TRY(str_dup(rule, &copy));
			free(vars->v[i].value);
			vars->v[i].value = copy;
			return OK;
		}
	return vars_add(vars, name, rule);
}

void policy_vars_done(struct json_map *vars)
{
	for (size_t i = 0; i < vars->n; i++) {
		free(vars->v[i].name);
		free(vars->v[i].value);
	}
	free(vars->v);
	*vars = (struct json_map){ 0 };
}

/* ---- expansion ---- */

struct expansion {
	const struct json_map *vars;
	policy_other_fn *other;
	struct policy_rule rule;
};

static void expansion_done(struct expansion *x)
{
	policy_rule_done(&x->rule);
}

/* What follows "$(" up to ")". */
static RESULT put_variable(struct expansion *x, struct bytes name)
{
	AUTO(auto_free) char *copy = NULL;
	const char *rule;

	TRY(bytes_to_str(name, &copy));
	rule = json_map_get(x->vars, copy);
	if (!rule && x->other)
		rule = x->other(copy);
	if (rule) {
		policy_rule_rule(&x->rule, rule);
		return OK;
	}
	policy_rule_literal(&x->rule, bytes_str("$("));
	policy_rule_literal(&x->rule, name);
	policy_rule_literal(&x->rule, bytes_str(")"));
	return OK;
}

/* At a '$'; returns how much of the text is done. */
static RESULT put_dollar(struct expansion *x, const char *at, size_t *ret_n)
{
	const char *end = at[1] == '(' ? strchr(at, ')') : NULL;

	*ret_n = at[1] ? 2 : 1;
	if (at[1] == '$') {
		policy_rule_literal(&x->rule, bytes_str("$"));
	} else if (end) {
		*ret_n = (size_t)(end - at) + 1;
		return put_variable(x, bytes_of(at + 2, (size_t)(end - at) - 2));
	} else {
		policy_rule_literal(&x->rule, bytes_of(at, *ret_n));
	}
	return OK;
}

RESULT policy_expand(
	const char *text, const struct json_map *vars, policy_other_fn *other, char **ret_rule)
{
	AUTO(expansion_done)
	struct expansion x = { .vars = vars, .other = other, .rule = POLICY_RULE_INIT };

	while (*text) {
		size_t n = strcspn(text, "$");

		policy_rule_literal(&x.rule, bytes_of(text, n));
		text += n;
		if (!*text)
			break;
		TRY(put_dollar(&x, text, &n));
		text += n;
	}
	return policy_rule_end(&x.rule, ret_rule);
}
