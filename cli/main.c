#include "commands.h"

#include <signal.h>
#include <unistd.h>

#include <base/file.h>
#include <base/log.h>
#include <runtime/pod.h>

enum {
	COMPLETION_MAX = 256 * 1024
};

static const struct cli_command cmd_completion;

static const struct cli_command *const commands[] = {
	&cmd_run,
	&cmd_doctor,
	&cmd_pod,
	&cmd_metrics,
	&cmd_config,
	&cmd_install,
	&cmd_uninstall,
	&cmd_kbs,
	&cmd_initdata,
	&cmd_policy,
	&cmd_image,
	&cmd_secret,
	&cmd_measure,
	&cmd_verify,
	&cmd_collateral,
	&cmd_inspect,
	&cmd_explain,
	&cmd_completion,
	NULL,
};

static const struct cli_command root = {
	.name = "sealpod",
	.summary = "confidential pods: run, measure, verify",
	.commands = commands,
};

static RESULT completion(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(buf_done) struct buf out = BUF_INIT(COMPLETION_MAX);

	(void)options;
	(void)ret_exit;
	TRY(cli_completion(&root, args->v[0], &out));
	return fd_write_all(STDOUT_FILENO, buf_bytes(&out));
}

static const struct cli_command cmd_completion = {
	.name = "completion",
	.summary = "print a shell's completion script",
	.operands = "bash|zsh|fish",
	.min_operands = 1,
	.max_operands = 1,
	.words = "bash|zsh|fish",
	.run = completion,
	.notes = "bash: sealpod completion bash > /etc/bash_completion.d/sealpod",
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
