#include "cgroup.h"
#include "oom.h"
#include "reply.h"

#include <errno.h>
#include <signal.h>

#include <base/file.h>
#include <sys/syscall.h>

enum {
	/* A descendant may hold the output open for ever; after this the end is announced. */
	OUTPUT_GRACE_MS = 500
};

RESULT task_new(struct container *c, const char *exec_id, bool terminal, struct task **ret_task)
{
	struct loop *l = c->agent->loop;
	struct task *t = calloc(1, sizeof(*t));

	if (!t)
		return err_new(ERR_NOMEM, "process");
	(void)snprintf(t->exec_id, sizeof(t->exec_id), "%s", exec_id);
	t->container = c;
	t->terminal = terminal;
	t->pidfd = t->window_fd = -1;
	t->in = (struct stream_in){ .loop = l, .fd = -1 };
	t->out = t->err = (struct stream_out){ .loop = l, .fd = -1 };
	t->next = c->tasks;
	c->tasks = t;
	*ret_task = t;
	return OK;
}

static void unlink_task(const struct task *t)
{
	struct task **at = &t->container->tasks;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
}

void task_free(struct task *t)
{
	unlink_task(t);
	reaper_forget(t->container->agent->reaper, t);
	loop_remove(t->grace);
	stream_in_done(&t->in);
	stream_out_done(&t->out);
	stream_out_done(&t->err);
	for (size_t i = 0; i < t->n_wait; i++)
		ttrpc_fail(t->wait[i], err_new(ERR_NOT_FOUND, "the process is gone"));
	if (t->pidfd >= 0)
		(void)close(t->pidfd);
	if (t->window_fd >= 0)
		(void)close(t->window_fd);
	free(t);
}

static void answer_wait(struct task *t, struct ttrpc_call *call)
{
	Agent__WaitProcessResponse msg = AGENT__WAIT_PROCESS_RESPONSE__INIT;

	msg.status = t->status;
	t->waited = true;
	reply(call, &msg.base);
}

static void on_grace(void *arg)
{
	struct task *t = arg;

	stream_last(&t->out);
	stream_last(&t->err);
}

void task_ended(void *task, int status)
{
	struct task *t = task;
	struct container *c = t->container;
	size_t n = t->n_wait;

	oom_check(c);
	/* Alone it would have been PID 1, and its end everybody's. */
	if (!t->next && c->shares_pids)
		err_ignore(cgroup_kill(c));
	if (!t->next && c->rule && status == 0)
		c->agent->completed_once[c->row] = true;
	t->exited = true;
	t->status = status;
	t->n_wait = 0;
	for (size_t i = 0; i < n; i++)
		answer_wait(t, t->wait[i]);
	stream_in_done(&t->in);
	/* Without a timer the end of output is what the pipes say. */
	err_ignore(loop_add_timer(
		t->container->agent->loop, OUTPUT_GRACE_MS, 0, on_grace, t, &t->grace));
}

void task_wait(struct task *t, struct ttrpc_call *call)
{
	if (t->exited)
		answer_wait(t, call);
	else if (t->n_wait == ARRAY_LEN(t->wait))
		ttrpc_fail(call, err_new(ERR_LIMIT, "too many wait for this process"));
	else
		t->wait[t->n_wait++] = call;
}

static RESULT read_pid(const char *pid_file, pid_t *ret_pid)
{
	AUTO(buf_done) struct buf text = BUF_INIT(32);
	uint64_t pid;

	TRY(file_read(pid_file, &text));
	while (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	buf_u8(&text, '\0');
	TRY(buf_end(&text, "pid file"));
	TRY(str_to_u64((const char *)text.p, 4 * 1024 * 1024, "pid", &pid));
	if (pid < 2)
		return err_new(ERR_FORMAT, "pid %llu", (unsigned long long)pid);
	*ret_pid = (pid_t)pid;
	return OK;
}

RESULT task_started(struct task *t, const char *pid_file)
{
	TRY(read_pid(pid_file, &t->pid));
	t->pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0);
	/* An exec may have ended already; then its status waits in the reaper. */
	if (t->pidfd < 0 && errno != ESRCH)
		return err_new(ERR_SYS, "pidfd of %d", (int)t->pid);
	cgroup_add(t->container, t->pid);
	return reaper_watch(t->container->agent->reaper, t->pid, task_ended, t);
}

/* Bit masks of the process, hexadecimal. */
static uint64_t status_mask(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line ? strtoull(line + strlen(name), NULL, 16) : 0;
}

/* The first process of a container ignores what it has no handler for, as PID 1 does; asked to end,
 * it would stay. Kata's agent ends it, and engines rely on that. */
static bool ignores_sigterm(pid_t pid)
{
	static const uint64_t term = 1ULL << (SIGTERM - 1);
	AUTO(buf_done) struct buf status = BUF_INIT(16 * 1024);
	char path[64];
	const char *text;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (failed(file_read(path, &status)))
		return false;
	text = buf_cstr(&status);
	if (!text)
		return false;
	return !((status_mask(text, "SigCgt:\t") | status_mask(text, "SigBlk:\t") |
			 status_mask(text, "SigIgn:\t")) &
		 term);
}

RESULT task_signal(struct task *t, uint32_t signo)
{
	bool init = t->next == NULL && !t->container->shares_pids;

	if (signo > 64)
		return err_new(ERR_FORMAT, "signal %u", signo);
	if (t->exited)
		return OK;
	if (t->container->sandbox) {
		if (signo == SIGTERM || signo == SIGINT || signo == SIGKILL)
			task_ended(t, 128 + (int)signo);
		return OK;
	}
	if (t->pidfd < 0)
		return err_new(ERR_STATE, "the process has not been started");
	if (init && signo == SIGTERM && ignores_sigterm(t->pid))
		signo = SIGKILL;
	if (syscall(SYS_pidfd_send_signal, t->pidfd, signo, NULL, 0) != 0 && errno != ESRCH)
		return err_new(ERR_SYS, "signal %u", signo);
	return OK;
}

/* As Kata: everything of the container, not only the children of its first process. */
static RESULT signal_all(struct task *t)
{
	return failed(cgroup_kill(t->container)) ? task_signal(t, SIGKILL) : OK;
}

RESULT task_signal_container(struct task *t, uint32_t signo)
{
	bool all = signo == SIGKILL && !t->container->sandbox && t->pid > 0;

	return all ? signal_all(t) : task_signal(t, signo);
}
