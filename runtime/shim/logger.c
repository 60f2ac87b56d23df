#include "logger.h"

#include <errno.h>
#include <fcntl.h>

#include <base/process.h>

enum {
	READY_MS = 10 * 1000,
	TERM_MS = 12 * 1000, /* containerd's */
	ENV_MAX = 3
};

struct logger {
	struct loop *loop;
	struct process process;
	int out_fd, err_fd, ready_fd;
	bool must_say_ready, told, closed;
	struct loop_source *ready_source, *timer;
	void (*ready)(void *arg, struct err e);
	void *arg;
};

static void close_fd(int *fd)
{
	auto_close(fd);
	*fd = -1;
}

static void forget_timer(struct logger *l)
{
	loop_remove(l->timer);
	l->timer = NULL;
}

static void logger_free(struct logger *l)
{
	loop_remove(l->ready_source);
	forget_timer(l);
	close_fd(&l->out_fd);
	close_fd(&l->err_fd);
	close_fd(&l->ready_fd);
	auto_close(&l->process.pidfd);
	free(l);
}

static void logger_freep(struct logger **l)
{
	if (!*l)
		return;
	if ((*l)->process.pid > 0)
		process_end(&(*l)->process);
	(*l)->process = PROCESS_NONE;
	logger_free(*l);
}

static void tell(struct logger *l, struct err e)
{
	loop_remove(l->ready_source);
	l->ready_source = NULL;
	close_fd(&l->ready_fd);
	if (l->told)
		return;
	l->told = true;
	if (!l->closed) {
		forget_timer(l);
		l->ready(l->arg, e);
	}
}

static void on_ready(void *arg, int fd, unsigned events)
{
	struct logger *l = arg;
	char byte;
	ssize_t n = read(fd, &byte, 1);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 1 || (n == 0 && !l->must_say_ready))
		tell(l, OK);
	else
		tell(l, err_new(ERR_PEER, "the logger ended before it was ready"));
}

static void on_late(void *arg)
{
	struct logger *l = arg;

	forget_timer(l);
	tell(l, err_new(ERR_TIMEOUT, "the logger was not ready within %d s", READY_MS / 1000));
}

static void on_ended(void *arg, pid_t pid, int status)
{
	struct logger *l = arg;

	(void)pid;
	l->process.pid = -1;
	if (l->closed) {
		logger_free(l);
		return;
	}
	if (!l->told && l->must_say_ready)
		tell(l, err_new(ERR_PEER, "the logger ended with status %d", status));
}

static RESULT make_pipe(int *ret_read, int *ret_write)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_new(ERR_SYS, "pipe");
	*ret_read = fds[0];
	*ret_write = fds[1];
	return OK;
}

/* Ours never block; the logger's do, as it expects. */
static RESULT not_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return err_new(ERR_SYS, "pipe");
	return OK;
}

static RESULT run(struct logger *l, const struct logger_config *c, const int fds[static 3])
{
	const char *argv[STDIO_ARGS_MAX + 2] = { c->uri->path };
	AUTO(auto_free) char *id = NULL;
	AUTO(auto_free) char *ns = NULL;
	const char *envp[ENV_MAX] = { 0 };
	struct process_spec spec = PROCESS_SPEC(argv);

	for (size_t i = 0; i < c->uri->args.n; i++)
		argv[i + 1] = c->uri->args.v[i];
	TRY(str_format(&id, "CONTAINER_ID=%s", c->id));
	TRY(str_format(&ns, "CONTAINER_NAMESPACE=%s", c->ns));
	envp[0] = id;
	envp[1] = ns;
	spec.envp = envp;
	spec.stdin_fd = spec.stdout_fd = spec.stderr_fd = -1;
	for (size_t i = 0; i < 3; i++)
		spec.keep_fds[i] = fds[i];
	spec.n_keep_fds = 3;
	return process_start(&spec, &l->process);
}

static RESULT start(struct logger *l, const struct logger_config *c)
{
	AUTO(auto_close) int out = -1, err = -1, ready = -1;
	struct err e;

	TRY(make_pipe(&out, &l->out_fd));
	TRY(make_pipe(&err, &l->err_fd));
	TRY(make_pipe(&l->ready_fd, &ready));
	TRY(not_blocking(l->out_fd));
	TRY(not_blocking(l->err_fd));
	TRY(not_blocking(l->ready_fd));
	e = run(l, c, (int[]){ out, err, ready });
	if (failed(e))
		return err_add(e, "logger");
	TRY(loop_add_fd(c->loop, l->ready_fd, EPOLLIN, on_ready, l, &l->ready_source));
	TRY(loop_add_timer(c->loop, READY_MS, 0, on_late, l, &l->timer));
	return loop_add_child(c->loop, l->process.pid, on_ended, l);
}

RESULT logger_new(const struct logger_config *c, struct logger **ret_logger)
{
	AUTO(logger_freep) struct logger *l = calloc(1, sizeof(*l));

	if (!l)
		return err_new(ERR_NOMEM, "logger");
	l->loop = c->loop;
	l->process = PROCESS_NONE;
	l->out_fd = l->err_fd = l->ready_fd = -1;
	l->must_say_ready = c->uri->must_say_ready;
	l->ready = c->ready;
	l->arg = c->arg;
	TRY(start(l, c));
	*ret_logger = TAKE(l);
	return OK;
}

int logger_out_fd(const struct logger *l)
{
	return l->out_fd;
}

int logger_err_fd(const struct logger *l)
{
	return l->err_fd;
}

static void on_term_late(void *arg)
{
	struct logger *l = arg;

	err_ignore(process_kill(&l->process, SIGKILL)); /* on_ended() hears of it */
}

void logger_end_input(struct logger *l)
{
	close_fd(&l->out_fd);
	close_fd(&l->err_fd);
}

void logger_close(struct logger *l)
{
	if (!l)
		return;
	l->closed = true;
	tell(l, OK);
	logger_end_input(l);
	forget_timer(l);
	if (l->process.pid < 0) {
		logger_free(l);
		return;
	}
	err_ignore(process_kill(&l->process, SIGTERM));
	/* Without a timer it lives as long as it likes, without input. */
	err_ignore(loop_add_timer(l->loop, TERM_MS, 0, on_term_late, l, &l->timer));
}
