#include "cgroup.h"
#include "requests.h"

#include <errno.h>
#include <fcntl.h>

#include <base/clock.h>
#include <base/file.h>
#include <sys/stat.h>

enum {
	CRUN_ARGS = 24,
	CRUN_TIMEOUT_MS = 60 * 1000, /* generous: software emulation */
	CRUN_LOG_MAX = 8 * 1024
};

struct args {
	const char *v[CRUN_ARGS + 1];
	size_t n;
};

static void add(struct args *a, const char *option, const char *value)
{
	if (!value || a->n + 2 > CRUN_ARGS)
		return;
	a->v[a->n++] = option;
	a->v[a->n++] = value;
}

static void add_word(struct args *a, const char *word)
{
	if (a->n < CRUN_ARGS)
		a->v[a->n++] = word;
}

static void add_command(struct args *a, const struct crun_call *c)
{
	bool exec = c->process_file != NULL;

	add_word(a, c->command);
	if (exec)
		add_word(a, "--detach");
	if (c->force)
		add_word(a, "--force");
	add(a, "--bundle", str_equal(c->command, "create") ? c->dir : NULL);
	add(a, "--pid-file", c->pid_file);
	add(a, "--console-socket", c->stdio ? c->stdio->console_path : NULL);
	add(a, "--process", c->process_file);
	add(a, "--resources", c->resources);
	add_word(a, c->id);
}

RESULT crun_start(const struct crun_call *c)
{
	/* Nothing of the agent's environment, and none of the container's: that is in its file. */
	static const char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	const struct settings *set = &c->agent->set;
	AUTO(auto_free) char *root = NULL;
	AUTO(auto_free) char *log = NULL;
	struct args a = { 0 };
	struct process_spec spec;

	TRY(path_join(set->run_dir, "sealpod/crun", &root));
	TRY(path_join(c->dir, "log", &log));
	add_word(&a, set->crun);
	add(&a, "--root", root);
	add(&a, "--log", log);
	add(&a, "--cgroup-manager", set->cgroup_manager);
	add_command(&a, c);
	spec = PROCESS_SPEC(a.v);
	spec.envp = environment;
	spec.stdin_fd = c->stdio ? c->stdio->in : -1;
	spec.stdout_fd = c->stdio ? c->stdio->out : -1;
	spec.stderr_fd = c->stdio ? c->stdio->err : -1;
	spec.new_session = true;
	return c->agent->effects->run(c->agent, &spec, c->fn, c->arg);
}

/*
 * What `crun start` does when there are no poststart hooks, without starting a program for it: the
 * container's first process waits for a byte from a FIFO of crun's state directory. Whatever is
 * otherwise than expected (nobody waits there yet, another crun) is left to crun.
 */
bool crun_release(const struct agent *a, const char *id)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_close) int fd = -1;
	struct stat st;

	if (failed(str_format(&path, "%s/sealpod/crun/%s/exec.fifo", a->set.run_dir, id)))
		return false;
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISFIFO(st.st_mode))
		return false;
	/* Afterwards crun takes the container for started. */
	return unlink(path) == 0 && write(fd, "", 1) == 1;
}

/*
 * What `crun delete` does for a container whose processes have all ended: its cgroup and its state
 * go. A cgroup that still has processes or children of its own is crun's work.
 */
bool crun_forget(const struct container *c)
{
	const struct agent *a = c->agent;
	AUTO(auto_free) char *cgroup = NULL;
	AUTO(auto_free) char *state = NULL;

	if (failed(cgroup_path(c, "", &cgroup)) ||
		failed(str_format(&state, "%s/sealpod/crun/%s", a->set.run_dir, c->id)))
		return false;
	if (rmdir(cgroup) != 0 && errno != ENOENT)
		return false;
	return !failed(dir_remove_tree(state));
}

/* The last line is the one that made it fail. */
static const char *last_line(struct buf *log)
{
	char *text, *newline;

	while (log->n > 0 && log->p[log->n - 1] == '\n')
		log->n--;
	buf_u8(log, '\0');
	if (failed(buf_end(log, "log")))
		return "";
	text = (char *)log->p;
	newline = strrchr(text, '\n');
	return newline ? newline + 1 : text;
}

struct err crun_error(const char *dir, const char *command, int status)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf log = BUF_INIT(CRUN_LOG_MAX);

	TRY(path_join(dir, "log", &path));
	/* Without a log the status has to do. */
	err_ignore(file_read(path, &log));
	if (log.n == 0)
		return err_new(ERR_PEER, "crun %s: status %d", command, status);
	return err_new(ERR_PEER, "crun %s: %.300s", command, last_line(&log));
}

RESULT effect_run(struct agent *a, const struct process_spec *spec, command_fn *fn, void *arg)
{
	const struct command c = {
		.loop = a->loop,
		.reaper = a->reaper,
		.spec = spec,
		.timeout_ms = CRUN_TIMEOUT_MS,
		.fn = fn,
		.arg = arg,
	};

	return command_start(&c);
}
