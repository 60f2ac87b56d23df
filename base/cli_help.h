#pragma once

#include <base/cli.h>

enum {
	CLI_DEPTH_MAX = 6
};

/* The words that led to a command: "sealpod", "kbs", "policy". */
struct cli_path {
	const struct cli_command *v[CLI_DEPTH_MAX];
	size_t n;
};

void cli_path_print(const struct cli_path *p, struct buf *out);
void cli_help(const struct cli_path *p, struct buf *out);
