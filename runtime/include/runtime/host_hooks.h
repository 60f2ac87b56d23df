/*
 * Hooks of the runtime specification that run on the host: programs which get the container's state
 * on standard input. (config.md, POSIX-platform Hooks)
 */
#pragma once

#include <base/json.h>

/* The state as the specification has it. */
struct hook_state {
	const char *id, *status, *bundle;   /* status: "creating" ... "stopped" */
	uint64_t pid;			    /* 0 of stopped ones */
	const struct json_map *annotations; /* NULL: none */
};
/* Its members, into an object that the caller has opened. */
void hook_state_json(const struct hook_state *s, struct json_writer *w);

/* Runs those of one kind ("prestart", "createRuntime", "poststart", "poststop") in their order; the
 * first that fails, or does not end within its timeout, ends it: ERR_PEER names it and gives the
 * first line of its output. `hooks` is the specification's object, NULL: none. Blocks. */
RESULT host_hooks_run(const struct json *hooks, const char *kind, const struct hook_state *s);
