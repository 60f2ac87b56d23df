#include "commands.h"

#include <signal.h>

#include <base/log.h>
#include <runtime/pod.h>

static const struct cli_command *const commands[] = {
	&cmd_run,
	&cmd_pod,
	&cmd_kbs,
	&cmd_initdata,
	&cmd_image,
	NULL,
};

static const struct cli_command root = {
	.name = "sealpod",
	.summary = "confidential pods: run, measure, verify",
	.commands = commands,
};

int main(int argc, char **argv)
{
	/* A reader that leaves is an error of write(), not the end of a pod. */
	(void)signal(SIGPIPE, SIG_IGN);
	log_init("sealpod", LOG_WARN, LOG_TEXT, STDERR_FILENO);
	/* Whatever is asked for, first what killed runs left behind goes. */
	(void)pod_reap(POD_RUN_DIR);
	return cli_main(&root, argc, argv);
}
