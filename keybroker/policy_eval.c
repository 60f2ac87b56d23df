#include "policy_rule.h"

#include <stdio.h>
#include <string.h>

#define EVIDENCE "/submods/cpu0/ear.veraison.annotated-evidence"
#define VECTOR	 "/submods/cpu0/ear.trustworthiness-vector"

/* AR4SI: 2 and 3 say that what was booted is known. */
enum {
	EXECUTABLES_KNOWN = 2,
	EXECUTABLES_KNOWN_AT_BOOT = 3
};

struct guest {			     /* what the rules ask about, out of the token */
	const struct json *evidence; /* annotated evidence */
	const struct json *claims;   /* of the platform */
	const struct tee *tee;
	const char *initdata;
};

/* '*' stands for the rest of its segment. */
static bool path_matches(const char *pattern, const char *path)
{
	while (*pattern) {
		if (*pattern == '*') {
			while (*path && *path != '/')
				path++;
			pattern++;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return *path == '\0';
}

static bool list_has(const struct strv *list, const char *s)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_equal(list->v[i], s))
			return true;
	return false;
}

static bool rule_covers(const struct policy_rule *r, const char *path)
{
	for (size_t i = 0; i < r->resources.n; i++)
		if (path_matches(r->resources.v[i], path))
			return true;
	return false;
}

static RESULT guest_of(const struct json *token, struct guest *ret)
{
	struct guest g = { .evidence = json_pointer(token, EVIDENCE) };

	for (size_t i = 0; !g.tee && i < json_members(g.evidence); i++) {
		g.tee = tee_by_kbs_name(json_name_at(g.evidence, i));
		g.claims = json_at(g.evidence, i);
	}
	if (!g.tee)
		return err_deny(ERR_DENIED, "policy.no-evidence", "token.submods.cpu0",
			"evidence of a platform", "none");
	g.initdata = json_string(json_get(g.evidence, "init_data"));
	*ret = g;
	return OK;
}

/* Absent counts as set: a claim that was not made is not a promise. */
static bool claim_is_false(const struct json *claims, const char *name)
{
	bool value = true;

	return json_bool(json_get(claims, name), &value) && !value;
}

/* "snp" and "snp.measurement" */
static bool is_of(const char *name, const char *platform)
{
	size_t n = strlen(platform);

	return str_starts(name, platform) && name[n] == '.';
}

/* The first thing of the platform itself that was not known. */
static RESULT deny_by_finding(
	const struct policy_input *in, const struct tee *tee, const char *vector_value)
{
	for (size_t i = 0; in->appraisal && i < in->appraisal->n_findings; i++) {
		const struct denial *d = &in->appraisal->findings[i];
		if (is_of(d->code, tee->platform) || is_of(d->field, tee->kbs_name))
			return err_deny(ERR_DENIED, d->code, d->field, d->expected, d->actual);
	}
	return err_deny(
		ERR_DENIED, "policy.executables", "executables", "a reference value", vector_value);
}

static RESULT check_executables(
	const struct policy_rule *r, const struct policy_input *in, const struct guest *g)
{
	int64_t value = 0;
	char text[24];

	if (r->executables_match == MATCH_ANY)
		return OK;
	(void)json_i64(json_pointer(in->token, VECTOR "/executables"), &value);
	if (value == EXECUTABLES_KNOWN || value == EXECUTABLES_KNOWN_AT_BOOT)
		return OK;
	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	return deny_by_finding(in, g->tee, text);
}

static RESULT check_initdata(
	const struct policy_rule *r, const struct policy_input *in, const struct guest *g)
{
	const char *actual = g->initdata ? g->initdata : "none";

	switch (r->initdata_match) {
	case MATCH_ANY:
		return OK;
	case MATCH_LIST:
		if (g->initdata && list_has(&r->initdata, g->initdata))
			return OK;
		return err_deny(ERR_DENIED, "policy.initdata", "init_data",
			r->initdata.n ? r->initdata.v[0] : "nothing", actual);
	case MATCH_REFERENCE:
	default:
		if (g->initdata && reference_has(in->refs, "initdata", g->initdata))
			return OK;
		const char *first = reference_first(in->refs, "initdata");
		return err_deny(ERR_DENIED, "initdata.unknown", "init_data",
			first ? first : "a reference value", actual);
	}
}

static const char *claim_value(const struct guest *g, const char *name, char *number, size_t size)
{
	const struct json *j = g->evidence;
	char part[128];
	bool b;
	uint64_t u;

	while (j && *name) {
		size_t n = strcspn(name, ".");
		(void)snprintf(part, sizeof(part), "%.*s", (int)n, name);
		j = json_get(j, part);
		name += n + (name[n] == '.');
	}
	if (json_string(j))
		return json_string(j);
	if (json_bool(j, &b))
		return b ? "true" : "false";
	if (!json_u64(j, &u))
		return "absent";
	(void)snprintf(number, size, "%llu", (unsigned long long)u);
	return number;
}

static RESULT check_claims(const struct policy_rule *r, const struct guest *g)
{
	char number[24];

	for (size_t i = 0; i < r->claims.n; i++) {
		const struct json_pair *want = &r->claims.v[i];
		const char *actual = claim_value(g, want->name, number, sizeof(number));
		if (!str_equal(actual, want->value))
			return err_deny(
				ERR_DENIED, "policy.claim", want->name, want->value, actual);
	}
	return OK;
}

/* `ret_passed` counts the checks that passed: the furthest rule explains the refusal. */
static RESULT check_rule(const struct policy_rule *r, const struct policy_input *in,
	const struct guest *g, unsigned *ret_passed)
{
	unsigned *passed = ret_passed;

	*passed = 0;
	if (!list_has(&r->platforms, g->tee->platform))
		return err_deny(ERR_DENIED, "policy.platform", "platform",
			r->platforms.n ? r->platforms.v[0] : "none", g->tee->platform);
	++*passed;
	if (!r->simulated && !claim_is_false(g->claims, "simulated"))
		return err_deny(ERR_DENIED, "policy.simulated", "simulated", "false", "true");
	++*passed;
	if (!r->debug && !claim_is_false(g->claims, "debug"))
		return err_deny(ERR_DENIED, "policy.debug", "debug", "false", "true");
	++*passed;
	TRY(check_executables(r, in, g));
	++*passed;
	TRY(check_initdata(r, in, g));
	++*passed;
	return check_claims(r, g);
}

RESULT policy_evaluate(const struct policy *p, const struct policy_input *in)
{
	const struct policy_rule *rules = p->rules.items;
	const struct policy_rule *best = NULL;
	unsigned passed, furthest = 0;
	struct guest g;

	TRY(guest_of(in->token, &g));
	for (size_t i = 0; i < p->rules.n; i++) {
		if (!rule_covers(&rules[i], in->path))
			continue;
		if (!failed(check_rule(&rules[i], in, &g, &passed)))
			return OK;
		if (!best || passed > furthest) {
			best = &rules[i];
			furthest = passed;
		}
	}
	if (!best)
		return err_deny(
			ERR_DENIED, "policy.no-rule", "resource", "a rule for it", in->path);
	return check_rule(best, in, &g, &passed);
}
