/* A helper program, run beside everything else and bounded in time. */
#pragma once

#include "reaper.h"

#include <base/process.h>

/* Exit status, 128 + signal when killed; also when it was killed for taking too long. */
typedef void command_fn(void *arg, int status);

struct command {
	struct loop *loop;
	struct reaper *reaper;
	const struct process_spec *spec;
	uint64_t timeout_ms;
	command_fn *fn;
	void *arg;
};
/* Starts it; fn is called exactly once when this succeeds. */
RESULT command_start(const struct command *c);
