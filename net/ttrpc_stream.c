#include "ttrpc_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include <net/ttrpc.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
	READ_SIZE = 64 * 1024,
	BUFFER_KEPT_MAX = 2 * READ_SIZE,   /* an empty buffer that is larger is released */
	DIRECT_MIN = 16 * 1024,		   /* smaller payloads are copied behind their header */
	OUT_BUFFER_MAX = 2 * TTRPC_OUT_MAX /* with what is written and not yet cut off */
};

struct ttrpc_stream {
	struct ttrpc_stream_config c;
	int fd;
	struct loop_source *source; /* NULL while a port waits for its host */
	struct loop_source *timer;  /* that looks for the host */
	unsigned events;	    /* asked of the loop */
	struct buf in, out;
	size_t in_at, out_at; /* consumed, written */
	size_t skip;	      /* bytes of an oversized message still to come */
	bool paused, congested, broken, dead;
	bool kick;     /* wants an event although there is nothing to write */
	unsigned busy; /* callbacks on the stack */
};

static void on_event(void *arg, int fd, unsigned events);

static size_t queued(const struct ttrpc_stream *s)
{
	return s->out.n - s->out_at;
}

static bool may_read(const struct ttrpc_stream *s)
{
	return !s->paused && (s->c.reads_always || !s->congested);
}

static void update_events(struct ttrpc_stream *s)
{
	unsigned want = 0;

	if (may_read(s))
		want |= EPOLLIN;
	if (queued(s) > 0 || s->kick)
		want |= EPOLLOUT;
	if (!s->source || want == s->events)
		return;
	/* Changing the mask of a registered descriptor fails only for lack of kernel memory; the
	 * next change tries again. */
	if (!failed(loop_set_events(s->source, want)))
		s->events = want;
}

static void forget_data(struct ttrpc_stream *s)
{
	buf_done(&s->in);
	buf_done(&s->out);
	s->in_at = s->out_at = s->skip = 0;
}

static void unwatch(struct ttrpc_stream *s)
{
	loop_remove(s->source);
	loop_remove(s->timer);
	s->source = s->timer = NULL;
}

static void destroy(struct ttrpc_stream *s)
{
	forget_data(s);
	free(s);
}

void ttrpc_stream_free(struct ttrpc_stream *s)
{
	if (!s || s->dead)
		return;
	unwatch(s);
	auto_close(&s->fd);
	s->fd = -1;
	s->dead = true;
	if (s->busy == 0)
		destroy(s);
}

void ttrpc_stream_freep(struct ttrpc_stream **s)
{
	ttrpc_stream_free(*s);
}

/* Ends a stretch of code during which callbacks may have freed the stream. */
static void leave(struct ttrpc_stream *s)
{
	s->busy--;
	if (s->dead && s->busy == 0)
		destroy(s);
}

static RESULT watch(struct ttrpc_stream *s)
{
	s->events = EPOLLIN;
	TRY(loop_add_fd(s->c.loop, s->fd, s->events, on_event, s, &s->source));
	update_events(s);
	return OK;
}

/* A port without a host side is always "readable" and "hung up": watching it would spin. */
static bool port_has_host(const struct ttrpc_stream *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	return poll(&p, 1, 0) >= 0 && !(p.revents & (POLLHUP | POLLERR));
}

static void on_port_timer(void *arg)
{
	struct ttrpc_stream *s = arg;

	if (!port_has_host(s))
		return;
	if (failed(watch(s)))
		return;
	loop_remove(s->timer);
	s->timer = NULL;
}

static RESULT wait_for_host(struct ttrpc_stream *s)
{
	return loop_add_timer(
		s->c.loop, TTRPC_PORT_POLL_MS, TTRPC_PORT_POLL_MS, on_port_timer, s, &s->timer);
}

static void set_congested(struct ttrpc_stream *s)
{
	bool now = queued(s) > (s->congested ? TTRPC_OUT_LOW : TTRPC_OUT_HIGH);

	if (now == s->congested)
		return;
	s->congested = now;
	if (s->c.congested)
		s->c.congested(s->c.arg, now);
}

static void peer_gone(struct ttrpc_stream *s)
{
	unwatch(s);
	forget_data(s);
	s->congested = false;
	if (s->c.virtio_port && !failed(wait_for_host(s))) {
		s->c.closed(s->c.arg);
		return;
	}
	s->broken = true;
	auto_close(&s->fd);
	s->fd = -1;
	s->c.closed(s->c.arg);
}

void ttrpc_stream_break(struct ttrpc_stream *s)
{
	if (s->c.virtio_port)
		return;
	s->broken = true;
	buf_done(&s->out);
	s->out_at = 0;
	/* Makes the loop see a hang-up, so that the end is handled there and nowhere else. */
	(void)shutdown(s->fd, SHUT_RDWR);
	update_events(s);
}

static ssize_t write_some(const struct ttrpc_stream *s)
{
	const uint8_t *p = s->out.p + s->out_at;

	if (s->c.virtio_port)
		return write(s->fd, p, queued(s));
	return send(s->fd, p, queued(s), MSG_NOSIGNAL);
}

static void flush(struct ttrpc_stream *s)
{
	ssize_t n = 0;

	while (queued(s) > 0 && (n = write_some(s)) > 0)
		s->out_at += (size_t)n;
	if (n < 0 && errno != EAGAIN && errno != EINTR && !s->c.virtio_port)
		ttrpc_stream_break(s);
	if (queued(s) == 0) {
		s->out_at = 0;
		if (s->out.size > BUFFER_KEPT_MAX)
			buf_done(&s->out);
		else
			buf_clear(&s->out);
	}
}

/* What the peer takes at once is not copied. Bytes of `head` and `payload` that it took; whatever
 * is wrong shows again when the rest is flushed. A port takes 32 KiB a call. */
static size_t write_now(const struct ttrpc_stream *s, struct bytes head, struct bytes payload)
{
	struct iovec v[] = {
		{ .iov_base = (void *)(uintptr_t)head.p, .iov_len = head.n },
		{ .iov_base = (void *)(uintptr_t)payload.p, .iov_len = payload.n },
	};
	const struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
	size_t sent = 0;
	ssize_t n;

	if (payload.n < DIRECT_MIN)
		return 0;
	n = s->c.virtio_port ? writev(s->fd, v, 2) : sendmsg(s->fd, &m, MSG_NOSIGNAL);
	while (n > 0) {
		sent += (size_t)n;
		if (!s->c.virtio_port || sent < head.n || sent == head.n + payload.n)
			break;
		n = write(s->fd, payload.p + (sent - head.n), payload.n - (sent - head.n));
	}
	return sent;
}

/* What is left of two parts after `sent` bytes. */
static RESULT queue_rest(
	struct ttrpc_stream *s, struct bytes head, struct bytes payload, size_t sent)
{
	size_t of_head = sent < head.n ? sent : head.n;
	struct bytes rest = bytes_of(payload.p + (sent - of_head), payload.n - (sent - of_head));
	size_t n = head.n - of_head + rest.n;
	uint8_t *to;

	if (n == 0)
		return OK;
	to = buf_grow(&s->out, n);
	if (!to) {
		s->out.bad = ERR_OK; /* what waits is whole frames and stays */
		return err_new(ERR_NOMEM, "ttrpc output");
	}
	memcpy(to, head.p + of_head, head.n - of_head);
	if (rest.n > 0)
		memcpy(to + head.n - of_head, rest.p, rest.n);
	return OK;
}

static RESULT check_send(const struct ttrpc_stream *s, size_t n)
{
	if (s->broken || s->dead || !s->source)
		return err_new(ERR_PEER, "connection closed");
	if (n > TTRPC_MESSAGE_MAX)
		return err_new(ERR_LIMIT, "message of more than %d bytes", TTRPC_MESSAGE_MAX);
	if (queued(s) + TTRPC_HEADER_SIZE + n > TTRPC_OUT_MAX)
		return err_new(ERR_LIMIT, "the peer does not read: %zu bytes wait", queued(s));
	return OK;
}

RESULT ttrpc_stream_send_parts(
	struct ttrpc_stream *s, struct ttrpc_header h, struct bytes first, struct bytes payload)
{
	AUTO(buf_done) struct buf head = BUF_INIT(TTRPC_HEADER_SIZE + TTRPC_FIRST_MAX);
	size_t before = queued(s), sent = 0;
	struct err e;

	TRY(check_send(s, first.n + payload.n));
	if (s->out_at > s->out.n / 2) {
		buf_consume(&s->out, s->out_at);
		s->out_at = 0;
	}
	h.length = (uint32_t)(first.n + payload.n);
	ttrpc_header_write(&h, &head);
	buf_put(&head, first);
	TRY(buf_end(&head, "ttrpc header"));
	if (before == 0)
		sent = write_now(s, buf_bytes(&head), payload);
	e = queue_rest(s, buf_bytes(&head), payload, sent);
	/* Half a frame cannot be taken back. */
	if (failed(e) && sent > 0)
		ttrpc_stream_break(s);
	TRY(e);
	if (before == 0)
		flush(s);
	set_congested(s);
	update_events(s);
	return OK;
}

RESULT ttrpc_stream_send(struct ttrpc_stream *s, struct ttrpc_header h, struct bytes payload)
{
	return ttrpc_stream_send_parts(s, h, BYTES_NONE, payload);
}

void ttrpc_stream_pause(struct ttrpc_stream *s, bool paused)
{
	s->paused = paused;
	/* Frames that were received before the pause are handled from the loop. */
	s->kick = !paused && s->in.n > 0;
	update_events(s);
}

bool ttrpc_stream_is_congested(const struct ttrpc_stream *s)
{
	return s->congested;
}

static void skip_input(struct ttrpc_stream *s)
{
	size_t have = s->in.n - s->in_at;
	size_t n = have < s->skip ? have : s->skip;

	s->in_at += n;
	s->skip -= n;
}

/* The frame is moved out of the input buffer: a callback may pump the loop, which reads more. */
static bool take_frame(struct ttrpc_stream *s, struct ttrpc_frame *f, struct buf *data)
{
	struct ttrpc_header h;

	skip_input(s);
	if (s->in.n - s->in_at < TTRPC_HEADER_SIZE)
		return false;
	h = ttrpc_header_parse(s->in.p + s->in_at);
	*f = (struct ttrpc_frame){ .stream = h.stream, .type = h.type, .flags = h.flags };
	if (h.length > TTRPC_MESSAGE_MAX) {
		f->oversize = true;
		s->skip = h.length;
		s->in_at += TTRPC_HEADER_SIZE;
		return true;
	}
	if (s->in.n - s->in_at < TTRPC_HEADER_SIZE + (size_t)h.length)
		return false;
	buf_put(data, bytes_of(s->in.p + s->in_at + TTRPC_HEADER_SIZE, h.length));
	if (data->bad)
		return false;
	f->data = buf_bytes(data);
	s->in_at += TTRPC_HEADER_SIZE + h.length;
	return true;
}

static void compact_input(struct ttrpc_stream *s)
{
	if (s->in_at == s->in.n && s->in.size > BUFFER_KEPT_MAX)
		buf_done(&s->in);
	else
		buf_consume(&s->in, s->in_at);
	s->in_at = 0;
}

static void dispatch(struct ttrpc_stream *s)
{
	while (!s->dead && may_read(s)) {
		AUTO(buf_done) struct buf data = BUF_INIT(TTRPC_MESSAGE_MAX);
		struct ttrpc_frame f;

		if (!take_frame(s, &f, &data))
			break;
		s->c.frame(s->c.arg, &f);
		if (!s->dead)
			set_congested(s);
	}
	if (!s->dead)
		compact_input(s);
}

static void read_some(struct ttrpc_stream *s)
{
	uint8_t *to;
	ssize_t n;

	compact_input(s);
	to = buf_grow(&s->in, READ_SIZE);
	if (!to) {
		buf_clear(&s->in);
		peer_gone(s);
		return;
	}
	n = read(s->fd, to, READ_SIZE);
	s->in.n -= READ_SIZE - (n > 0 ? (size_t)n : 0);
	if (n > 0)
		dispatch(s);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		peer_gone(s);
}

static void on_event(void *arg, int fd, unsigned events)
{
	struct ttrpc_stream *s = arg;

	(void)fd;
	s->busy++;
	s->kick = false;
	if (events & EPOLLOUT) {
		flush(s);
		set_congested(s);
	}
	/* What had been received before the peer stopped reading */
	if (!s->dead && s->in.n > 0)
		dispatch(s);
	if (!s->dead && s->source && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		read_some(s);
	if (!s->dead)
		update_events(s);
	leave(s);
}

static RESULT set_up(struct ttrpc_stream *s)
{
	int flags = fcntl(s->fd, F_GETFL);

	if (flags < 0 || fcntl(s->fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return err_new(ERR_SYS, "ttrpc stream");
	if (s->c.virtio_port && !port_has_host(s))
		return wait_for_host(s);
	return watch(s);
}

RESULT ttrpc_stream_new(const struct ttrpc_stream_config *c, struct ttrpc_stream **ret_stream)
{
	AUTO(auto_close) int fd = c->fd;
	AUTO(ttrpc_stream_freep) struct ttrpc_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return err_new(ERR_NOMEM, "ttrpc stream");
	s->c = *c;
	s->fd = TAKE_FD(fd);
	s->in = BUF_INIT(TTRPC_HEADER_SIZE + TTRPC_MESSAGE_MAX + READ_SIZE);
	s->out = BUF_INIT(OUT_BUFFER_MAX);
	TRY(set_up(s));
	*ret_stream = TAKE(s);
	return OK;
}
