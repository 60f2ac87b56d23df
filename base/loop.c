#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include <base/auto.h>
#include <base/loop.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

enum {
	ROUND_EVENTS = 32
};

enum source_kind {
	SOURCE_FD,
	SOURCE_TIMER,
	SOURCE_SIGNAL, /* no descriptor: the signalfd is one for all */
	SOURCE_SIGNAL_FD,
	SOURCE_CHILD
};

struct loop_source {
	struct loop *loop;
	struct loop_source *next, **link; /* in the list it is on */
	enum source_kind kind;
	bool removed;
	int fd;
	int signo;
	pid_t pid;
	union {
		loop_fd_fn *on_fd;
		loop_timer_fn *on_timer;
		loop_signal_fn *on_signal;
		loop_child_fn *on_child;
	};
	void *arg;
};

struct loop {
	int epoll_fd;
	struct loop_source *sources;
	struct loop_source *removed; /* freed when no callback is running any more */
	struct loop_source *signal_source;
	sigset_t signals;
	unsigned running; /* callbacks may pump the loop */
	bool stopped;
	int value;
};

static void put_on(struct loop_source **list, struct loop_source *s)
{
	s->next = *list;
	s->link = list;
	if (s->next)
		s->next->link = &s->next;
	*list = s;
}

static void take_off(struct loop_source *s)
{
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
}

static void free_removed(struct loop *l)
{
	struct loop_source *s;

	while ((s = l->removed) != NULL) {
		take_off(s);
		free(s);
	}
}

RESULT loop_new(struct loop **ret_loop)
{
	AUTO(loop_freep) struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return err_new(ERR_NOMEM, "event loop");
	(void)sigemptyset(&l->signals);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0)
		return err_new(ERR_SYS, "event loop");
	*ret_loop = TAKE(l);
	return OK;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	while (l->sources)
		loop_remove(l->sources);
	free_removed(l);
	auto_close(&l->epoll_fd);
	free(l);
}

void loop_freep(struct loop **l)
{
	loop_free(*l);
	*l = NULL;
}

void loop_remove(struct loop_source *s)
{
	if (!s || s->removed)
		return;
	s->removed = true;
	if (s->fd >= 0)
		(void)epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	if (s->kind != SOURCE_FD)
		auto_close(&s->fd);
	take_off(s);
	put_on(&s->loop->removed, s);
	if (s->loop->running == 0)
		free_removed(s->loop);
}

/* Takes the descriptor of every kind but SOURCE_FD, also when it fails. */
static struct err add(struct loop *l, enum source_kind kind, int fd, unsigned events,
	struct loop_source **ret_source)
{
	struct loop_source *s = calloc(1, sizeof(*s));
	struct epoll_event ev = { .events = events, .data.ptr = s };
	struct err e = OK;

	if (!s)
		e = err_new(ERR_NOMEM, "event source");
	else if (fd >= 0 && epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
		e = err_new(ERR_SYS, "watching descriptor %d", fd);
	if (failed(e)) {
		if (kind != SOURCE_FD)
			auto_close(&fd);
		free(s);
		return e;
	}
	s->loop = l;
	s->kind = kind;
	s->fd = fd;
	put_on(&l->sources, s);
	*ret_source = s;
	return OK;
}

RESULT loop_add_fd(struct loop *l, int fd, unsigned events, loop_fd_fn *fn, void *arg,
	struct loop_source **ret_source)
{
	struct loop_source *s;

	if (fd < 0)
		return err_new(ERR_STATE, "watching no descriptor");
	TRY(add(l, SOURCE_FD, fd, events, &s));
	s->on_fd = fn;
	s->arg = arg;
	if (ret_source)
		*ret_source = s;
	return OK;
}

RESULT loop_set_events(struct loop_source *s, unsigned events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_MOD, s->fd, &ev) != 0)
		return err_new(ERR_SYS, "watching descriptor %d", s->fd);
	return OK;
}

static struct timespec time_of(uint64_t ms)
{
	return (struct timespec){ .tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000 };
}

RESULT loop_add_timer(struct loop *l, uint64_t delay_ms, uint64_t period_ms, loop_timer_fn *fn,
	void *arg, struct loop_source **ret_source)
{
	struct itimerspec when = { .it_value = time_of(delay_ms),
		.it_interval = time_of(period_ms) };
	AUTO(auto_close) int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct loop_source *s;

	if (delay_ms == 0)
		when.it_value.tv_nsec = 1; /* 0 would disarm it */
	if (fd < 0 || timerfd_settime(fd, 0, &when, NULL) != 0)
		return err_new(ERR_SYS, "timer");
	TRY(add(l, SOURCE_TIMER, TAKE_FD(fd), EPOLLIN, &s));
	s->on_timer = fn;
	s->arg = arg;
	if (ret_source)
		*ret_source = s;
	return OK;
}

RESULT loop_add_signal(struct loop *l, int signo, loop_signal_fn *fn, void *arg)
{
	struct loop_source *s;
	int fd;

	(void)sigaddset(&l->signals, signo);
	/* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	if (sigprocmask(SIG_BLOCK, &l->signals, NULL) != 0)
		return err_new(ERR_SYS, "blocking signal %d", signo);
	fd = signalfd(l->signal_source ? l->signal_source->fd : -1, &l->signals,
		SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_new(ERR_SYS, "signal %d", signo);
	if (!l->signal_source)
		TRY(add(l, SOURCE_SIGNAL_FD, fd, EPOLLIN, &l->signal_source));
	TRY(add(l, SOURCE_SIGNAL, -1, 0, &s));
	s->signo = signo;
	s->on_signal = fn;
	s->arg = arg;
	return OK;
}

RESULT loop_add_child(struct loop *l, pid_t pid, loop_child_fn *fn, void *arg)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct loop_source *s;

	if (fd < 0)
		return err_new(ERR_SYS, "watching process %d", (int)pid);
	TRY(add(l, SOURCE_CHILD, fd, EPOLLIN, &s));
	s->pid = pid;
	s->on_child = fn;
	s->arg = arg;
	return OK;
}

/* The latest handler of a signal counts. */
static void deliver_signals(struct loop_source *from)
{
	struct signalfd_siginfo info;
	struct loop_source *s;

	while (!from->removed && read(from->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		for (s = from->loop->sources; s; s = s->next) {
			if (s->kind == SOURCE_SIGNAL && s->signo == (int)info.ssi_signo)
				break;
		}
		if (s)
			s->on_signal(s->arg, s->signo);
	}
}

static void reap(struct loop_source *s)
{
	int status = 0;
	pid_t got = waitpid(s->pid, &status, WNOHANG);

	if (got < 0 && errno == ECHILD)
		loop_remove(s); /* somebody else reaped it: its pidfd would be readable for ever */
	if (got != s->pid)
		return;
	loop_remove(s);
	s->on_child(
		s->arg, s->pid, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

static void dispatch(struct loop_source *s, unsigned events)
{
	uint64_t expirations;

	switch (s->kind) {
	case SOURCE_FD:
		s->on_fd(s->arg, s->fd, events);
		break;
	case SOURCE_TIMER:
		/* Nothing to read when a nested round has already delivered it. */
		if (read(s->fd, &expirations, sizeof(expirations)) > 0)
			s->on_timer(s->arg);
		break;
	case SOURCE_SIGNAL_FD:
		deliver_signals(s);
		break;
	case SOURCE_CHILD:
		reap(s);
		break;
	case SOURCE_SIGNAL:
		break;
	}
}

RESULT loop_once(struct loop *l, int timeout_ms)
{
	struct epoll_event events[ROUND_EVENTS];
	int n = epoll_wait(l->epoll_fd, events, ROUND_EVENTS, timeout_ms);

	if (n < 0 && errno == EINTR)
		return OK;
	if (n < 0)
		return err_new(ERR_SYS, "event loop");
	l->running++;
	for (int i = 0; i < n; i++) {
		struct loop_source *s = events[i].data.ptr;
		/* An earlier callback of this round may have removed it. */
		if (!s->removed)
			dispatch(s, events[i].events);
	}
	if (--l->running == 0)
		free_removed(l);
	return OK;
}

RESULT loop_run(struct loop *l, int *ret_value)
{
	while (!l->stopped)
		TRY(loop_once(l, -1));
	l->stopped = false;
	*ret_value = l->value;
	return OK;
}

void loop_stop(struct loop *l, int value)
{
	l->stopped = true;
	l->value = value;
}
