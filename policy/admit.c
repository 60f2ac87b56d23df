#include "policy/admit.h"

RESULT admit_container(const struct manifest *m, const Agent__CreateContainerRequest *q,
	const bool *in_use, size_t *ret_row)
{
	struct manifest_ask ask = { .name = spec_container_name(q->oci), .in_use = in_use };
	const struct manifest_container *rule;
	size_t row = 0;

	TRY(spec_image(q, &ask.image));
	TRY(manifest_pick(m, &ask, &row));
	rule = manifest_container_at(m, row);
	if (in_use[row])
		return err_deny(ERR_DENIED, "manifest.container", rule->name, "one at a time",
			"a second one");
	TRY(manifest_check_image(rule, ask.image));
	if (q->sandbox_pidns && !m->shared_pid)
		return err_deny(
			ERR_DENIED, "manifest.namespaces", "sandbox_pidns", "(not listed)", "true");
	TRY(spec_check_sysctls(q->oci, &m->sysctls));
	TRY(spec_check(q, rule));
	*ret_row = row;
	return OK;
}

/* The first of these containers that is not there yet; NULL: all are. */
static const char *missing(const struct manifest *m, const struct strv *names, const bool *done)
{
	for (size_t i = 0; i < names->n; i++)
		for (size_t k = 0; k < m->containers.n; k++)
			if (str_equal(manifest_container_at(m, k)->name, names->v[i]) && !done[k])
				return names->v[i];
	return NULL;
}

RESULT admit_start(const struct manifest *m, size_t row, const bool *started, const bool *completed)
{
	const struct manifest_container *rule = manifest_container_at(m, row);
	const char *before = missing(m, &rule->after, started);

	if (before)
		return err_deny(ERR_DENIED, "manifest.order", rule->name, before, "not started");
	before = missing(m, &rule->completed, completed);
	if (before)
		return err_deny(
			ERR_DENIED, "manifest.order", rule->name, before, "not ended with success");
	return OK;
}
