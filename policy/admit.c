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
	TRY(spec_check(q, rule));
	*ret_row = row;
	return OK;
}

RESULT admit_start(const struct manifest *m, size_t row, const bool *started)
{
	const struct manifest_container *rule = manifest_container_at(m, row);

	for (size_t i = 0; i < rule->after.n; i++) {
		const char *before = rule->after.v[i];

		for (size_t k = 0; k < m->containers.n; k++)
			if (str_equal(manifest_container_at(m, k)->name, before) && !started[k])
				return err_deny(ERR_DENIED, "manifest.order", rule->name, before,
					"not started");
	}
	return OK;
}
