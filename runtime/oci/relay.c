#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <base/file.h>
#include <sys/stat.h>

enum {
	CHUNK = 64 * 1024
};

static void in_step(struct relay_in *r);

static void in_readable(void *arg, int fd, unsigned events)
{
	(void)fd;
	(void)events;
	in_step(arg);
}

static void unwatch(struct loop_source **s)
{
	loop_remove(*s);
	*s = NULL;
}

/* The descriptors are shared with the engine: no flag of theirs may be changed, so a read happens
 * only when poll has said that it will not block. */
static void watch(struct relay_in *r, bool source)
{
	struct loop_source **on = source ? &r->source : &r->room;

	unwatch(source ? &r->room : &r->source);
	if (!*on && failed(loop_add_fd(r->loop, source ? r->from : r->fifo,
			    source ? EPOLLIN : EPOLLOUT, in_readable, r, on)))
		r->ended = true;
}

static void in_end(struct relay_in *r)
{
	r->ended = true;
	unwatch(&r->source);
	unwatch(&r->room);
	if (r->end)
		r->end(r->arg);
}

/* False: the FIFO is full. */
static bool flush(struct relay_in *r)
{
	while (r->pending.n > 0) {
		ssize_t n = write(r->fifo, r->pending.p, r->pending.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		buf_consume(&r->pending, (size_t)n);
	}
	return true;
}

/* One read; false at the end of the input. A terminal whose other side is closed reads EIO. */
static bool fill(struct relay_in *r)
{
	uint8_t chunk[CHUNK];
	ssize_t n;

	do
		n = read(r->from, chunk, sizeof(chunk));
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return false;
	buf_put(&r->pending, bytes_of(chunk, (size_t)n));
	return true;
}

static void in_step(struct relay_in *r)
{
	bool readable = r->source != NULL || r->plain_file;

	if (r->ended)
		return;
	if (r->pending.n == 0 && readable && !fill(r)) {
		in_end(r);
		return;
	}
	watch(r, flush(r) && !r->plain_file);
}

RESULT relay_in_start(struct relay_in *r, struct loop *l, int from, const char *fifo)
{
	struct stat st;

	r->loop = l;
	r->from = from;
	r->pending = BUF_INIT(CHUNK);
	/* Both ways, so that opening waits for nobody and writing never meets a closed pipe. */
	r->fifo = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (r->fifo < 0 || fstat(from, &st) != 0)
		return err_new(ERR_SYS, "%s", fifo);
	r->plain_file = S_ISREG(st.st_mode); /* which epoll does not take, and which never blocks */
	watch(r, !r->plain_file);
	return r->ended ? err_new(ERR_STATE, "standard input cannot be watched") : OK;
}

void relay_in_stop(struct relay_in *r)
{
	unwatch(&r->source);
	unwatch(&r->room);
	if (r->fifo > 0)
		(void)close(r->fifo);
	r->fifo = -1;
	buf_done(&r->pending);
}

/* ---- out ---- */

/* False when there is nothing now. */
static bool copy_once(struct relay_out *r)
{
	uint8_t chunk[CHUNK];
	ssize_t n;

	do
		n = read(r->fifo, chunk, sizeof(chunk));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	if (!r->deaf && failed(fd_write_all(r->to, bytes_of(chunk, (size_t)n))))
		r->deaf = true;
	return true;
}

static void out_readable(void *arg, int fd, unsigned events)
{
	struct relay_out *r = arg;

	(void)fd;
	/* The shim has closed its end: nothing more will come, and the hang-up stays. */
	if (!copy_once(r) && (events & EPOLLHUP))
		unwatch(&r->source);
}

RESULT relay_out_start(struct relay_out *r, struct loop *l, const char *fifo, int to)
{
	r->to = to;
	r->fifo = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (r->fifo < 0)
		return err_new(ERR_SYS, "%s", fifo);
	return loop_add_fd(l, r->fifo, EPOLLIN, out_readable, r, &r->source);
}

void relay_out_drain(struct relay_out *r)
{
	if (r->fifo <= 0)
		return;
	while (copy_once(r))
		;
}

void relay_out_stop(struct relay_out *r)
{
	unwatch(&r->source);
	if (r->fifo > 0)
		(void)close(r->fifo);
	r->fifo = -1;
}
