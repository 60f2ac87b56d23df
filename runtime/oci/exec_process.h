/* The process that `exec` adds: the container's own, changed by options. */
#pragma once

#include <base/json.h>

struct exec_change {
	char *const *argv;
	size_t n_argv;
	const char *cwd, *user; /* NULL: the container's; user is "UID[:GID]" */
	const struct strv *env, *caps, *groups;
	bool tty, no_new_privs;
};
/* ERR_USAGE: user or groups are no numbers. `spec` is config.json. */
RESULT exec_process_print(
	const struct json *spec, const struct exec_change *change, struct buf *out);
