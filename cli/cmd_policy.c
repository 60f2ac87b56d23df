/* sealpod policy: what may run in a pod, derived, compared and explained. */
#include "commands.h"
#include "policy.h"

static const struct cli_command *const commands[] = { &cmd_policy_make, &cmd_policy_diff,
	&cmd_policy_test, &cmd_policy_explain, &cmd_policy_import, NULL };

const struct cli_command cmd_policy = {
	.name = "policy",
	.summary = "what may run in a pod: derive, compare, test and explain its manifest",
	.commands = commands,
};
