/* sealpod pod: the pods of this host. */
#include "commands.h"
#include "pod_parts.h"
#include "run_show.h"

#include <signal.h>
#include <stdio.h>

#include <base/clock.h>
#include <base/file.h>
#include <runtime/guest_log.h>
#include <runtime/pod.h>
#include <runtime/run.h>
#include <runtime/sandbox.h>
#include <runtime/tpm.h>

enum {
	OUT_MAX = 1024 * 1024,
	STOP_WAIT_MS = 10 * 1000,
	STOP_STEP_MS = 50
};

#define OPTION_STATE_DIR                                                                           \
	{                                                                                          \
		.name = "state-dir", OPTION(state_dir, CLI_STRING), .value = "DIR",                \
		.help = "TPM authority and timelines (" POD_STATE_DIR ")"                          \
	}

const char *pod_run_dir(const struct pod_options *o)
{
	if (o->run_dir)
		(void)pod_reap(o->run_dir);
	return o->run_dir ? o->run_dir : POD_RUN_DIR;
}

static const char *state_dir(const struct pod_options *o)
{
	return o->state_dir ? o->state_dir : POD_STATE_DIR;
}

static RESULT print(struct buf *out)
{
	TRY(buf_end(out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(out));
}

/* ---- ps ---- */

static void ps_row(const struct pod_state *s, struct buf *out)
{
	int64_t age = clock_now() - (int64_t)s->created;

	buf_printf(out, "%-18s %-8s %-10s %6llds %7llu  %s", s->id, s->platform, s->stage,
		(long long)(age < 0 ? 0 : age), (unsigned long long)s->owner.pid,
		s->containers.n ? "" : s->image);
	/* The containers of an engine's pod have images of their own, which only it knows. */
	for (size_t i = 0; i < s->containers.n; i++)
		buf_printf(out, "%s%.13s", i ? " " : "", s->containers.v[i]);
	buf_puts(out, "\n");
}

static void ps_json(const struct pod_state *s, struct json_writer *w)
{
	jw_object(w);
	jw_kstr(w, "id", s->id);
	jw_kstr(w, "image", s->image);
	jw_kstr(w, "platform", s->platform);
	jw_kstr(w, "stage", s->stage);
	jw_ku64(w, "created", s->created);
	jw_ku64(w, "pid", s->owner.pid);
	jw_key(w, "containers");
	jw_array(w);
	for (size_t i = 0; i < s->containers.n; i++)
		jw_str(w, s->containers.v[i]);
	jw_array_end(w);
	jw_object_end(w);
}

static RESULT ps(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(strv_done) struct strv ids = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	struct json_writer w = jw_of(&out);
	const char *dir = pod_run_dir(options);

	(void)ret_exit;
	TRY(pod_list(dir, &ids));
	if (args->json)
		jw_array(&w);
	else
		buf_printf(&out, "%-18s %-8s %-10s %7s %7s  %s\n", "POD", "PLATFORM", "STAGE",
			"AGE", "PID", "IMAGE OR CONTAINERS");
	for (size_t i = 0; i < ids.n; i++) {
		AUTO(pod_done) struct pod p = { 0 };

		if (failed(pod_load(dir, ids.v[i], &p)))
			continue; /* it has just ended */
		if (args->json)
			ps_json(&p.state, &w);
		else
			ps_row(&p.state, &out);
	}
	if (args->json) {
		jw_array_end(&w);
		buf_puts(&out, "\n");
	}
	return print(&out);
}

static const struct cli_option run_dir_options[] = { OPTION_RUN_DIR, { 0 } };

static const struct cli_command cmd_ps = {
	.name = "ps",
	.summary = "list the running pods",
	.options = run_dir_options,
	.options_size = sizeof(struct pod_options),
	.run = ps,
};

/* ---- timeline ---- */

static RESULT timeline(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(timeline_record_done) struct timeline_record r = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	struct json_writer w = jw_of(&out);

	(void)ret_exit;
	TRY(timeline_find(
		pod_run_dir(options), state_dir(options), args->n ? args->v[0] : NULL, &r));
	if (!args->json) {
		run_show_timeline(&r, stdout);
		return OK;
	}
	jw_object(&w);
	run_show_timeline_json(&r, &w);
	jw_object_end(&w);
	buf_puts(&out, "\n");
	return print(&out);
}

static const struct cli_option dirs_options[] = { OPTION_RUN_DIR, OPTION_STATE_DIR, { 0 } };

static const struct cli_command cmd_timeline = {
	.name = "timeline",
	.summary = "where the time of a pod's start went",
	.operands = "[POD]",
	.max_operands = 1,
	.options = dirs_options,
	.options_size = sizeof(struct pod_options),
	.run = timeline,
	.notes = "Without POD the one that finished last. The 50 newest are kept.",
};

/* ---- exec ---- */

static RESULT exec(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct pod_options *o = options;
	const struct run_exec x = {
		.run_dir = pod_run_dir(o),
		.id = args->v[0],
		.container = o->container,
		.argv = args->v + 1,
		.n_argv = args->n - 1,
		.env = &o->env,
		.cwd = o->cwd,
		.stdin_fd = o->interactive ? STDIN_FILENO : -1,
		.stdout_fd = STDOUT_FILENO,
		.stderr_fd = STDERR_FILENO,
	};

	return run_exec(&x, ret_exit);
}

static const struct cli_option exec_options[] = {
	{ .name = "env",
		.letter = 'e',
		OPTION(env, CLI_LIST),
		.value = "NAME=VALUE",
		.help = "environment variable of the process; repeatable" },
	{ .name = "cwd",
		OPTION(cwd, CLI_STRING),
		.value = "DIR",
		.help = "working directory (the container's)" },
	OPTION_CONTAINER("container of the pod, or the beginning of its id (the only one)"),
	{ .name = "interactive",
		.letter = 'i',
		OPTION(interactive, CLI_FLAG),
		.help = "forward standard input" },
	OPTION_RUN_DIR,
	{ 0 },
};

static const struct cli_command cmd_exec = {
	.name = "exec",
	.summary = "run another process in a pod, if its manifest allows it",
	.operands = "POD -- ARGUMENT...",
	.min_operands = 2,
	.max_operands = SIZE_MAX,
	.options = exec_options,
	.options_size = sizeof(struct pod_options),
	.run = exec,
};

/* ---- rm ---- */

static void ask_owner(const struct pod_process *owner)
{
	uint64_t end = clock_monotonic_ms() + STOP_WAIT_MS;

	pod_process_kill(owner, SIGTERM);
	while (pod_process_alive(owner) && clock_monotonic_ms() < end)
		(void)usleep(STOP_STEP_MS * 1000);
}

static RESULT rm(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(pod_done) struct pod p = { 0 };
	const char *dir = pod_run_dir(options);

	(void)ret_exit;
	TRY(pod_load(dir, args->v[0], &p));
	/* The shim of an engine's pod listens to its engine alone. */
	if (p.state.containers.n == 0)
		ask_owner(&p.state.owner);
	return sandbox_clean(dir, args->v[0]);
}

static const struct cli_command cmd_rm = {
	.name = "rm",
	.summary = "stop a pod and remove it",
	.operands = "POD",
	.min_operands = 1,
	.max_operands = 1,
	.options = run_dir_options,
	.options_size = sizeof(struct pod_options),
	.run = rm,
	.notes = "The container gets SIGTERM and 10 seconds. A pod of a container engine is killed "
		 "at\n"
		 "once, and the engine sees that; its own way to remove pods is the better one.",
};

/* ---- logs ---- */

struct log_reader {
	const char *pod, *container; /* NULL: lines of all */
	bool json;
};

/* The line with the pod in it, for programs that collect lines of many. */
static void log_json(const struct log_reader *r, const struct json *line)
{
	AUTO(buf_done) struct buf out = BUF_INIT(2 * GUEST_LINE_MAX);
	struct json_writer w = jw_of(&out);

	jw_object(&w);
	jw_kstr(&w, "pod", r->pod);
	for (size_t i = 0; i < json_members(line); i++) {
		if (str_equal(json_name_at(line, i), "pod"))
			continue;
		jw_key(&w, json_name_at(line, i));
		jw_json(&w, json_at(line, i));
	}
	jw_object_end(&w);
	buf_puts(&out, "\n");
	if (!failed(buf_end(&out, "line")))
		err_ignore(fd_write_all(STDOUT_FILENO, buf_bytes(&out))); /* a reader that left */
}

static void log_text(struct bytes text)
{
	AUTO(buf_done) struct buf out = BUF_INIT(2 * GUEST_LINE_MAX);

	guest_text_clean(text, &out);
	buf_puts(&out, "\n");
	err_ignore(fd_write_all(STDOUT_FILENO, buf_bytes(&out))); /* a reader that left */
}

static void log_line(void *arg, struct bytes text)
{
	const struct log_reader *r = arg;
	AUTO(json_freep) struct json *line = NULL;
	const char *container;

	if (!r->json && !r->container) {
		log_text(text);
		return;
	}
	if (failed(json_parse(text, &line)) || json_type(line) != JSON_OBJECT)
		return;
	container = json_string(json_get(line, "container"));
	if (r->container && !(container && str_equal(container, r->container)))
		return;
	if (r->json)
		log_json(r, line);
	else
		log_text(text);
}

static RESULT logs(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct pod_options *o = options;
	AUTO(pod_done) struct pod p = { 0 };
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(2 * GUEST_LOG_MAX);
	AUTO(guest_lines_done) struct guest_lines lines = GUEST_LINES_INIT;
	struct log_reader r = { .pod = args->v[0], .json = args->json && !o->console };

	(void)ret_exit;
	if (o->console && o->container)
		return err_new(ERR_USAGE, "--console is the kernel's: it goes without --container");
	TRY(pod_load(pod_run_dir(o), args->v[0], &p));
	if (o->container)
		TRY(pod_container_find(&p.state, o->container, &r.container));
	TRY(path_join(p.dir, o->console ? POD_CONSOLE : POD_LOG, &path));
	TRY(file_read(path, &text));
	guest_lines_feed(&lines, buf_bytes(&text), log_line, &r);
	return OK;
}

static const struct cli_option logs_options[] = {
	{ .name = "console", OPTION(console, CLI_FLAG), .help = "the kernel's console instead" },
	OPTION_CONTAINER("only lines about this container, or the beginning of its id"),
	OPTION_RUN_DIR,
	{ 0 },
};

static const struct cli_command cmd_logs = {
	.name = "logs",
	.summary = "what the programs in the guest have logged",
	.operands = "POD",
	.min_operands = 1,
	.max_operands = 1,
	.options = logs_options,
	.options_size = sizeof(struct pod_options),
	.run = logs,
};

/* ---- tpm-ca ---- */

static RESULT tpm_ca(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(OUT_MAX);
	AUTO(auto_free) char *dir = NULL;

	(void)args;
	(void)ret_exit;
	TRY(path_join(state_dir(options), "tpm-ca", &dir));
	TRY(tpm_ca_certificates(dir, &pem));
	return print(&pem);
}

static const struct cli_option state_dir_options[] = { OPTION_STATE_DIR, { 0 } };

static const struct cli_command cmd_tpm_ca = {
	.name = "tpm-ca",
	.summary = "certificates of this host's software TPMs (PEM), for brokers that accept them",
	.options = state_dir_options,
	.options_size = sizeof(struct pod_options),
	.run = tpm_ca,
};

const struct cli_command cmd_pod = {
	.name = "pod",
	.summary = "look at, enter and stop the pods of this host",
	.commands = (const struct cli_command *const[]){ &cmd_ps, &cmd_timeline, &cmd_exec,
		&cmd_logs, &cmd_pod_events, &cmd_pod_stats, &cmd_rm, &cmd_tpm_ca, NULL },
};
