/*
 * Hooks of the runtime specification that run on the host: programs which get the container's state
 * on standard input. (config.md, POSIX-platform Hooks)
 */
#pragma once

#include "state.h"

/* Runs those of one kind ("prestart", "createRuntime", "poststart", "poststop") in their order; the
 * first that fails, or does not end within its timeout, ends it: ERR_PEER names it and gives the
 * first line of its output. `hooks` is the specification's object, NULL: none. */
RESULT hooks_run(const struct json *hooks, const char *kind, const struct oci_state *s,
	enum oci_status status);
/* Kinds that are there and cannot run, because the namespaces they need are in the guest:
 * "createContainer", "startContainer". Appends their names; may stay empty. */
void hooks_left_out(const struct json *hooks, struct buf *out);

/* The state as the specification has it, and as hooks get it; pid 0 is left out of stopped ones. */
void oci_state_json(const struct oci_state *s, enum oci_status status, struct json_writer *w);
