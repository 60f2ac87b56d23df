#include "acceptor.h"

#include <errno.h>
#include <fcntl.h>

#include <base/auto.h>
#include <sys/socket.h>

struct acceptor {
	struct loop *loop;
	int fd;
	int reserve; /* given up for a moment when there is no other descriptor */
	struct loop_source *source;
	acceptor_fn *fn;
	void *arg;
};

static int make_reserve(const struct acceptor *a)
{
	return fcntl(a->fd, F_DUPFD_CLOEXEC, 0);
}

/* Without descriptors the listening socket would stay readable and the loop would spin: the peer is
 * sent away instead. */
static void turn_away(struct acceptor *a)
{
	AUTO(auto_close) int peer = -1;

	auto_close(&a->reserve);
	peer = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC);
	auto_close(&peer);
	peer = -1;
	a->reserve = make_reserve(a);
}

static void on_readable(void *arg, int fd, unsigned events)
{
	struct acceptor *a = arg;
	int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (peer >= 0)
		a->fn(a->arg, peer);
	else if (errno == EMFILE || errno == ENFILE)
		turn_away(a);
}

static RESULT watch(struct acceptor *a)
{
	int flags = fcntl(a->fd, F_GETFL);

	if (flags < 0 || fcntl(a->fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return err_new(ERR_SYS, "listening socket");
	a->reserve = make_reserve(a);
	if (a->reserve < 0)
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
	*a = (struct acceptor){ .loop = l, .fd = TAKE_FD(fd), .reserve = -1, .fn = fn, .arg = arg };
	TRY(watch(a));
	*ret_acceptor = TAKE(a);
	return OK;
}

void acceptor_free(struct acceptor *a)
{
	if (!a)
		return;
	loop_remove(a->source);
	auto_close(&a->reserve);
	auto_close(&a->fd);
	free(a);
}

void acceptor_freep(struct acceptor **a)
{
	acceptor_free(*a);
}
