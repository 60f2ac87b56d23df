#include "policy.h"

#include "policy_rule.h"

#include <stdlib.h>
#include <string.h>

static const struct json_field rule_fields[] = {
	JSON_FIELD(struct policy_rule, resources, FIELD_STRV, FIELD_REQUIRED, POLICY_LIST_MAX),
	JSON_FIELD(struct policy_rule, platforms, FIELD_STRV, FIELD_REQUIRED, POLICY_LIST_MAX),
	JSON_FIELD(struct policy_rule, simulated, FIELD_BOOL, 0, 0),
	JSON_FIELD(struct policy_rule, debug, FIELD_BOOL, 0, 0),
	JSON_FIELD(struct policy_rule, executables, FIELD_STR, 0, 16),
	JSON_FIELD_AS(struct policy_rule, initdata_json, "initdata", FIELD_JSON, 0, 0),
	JSON_FIELD(struct policy_rule, claims, FIELD_MAP, 0, POLICY_LIST_MAX),
};
static const struct json_table rule_table = {
	.what = "rule",
	.size = sizeof(struct policy_rule),
	.fields = rule_fields,
	.n = ARRAY_LEN(rule_fields),
};

static const struct json_field policy_fields[] = {
	JSON_FIELD(struct policy, version, FIELD_U64, FIELD_REQUIRED, 1),
	JSON_FIELD_SUB(struct policy, rules, "rule", FIELD_LIST, 0, POLICY_RULES_MAX, &rule_table),
};
static const struct json_table policy_table = {
	.what = "release policy",
	.size = sizeof(struct policy),
	.fields = policy_fields,
	.n = ARRAY_LEN(policy_fields),
};

static RESULT match_word(const char *word, const char *member, enum policy_match *ret)
{
	if (!word || str_equal(word, "reference"))
		*ret = MATCH_REFERENCE;
	else if (str_equal(word, "any"))
		*ret = MATCH_ANY;
	else
		return err_new(ERR_FORMAT, "%s: '%.32s' is neither \"reference\" nor \"any\"",
			member, word);
	return OK;
}

static RESULT finish_initdata(struct policy_rule *r)
{
	const struct json *j = r->initdata_json;

	if (!j || json_type(j) == JSON_STRING)
		return match_word(json_string(j), "initdata", &r->initdata_match);
	if (json_type(j) != JSON_ARRAY || json_count(j) > POLICY_LIST_MAX)
		return err_new(
			ERR_FORMAT, "initdata: a word or at most %d digests", POLICY_LIST_MAX);
	r->initdata_match = MATCH_LIST;
	for (size_t i = 0; i < json_count(j); i++) {
		const char *digest = json_string(json_at(j, i));
		if (!digest)
			return err_new(ERR_FORMAT, "initdata: entry %zu is not a string", i);
		TRY(strv_add(&r->initdata, digest));
	}
	return OK;
}

static RESULT check_pattern(const char *pattern)
{
	unsigned slashes = 0;

	for (const char *c = pattern; *c; c++) {
		if (*c == '/')
			slashes++;
		if (*c == '*' && c[1] != '\0' && c[1] != '/')
			return err_new(
				ERR_FORMAT, "resources: '*' ends a segment in '%.64s'", pattern);
	}
	if (slashes != 2)
		return err_new(ERR_FORMAT, "resources: '%.64s' has not three segments", pattern);
	return OK;
}

static RESULT finish_rule(struct policy_rule *r)
{
	TRY(match_word(r->executables, "executables", &r->executables_match));
	TRY(finish_initdata(r));
	for (size_t i = 0; i < r->resources.n; i++)
		TRY(check_pattern(r->resources.v[i]));
	for (size_t i = 0; i < r->platforms.n; i++)
		if (!tee_by_platform(r->platforms.v[i]))
			return err_new(ERR_FORMAT, "platforms: '%.32s' is not a platform",
				r->platforms.v[i]);
	return OK;
}

void policy_freep(struct policy **p)
{
	struct policy *x = *p;

	if (!x)
		return;
	for (size_t i = 0; i < x->rules.n; i++)
		strv_done(&((struct policy_rule *)x->rules.items)[i].initdata);
	struct json *tree = x->tree;
	json_release(&policy_table, x);
	json_free(tree);
	free(x);
	*p = NULL;
}

RESULT policy_parse(struct bytes toml, struct policy **ret_policy)
{
	AUTO(policy_freep) struct policy *p = calloc(1, sizeof(*p));
	AUTO(json_freep) struct json *tree = NULL;

	if (!p)
		return err_new(ERR_NOMEM, "release policy");
	TRY(toml_parse(toml, &tree));
	TRY(json_decode(tree, &policy_table, p));
	p->tree = TAKE(tree);
	for (size_t i = 0; i < p->rules.n; i++) {
		struct err e = finish_rule(&((struct policy_rule *)p->rules.items)[i]);
		if (failed(e))
			return err_add(e, "release policy: rule %zu", i + 1);
	}
	*ret_policy = TAKE(p);
	return OK;
}

RESULT policy_default(struct policy **ret_policy)
{
	static const char text[] = "version = 1\n"
				   "[[rule]]\n"
				   "resources = [\"*/*/*\"]\n"
				   "platforms = [\"vtpm\"]\n";

	return policy_parse(bytes_str(text), ret_policy);
}
