/* create, start, run, delete, kill, state. */
#include "hooks.h"
#include "life.h"
#include "oci.h"

#include <errno.h>
#include <signal.h>
#include <termios.h>

#include <base/file.h>
#include <base/process.h>
#include <sys/wait.h>

enum {
	OUT_MAX = 4 * 1024 * 1024
};

struct life_options {
	const char *bundle, *config, *console_socket, *pid_file;
	uint64_t preserve_fds;
	bool no_pivot, no_new_keyring, no_subreaper, detach, force, all, keep;
};

#define OPTION(member, k) .kind = (k), .offset = offsetof(struct life_options, member)
#define CREATE_OPTIONS                                                                             \
	{ .name = "bundle",                                                                        \
		.letter = 'b',                                                                     \
		OPTION(bundle, CLI_STRING),                                                        \
		.value = "DIR",                                                                    \
		.help = "the bundle (the current directory)" },                                    \
		{ .name = "config",                                                                \
			.letter = 'f',                                                             \
			OPTION(config, CLI_STRING),                                                \
			.value = "FILE",                                                           \
			.help = "the specification (config.json of the bundle)" },                 \
		{ .name = "console-socket",                                                        \
			OPTION(console_socket, CLI_STRING),                                        \
			.value = "SOCKET",                                                         \
			.help = "gets the master side of the terminal" },                          \
		{ .name = "pid-file",                                                              \
			OPTION(pid_file, CLI_STRING),                                              \
			.value = "FILE",                                                           \
			.help = "the pid of the holder is written to it" },                        \
		{ .name = "preserve-fds",                                                          \
			OPTION(preserve_fds, CLI_U64),                                             \
			.value = "N",                                                              \
			.help = "only 0: descriptors cannot be handed into a machine" },           \
		{ .name = "no-pivot", OPTION(no_pivot, CLI_FLAG), .help = "accepted" },            \
		{ .name = "no-new-keyring",                                                        \
			OPTION(no_new_keyring, CLI_FLAG),                                          \
			.help = "accepted" },                                                      \
	{                                                                                          \
		.name = "no-subreaper", OPTION(no_subreaper, CLI_FLAG), .help = "accepted"         \
	}

RESULT oci_check_preserve_fds(uint64_t n)
{
	if (n > 0)
		return err_new(ERR_UNSUPPORTED,
			"--preserve-fds %llu: descriptors cannot be handed into a virtual machine; "
			"use a volume or the network instead",
			(unsigned long long)n);
	return OK;
}

RESULT oci_write_pid(const char *path, uint64_t pid)
{
	AUTO(buf_done) struct buf text = BUF_INIT(32);

	if (!path)
		return OK;
	buf_printf(&text, "%llu", (unsigned long long)pid);
	TRY(buf_end(&text, "pid"));
	return file_write_atomic(path, buf_bytes(&text), 0644);
}

static RESULT make(const struct life_options *o, const char *id, bool foreground,
	struct oci_container *ret_container, struct process *ret_holder)
{
	const struct life_create q = {
		.id = id,
		.bundle = o->bundle,
		.config = o->config,
		.console_socket = o->console_socket,
		.foreground = foreground,
	};

	TRY(oci_check_preserve_fds(o->preserve_fds));
	life_reap(oci_root());
	TRY(life_create(&q, ret_container, ret_holder));
	struct err e = oci_write_pid(o->pid_file, ret_container->s.holder.pid);
	if (failed(e)) {
		struct err_saved why;

		err_save(e, &why);
		err_ignore(life_destroy(ret_container)); /* nobody could find it */
		return err_restore(&why);
	}
	return OK;
}

void oci_leave_holder(struct process *holder)
{
	auto_close(&holder->pidfd);
	*holder = PROCESS_NONE;
}

static RESULT create(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;
	struct process holder = PROCESS_NONE;

	(void)ret_exit;
	TRY(make(options, args->v[0], false, &c, &holder));
	oci_leave_holder(&holder);
	return OK;
}

static const struct cli_option create_options[] = { CREATE_OPTIONS, { 0 } };

const struct cli_command cmd_create = {
	.name = "create",
	.summary = "create a container: its machine runs, its process waits",
	.operands = "CONTAINER",
	.min_operands = 1,
	.max_operands = 1,
	.options = create_options,
	.options_size = sizeof(struct life_options),
	.run = create,
};

/* ---- start ---- */

static RESULT start(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;

	(void)options;
	(void)ret_exit;
	life_reap(oci_root());
	TRY(oci_container_load(oci_root(), args->v[0], &c));
	return life_start(&c);
}

const struct cli_command cmd_start = {
	.name = "start",
	.summary = "start the process of a created container",
	.operands = "CONTAINER",
	.min_operands = 1,
	.max_operands = 1,
	.run = start,
};

/* ---- run ---- */

static struct process running = PROCESS_NONE;

/* What a terminal sends, the holder gets itself. */
static void forward(int signo, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code <= 0 && running.pid > 0)
		(void)kill(running.pid, signo);
}

static void forward_signals(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR2 };
	struct sigaction a = { .sa_flags = SA_SIGINFO | SA_RESTART };

	a.sa_sigaction = forward;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		(void)sigaction(signals[i], &a, NULL);
}

RESULT oci_wait_holder(struct process *holder, int *ret_exit)
{
	struct termios before;
	bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;

	running = *holder;
	forward_signals();
	TRY(process_wait(holder, -1, ret_exit));
	/* The holder makes it raw; one that was killed leaves it so. */
	if (terminal)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	return OK;
}

static RESULT run(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct life_options *o = options;
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;
	struct process holder = PROCESS_NONE;
	struct err_saved why;

	TRY(make(o, args->v[0], !o->detach, &c, &holder));
	struct err e = life_start(&c);
	if (failed(e)) {
		err_save(e, &why);
		oci_leave_holder(&holder);
		err_ignore(life_destroy(&c)); /* why it does not run is what matters */
		return err_restore(&why);
	}
	if (o->detach) {
		oci_leave_holder(&holder);
		return OK;
	}
	/* Others may kill, exec and delete meanwhile. */
	oci_container_done(&c);
	TRY(oci_wait_holder(&holder, ret_exit));
	if (o->keep)
		return OK;
	e = oci_container_load(oci_root(), args->v[0], &c);
	return e.code == ERR_NOT_FOUND ? OK : failed(e) ? e : life_destroy(&c);
}

static const struct cli_option run_options[] = {
	CREATE_OPTIONS,
	{ .name = "detach",
		.letter = 'd',
		OPTION(detach, CLI_FLAG),
		.help = "return when it runs" },
	{ .name = "keep", OPTION(keep, CLI_FLAG), .help = "do not delete it when it has ended" },
	{ 0 },
};

const struct cli_command cmd_run = {
	.name = "run",
	.summary = "create and start a container, wait for its end, delete it",
	.operands = "CONTAINER",
	.min_operands = 1,
	.max_operands = 1,
	.options = run_options,
	.options_size = sizeof(struct life_options),
	.run = run,
};

/* ---- delete ---- */

static RESULT delete (const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct life_options *o = options;
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;
	enum oci_status status = OCI_STOPPED;

	(void)ret_exit;
	life_reap(oci_root());
	struct err e = oci_container_load(oci_root(), args->v[0], &c);
	if (e.code == ERR_NOT_FOUND && o->force)
		return OK;
	TRY(e);
	TRY(life_status(&c, &status));
	if (!o->force && status != OCI_STOPPED && status != OCI_CREATED)
		return err_new(ERR_STATE,
			"cannot delete container '%s': it is %s; stop it first, or use --force",
			c.s.id, oci_status_name(status));
	return life_destroy(&c);
}

static const struct cli_option delete_options[] = {
	{ .name = "force",
		.letter = 'f',
		OPTION(force, CLI_FLAG),
		.help = "kill it first; one that does not exist is no failure" },
	{ 0 },
};

const struct cli_command cmd_delete = {
	.name = "delete",
	.summary = "remove a container; the last one of a machine ends it",
	.operands = "CONTAINER",
	.min_operands = 1,
	.max_operands = 1,
	.options = delete_options,
	.options_size = sizeof(struct life_options),
	.run = delete,
};

/* ---- kill ---- */

static RESULT kill_created(struct oci_container *c, int signo)
{
	/* Its machine does not run yet: there is only the holder to end. */
	pod_process_kill(&c->s.holder, signo == SIGKILL ? SIGKILL : SIGTERM);
	return OK;
}

static RESULT kill_container(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct life_options *o = options;
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;
	AUTO(shim_done) struct shim s = { 0 };
	enum oci_status status = OCI_STOPPED;
	int signo = SIGTERM;

	(void)ret_exit;
	if (args->n > 1)
		TRY(oci_signal_parse(args->v[1], &signo));
	life_reap(oci_root());
	TRY(oci_container_peek(oci_root(), args->v[0], &c));
	TRY(life_status(&c, &status));
	if (status == OCI_STOPPED && o->all)
		return OK; /* nobody is left: what was wanted */
	if (status == OCI_STOPPED || status == OCI_CREATING)
		return err_new(ERR_STATE, "container '%s' is not running", c.s.id);
	if (c.s.deferred && !c.s.address[0])
		return kill_created(&c, signo);
	TRY(shim_connect(c.s.address, &s));
	return shim_kill(&s, c.s.id, signo, o->all);
}

static const struct cli_option kill_options[] = {
	{ .name = "all",
		.letter = 'a',
		OPTION(all, CLI_FLAG),
		.help = "all processes of the container" },
	{ 0 },
};

const struct cli_command cmd_kill = {
	.name = "kill",
	.summary = "send a signal to a container's first process (TERM)",
	.operands = "CONTAINER [SIGNAL]",
	.min_operands = 1,
	.max_operands = 2,
	.options = kill_options,
	.options_size = sizeof(struct life_options),
	.run = kill_container,
};

/* ---- state ---- */

static RESULT state(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	enum oci_status status = OCI_STOPPED;
	struct json_writer w = jw_of(&out);

	(void)options;
	(void)ret_exit;
	life_reap(oci_root());
	TRY(oci_container_peek(oci_root(), args->v[0], &c));
	TRY(life_status(&c, &status));
	jw_object(&w);
	oci_state_json(&c.s, status, &w);
	jw_kstr(&w, "rootfs", c.s.rootfs);
	jw_kstr(&w, "created", c.s.created);
	jw_kstr(&w, "owner", "");
	jw_object_end(&w);
	buf_puts(&out, "\n");
	return oci_print(&out);
}

const struct cli_command cmd_state = {
	.name = "state",
	.summary = "print the state of a container (JSON)",
	.operands = "CONTAINER",
	.min_operands = 1,
	.max_operands = 1,
	.run = state,
};
