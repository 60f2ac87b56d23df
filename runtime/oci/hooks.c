#include "hooks.h"

static struct hook_state state_of(const struct oci_state *s, enum oci_status status)
{
	return (struct hook_state){
		.id = s->id,
		.status = oci_status_name(status),
		.bundle = s->bundle,
		.pid = status == OCI_STOPPED ? 0 : s->holder.pid,
		.annotations = &s->annotations,
	};
}

void oci_state_json(const struct oci_state *s, enum oci_status status, struct json_writer *w)
{
	const struct hook_state state = state_of(s, status);

	hook_state_json(&state, w);
}

RESULT hooks_run(const struct json *hooks, const char *kind, const struct oci_state *s,
	enum oci_status status)
{
	const struct hook_state state = state_of(s, status);

	return host_hooks_run(hooks, kind, &state);
}

void hooks_left_out(const struct json *hooks, struct buf *out)
{
	static const char *const kinds[] = { "createContainer", "startContainer" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (json_count(json_get(hooks, kinds[i])) > 0)
			buf_printf(out, "%s%s", out->n ? ", " : "", kinds[i]);
}
