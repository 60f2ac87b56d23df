/* What the commands below `sealpod pod` share. */
#pragma once

#include <base/cli.h>
#include <runtime/pod.h>

struct pod_options {
	const char *run_dir, *state_dir, *cwd, *container;
	struct strv env;
	bool console, interactive, watch, follow;
};

#define OPTION(member, k) .kind = (k), .offset = offsetof(struct pod_options, member)
#define OPTION_RUN_DIR                                                                             \
	{                                                                                          \
		.name = "run-dir", OPTION(run_dir, CLI_STRING), .value = "DIR",                    \
		.help = "running pods (" POD_RUN_DIR ")"                                           \
	}
#define OPTION_CONTAINER(what)                                                                     \
	{                                                                                          \
		.name = "container", OPTION(container, CLI_STRING), .value = "ID", .help = (what)  \
	}

/* Where pods are, after what killed owners left there has been removed. */
const char *pod_run_dir(const struct pod_options *o);

extern const struct cli_command cmd_pod_stats, cmd_pod_events;
