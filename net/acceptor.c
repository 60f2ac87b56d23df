#include "acceptor.h"

#include <errno.h>
#include <fcntl.h>

#include <base/auto.h>
#include <sys/socket.h>

enum {
	REST_MS = 100
};

struct acceptor {
	struct loop *loop;
	int fd;
	struct loop_source *source, *rest;
	acceptor_fn *fn;
	void *arg;
};

static void on_rest_over(void *arg)
{
	struct acceptor *a = arg;

	if (failed(loop_set_events(a->source, EPOLLIN)))
		return;
	loop_remove(a->rest);
	a->rest = NULL;
}

/* Without descriptors the listening socket stays readable: look away for a moment, not spin. */
static void rest(struct acceptor *a)
{
	if (a->rest || failed(loop_set_events(a->source, 0)))
		return;
	err_ignore(loop_add_timer(a->loop, REST_MS, REST_MS, on_rest_over, a, &a->rest));
	if (!a->rest) /* no timer either: then spinning is the lesser evil */
		err_ignore(loop_set_events(a->source, EPOLLIN));
}

static void on_readable(void *arg, int fd, unsigned events)
{
	struct acceptor *a = arg;
	int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (peer >= 0)
		a->fn(a->arg, peer);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		rest(a);
}

static RESULT watch(struct acceptor *a)
{
	int flags = fcntl(a->fd, F_GETFL);

	if (flags < 0 || fcntl(a->fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return err_new(ERR_SYS, "listening socket");
	return loop_add_fd(a->loop, a->fd, EPOLLIN, on_readable, a, &a->source);
}

RESULT acceptor_new(
	struct loop *l, int listen_fd, acceptor_fn *fn, void *arg, struct acceptor **ret_acceptor)
{
	AUTO(auto_close) int fd = listen_fd;
	AUTO(acceptor_freep) struct acceptor *a = calloc(1, sizeof(*a));

	if (!a)
		return err_new(ERR_NOMEM, "listening socket");
	*a = (struct acceptor){ .loop = l, .fd = TAKE_FD(fd), .fn = fn, .arg = arg };
	TRY(watch(a));
	*ret_acceptor = TAKE(a);
	return OK;
}

void acceptor_free(struct acceptor *a)
{
	if (!a)
		return;
	loop_remove(a->rest);
	loop_remove(a->source);
	auto_close(&a->fd);
	free(a);
}

void acceptor_freep(struct acceptor **a)
{
	acceptor_free(*a);
}
