#include "appraisal_rules.h"

#include <stdio.h>

void appraisal_find(struct appraisal *a, enum tee_denial d, const char *field, const char *expected,
	const char *actual)
{
	if (a->n_findings == APPRAISAL_FINDINGS_MAX)
		return;
	struct denial *f = &a->findings[a->n_findings++];
	(void)snprintf(f->code, sizeof(f->code), "%s", tee_denial_code(d));
	(void)snprintf(f->field, sizeof(f->field), "%s", field);
	(void)snprintf(f->expected, sizeof(f->expected), "%s", expected ? expected : "");
	(void)snprintf(f->actual, sizeof(f->actual), "%s", actual ? actual : "");
}

static bool list_known(const struct appraise_input *in, const struct claim *c, const char *id,
	const char **ret_unknown)
{
	for (size_t i = 0; i < c->list.n; i++)
		if (!reference_has(in->refs, id, c->list.v[i])) {
			*ret_unknown = c->list.v[i];
			return false;
		}
	return c->list.n > 0;
}

/* *ret_actual: what to show of the claim when it is not known. */
static bool is_known(const struct appraise_input *in, const struct rule *k, const char **ret_actual)
{
	const struct claim *c = claims_get(in->claims, k->claim);

	*ret_actual = c ? claim_text(c) : "not measured";
	if (!c)
		return false;
	if (!k->id)
		return str_equal(claim_text(c), k->value);
	if (c->type == CLAIM_LIST)
		return list_known(in, c, k->id, ret_actual);
	return reference_has(in->refs, k->id, claim_text(c));
}

bool appraise_rule(const struct appraise_input *in, const struct rule *k, struct appraisal *a)
{
	const char *first = k->id ? reference_first(in->refs, k->id) : k->value;
	const char *actual;

	if (is_known(in, k, &actual))
		return true;
	appraisal_find(a, k->denial, k->claim, first ? first : "a reference value", actual);
	return false;
}

bool appraise_rules(
	const struct appraise_input *in, const struct rule *rules, size_t n, struct appraisal *a)
{
	bool all = true;

	for (size_t i = 0; i < n; i++)
		all = appraise_rule(in, &rules[i], a) && all;
	return all;
}

bool rules_hold(const struct appraise_input *in, const struct rule *rules, size_t n)
{
	const char *ignored;

	for (size_t i = 0; i < n; i++)
		if (!is_known(in, &rules[i], &ignored))
			return false;
	return true;
}

bool claim_is_true(const struct claims *c, const char *name)
{
	const struct claim *v = claims_get(c, name);

	return v && v->type == CLAIM_BOOL && v->u;
}
