/* exec: one more process in a running container. */
#include "console.h"
#include "exec_process.h"
#include "holder.h"
#include "life.h"
#include "oci.h"

#include <base/file.h>
#include <base/random.h>

enum {
	EXEC_ID_SIZE = 16 + 1,
	PROCESS_MAX = 1024 * 1024
};

struct exec_options {
	const char *process, *cwd, *user, *pid_file, *console_socket;
	const char *process_label, *apparmor, *cgroup;
	struct strv env, caps, groups;
	uint64_t preserve_fds;
	bool tty, detach, no_new_privs, ignore_paused;
};

struct running {
	struct oci_container c;
	struct process holder;
	struct shim shim;
	struct buf process;
	char *dir; /* of the FIFOs; removed here unless the holder lives */
	char exec_id[EXEC_ID_SIZE];
	int tty;
	bool terminal;
};

static void running_done(struct running *r)
{
	process_end(&r->holder);
	shim_done(&r->shim);
	buf_done(&r->process);
	oci_container_done(&r->c);
	auto_close(&r->tty);
	free(r->dir);
}

static RESULT check_running(const struct oci_container *c, bool ignore_paused)
{
	enum oci_status status = OCI_STOPPED;

	TRY(life_status(c, &status));
	if (status == OCI_PAUSED && !ignore_paused)
		return err_new(ERR_STATE,
			"cannot exec in paused container '%s' (--ignore-paused overrides)",
			c->s.id);
	if (status == OCI_STOPPED || status == OCI_CREATING || !c->s.address[0])
		return err_new(ERR_STATE, "cannot exec in container '%s': it is %s", c->s.id,
			oci_status_name(status));
	return OK;
}

static RESULT from_file(const char *path, struct running *r)
{
	AUTO(json_freep) struct json *j = NULL;

	TRY(file_read(path, &r->process));
	struct err e = json_parse(buf_bytes(&r->process), &j);
	if (failed(e))
		return err_add(e, "%s", path);
	if (json_count(json_get(j, "args")) == 0)
		return err_new(ERR_FORMAT, "%s: args is empty: there is nothing to run", path);
	(void)json_bool(json_get(j, "terminal"), &r->terminal);
	return OK;
}

static RESULT from_options(
	const struct exec_options *o, const struct cli_args *args, struct running *r)
{
	AUTO(json_freep) struct json *spec = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(JSON_SIZE_MAX);
	AUTO(auto_free) char *path = NULL;
	const struct exec_change change = {
		.argv = args->v + 1,
		.n_argv = args->n - 1,
		.cwd = o->cwd,
		.user = o->user,
		.env = &o->env,
		.caps = &o->caps,
		.groups = &o->groups,
		.tty = o->tty,
		.no_new_privs = o->no_new_privs,
	};

	if (args->n < 2)
		return err_new(ERR_USAGE, "what to execute is missing: arguments or --process");
	TRY(path_join(r->c.dir, "bundle/config.json", &path));
	TRY(file_read(path, &text));
	TRY(json_parse(buf_bytes(&text), &spec));
	r->terminal = o->tty;
	return exec_process_print(spec, &change, &r->process);
}

static RESULT start_holder(const struct exec_options *o, struct running *r)
{
	char netns[64];

	TRY(random_hex(r->exec_id, EXEC_ID_SIZE - 1));
	TRY(str_format(&r->dir, "%s/exec/%s", r->c.dir, r->exec_id));
	TRY(dir_make(r->dir, 0700));
	(void)snprintf(
		netns, sizeof(netns), "/proc/%llu/ns/net", (unsigned long long)r->c.s.holder.pid);
	const struct holder_config h = {
		.dir = r->dir,
		.state_dir = r->c.dir,
		.id = r->c.s.id,
		.exec_id = r->exec_id,
		.netns = netns,
		.tty_fd = r->tty,
		.terminal = r->terminal,
		.foreground = !o->detach && !o->console_socket,
	};
	return holder_start(&h, &r->holder);
}

static RESULT start_process(struct running *r)
{
	struct holder_streams paths;

	holder_paths(r->holder.pid, r->dir, &paths);
	const struct shim_streams io = {
		.in = paths.in,
		.out = paths.out,
		.err = r->terminal ? "" : paths.err,
		.terminal = r->terminal,
	};
	TRY(shim_connect(r->c.s.address, &r->shim));
	TRY(shim_exec(&r->shim, r->c.s.id, r->exec_id, buf_bytes(&r->process), &io));
	struct err e = shim_start_process(&r->shim, r->c.s.id, r->exec_id);
	if (failed(e)) {
		struct err_saved why;

		err_save(e, &why);
		err_ignore(shim_delete(&r->shim, r->c.s.id, r->exec_id)); /* it may be gone */
		return err_restore(&why);
	}
	return holder_go(&r->holder);
}

static RESULT build(const struct exec_options *o, const struct cli_args *args, struct running *r)
{
	TRY(oci_check_preserve_fds(o->preserve_fds));
	life_reap(oci_root());
	TRY(oci_container_peek(oci_root(), args->v[0], &r->c));
	TRY(check_running(&r->c, o->ignore_paused));
	TRY(o->process ? from_file(o->process, r) : from_options(o, args, r));
	TRY(console_check(r->terminal, o->console_socket, o->detach, isatty(STDIN_FILENO)));
	if (o->console_socket)
		TRY(console_send(o->console_socket, &r->tty));
	TRY(start_holder(o, r));
	TRY(start_process(r));
	return oci_write_pid(o->pid_file, (uint64_t)r->holder.pid);
}

static RESULT exec(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct exec_options *o = options;
	AUTO(running_done) struct running r = { .c = OCI_CONTAINER_NONE,
		.holder = PROCESS_NONE,
		.process = BUF_INIT(PROCESS_MAX),
		.tty = -1 };
	struct err_saved why;

	struct err e = build(o, args, &r);
	if (failed(e)) {
		err_save(e, &why);
		if (r.dir)
			err_ignore(dir_remove_tree(r.dir)); /* `delete` takes the rest */
		return err_restore(&why);
	}
	if (o->detach) {
		oci_leave_holder(&r.holder);
		return OK;
	}
	shim_done(&r.shim);
	return oci_wait_holder(&r.holder, ret_exit);
}

RESULT oci_exec_plain(const struct cli_args *args, int *ret_exit)
{
	static const struct exec_options none;

	return exec(&none, args, ret_exit);
}

#define OPTION(member, k) .kind = (k), .offset = offsetof(struct exec_options, member)

static const struct cli_option options[] = {
	{ .name = "process",
		.letter = 'p',
		OPTION(process, CLI_STRING),
		.value = "FILE",
		.help = "the process as JSON, instead of the options below" },
	{ .name = "cwd",
		OPTION(cwd, CLI_STRING),
		.value = "DIR",
		.help = "working directory (the container's)" },
	{ .name = "env",
		.letter = 'e',
		OPTION(env, CLI_LIST),
		.value = "NAME=VALUE",
		.help = "environment variable; repeatable" },
	{ .name = "tty", .letter = 't', OPTION(tty, CLI_FLAG), .help = "with a terminal" },
	{ .name = "user",
		.letter = 'u',
		OPTION(user, CLI_STRING),
		.value = "UID[:GID]",
		.help = "who runs it (the container's)" },
	{ .name = "additional-gids",
		.letter = 'g',
		OPTION(groups, CLI_LIST),
		.value = "GID",
		.help = "supplementary group; repeatable" },
	{ .name = "cap",
		.letter = 'c',
		OPTION(caps, CLI_LIST),
		.value = "CAPABILITY",
		.help = "one capability more; repeatable" },
	{ .name = "no-new-privs",
		OPTION(no_new_privs, CLI_FLAG),
		.help = "set-user-id programs gain nothing" },
	{ .name = "detach",
		.letter = 'd',
		OPTION(detach, CLI_FLAG),
		.help = "return when it runs" },
	{ .name = "pid-file",
		OPTION(pid_file, CLI_STRING),
		.value = "FILE",
		.help = "the pid of the holder is written to it" },
	{ .name = "console-socket",
		OPTION(console_socket, CLI_STRING),
		.value = "SOCKET",
		.help = "gets the master side of the terminal" },
	{ .name = "preserve-fds",
		OPTION(preserve_fds, CLI_U64),
		.value = "N",
		.help = "only 0: descriptors cannot be handed into a machine" },
	{ .name = "ignore-paused",
		OPTION(ignore_paused, CLI_FLAG),
		.help = "also in a paused container" },
	{ .name = "process-label",
		OPTION(process_label, CLI_STRING),
		.value = "LABEL",
		.help = "accepted: the guest has no SELinux" },
	{ .name = "apparmor",
		OPTION(apparmor, CLI_STRING),
		.value = "PROFILE",
		.help = "accepted: the guest has no AppArmor" },
	{ .name = "cgroup",
		OPTION(cgroup, CLI_STRING),
		.value = "PATH",
		.help = "accepted: it is in the container's cgroup" },
	{ 0 },
};

const struct cli_command cmd_exec = {
	.name = "exec",
	.summary = "run one more process in a running container",
	.operands = "CONTAINER [COMMAND [ARGUMENT...]]",
	.min_operands = 1,
	.max_operands = SIZE_MAX,
	.in_order = true,
	.options = options,
	.options_size = sizeof(struct exec_options),
	.run = exec,
};
