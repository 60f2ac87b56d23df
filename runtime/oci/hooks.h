/* Hooks of containers of sealpod-oci. */
#pragma once

#include "state.h"

#include <runtime/host_hooks.h>

/* host_hooks_run() with the container's state. */
RESULT hooks_run(const struct json *hooks, const char *kind, const struct oci_state *s,
	enum oci_status status);
/* Kinds that are there and cannot run, because the namespaces they need are in the guest:
 * "createContainer", "startContainer". Appends their names; may stay empty. */
void hooks_left_out(const struct json *hooks, struct buf *out);

/* The state as the specification has it, and as hooks get it; pid 0 is left out of stopped ones. */
void oci_state_json(const struct oci_state *s, enum oci_status status, struct json_writer *w);
