/* sealpod-oci: OCI runtime command line; every container is in a virtual machine. */
#include "holder.h"
#include "oci.h"

#include <errno.h>
#include <signal.h>

#include <base/file.h>

enum {
	EXIT_FAILED = 1,
	EXIT_EXEC_FAILED = 255 /* as runc: statuses below are those of the process */
};

struct oci_globals globals;

const char *oci_root(void)
{
	return globals.root ? globals.root : OCI_ROOT;
}

const char *oci_handler(void)
{
	static const char prefix[] = "sealpod-oci-";
	const char *name = strrchr(program_invocation_name, '/');

	name = name ? name + 1 : program_invocation_name;
	if (globals.handler)
		return globals.handler;
	/* sealpod-oci-vtpm is handler sealpod-vtpm */
	if (str_starts(name, prefix)) {
		static char handler[64];

		(void)snprintf(handler, sizeof(handler), "sealpod-%s", name + sizeof(prefix) - 1);
		return handler;
	}
	return "sealpod";
}

RESULT oci_print(struct buf *out)
{
	TRY(buf_end(out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(out));
}

#define OPTION(member, k) .kind = (k), .offset = offsetof(struct oci_globals, member)

static const struct cli_option options[] = {
	{ .name = "root",
		OPTION(root, CLI_STRING),
		.value = "DIR",
		.help = "the containers' state (" OCI_ROOT ")" },
	{ .name = "log",
		OPTION(log, CLI_STRING),
		.value = "FILE",
		.help = "messages are appended to it (standard error)" },
	{ .name = "log-format",
		OPTION(log_format, CLI_CHOICE),
		.choices = "text|json",
		.help = "form of the messages" },
	{ .name = "debug", OPTION(debug, CLI_FLAG), .help = "more messages" },
	{ .name = "handler",
		OPTION(handler, CLI_STRING),
		.value = "NAME",
		.help = "handler of the configuration (sealpod, or by this program's name: "
			"sealpod-oci-vtpm is sealpod-vtpm)" },
	{ .name = "config-path",
		OPTION(config_path, CLI_STRING),
		.value = "FILE",
		.help = "configuration file instead of /etc/sealpod/config.toml" },
	{ .name = "systemd-cgroup",
		OPTION(systemd_cgroup, CLI_FLAG),
		.help = "accepted: cgroupsPath tells by its form" },
	{ .name = "cgroup-manager",
		OPTION(cgroup_manager, CLI_CHOICE),
		.choices = "cgroupfs|systemd|disabled",
		.help = "accepted, as crun does" },
	{ .name = "rootless",
		OPTION(rootless, CLI_CHOICE),
		.choices = "true|false|auto",
		.help = "accepted; machines need root" },
	{ .name = "criu",
		OPTION(criu, CLI_STRING),
		.value = "PROGRAM",
		.help = "accepted, as runc does; there are no checkpoints" },
	{ 0 },
};

static const struct cli_command *const commands[] = {
	&cmd_create,
	&cmd_start,
	&cmd_run,
	&cmd_exec,
	&cmd_kill,
	&cmd_delete,
	&cmd_state,
	&cmd_list,
	&cmd_ps,
	&cmd_pause,
	&cmd_resume,
	&cmd_update,
	&cmd_events,
	&cmd_features,
	&cmd_spec,
	&cmd_checkpoint,
	&cmd_restore,
	NULL,
};

static int report(const struct cli_command *command, struct err e)
{
	/* The text may be replaced while it is written. */
	char text[ERR_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "%s", err_text());
	if (e.code == ERR_USAGE)
		oci_say("error", "%s: %s (see sealpod-oci %s --help)", command->name, text,
			command->commands ? "" : command->name);
	else
		oci_say("error", "%s: %s", command->name, text);
	return command == &cmd_exec ? EXIT_EXEC_FAILED : EXIT_FAILED;
}

static const struct cli_command root = {
	.name = "sealpod-oci",
	.summary = "OCI runtime: each container or pod in a virtual machine of its own",
	.options = options,
	.options_size = sizeof(globals),
	.globals = &globals,
	.commands = commands,
	.failed = report,
};

int main(int argc, char **argv)
{
	/* A reader that leaves is an error of write(), not the end of a container. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && str_equal(argv[1], HOLDER_WORD))
		_exit(holder_main(argc, argv)); /* what test builds do at exit() needs /proc */
	return cli_main(&root, argc, argv);
}
