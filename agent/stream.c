#include "stream.h"

#include "reply.h"

#include <agent.pb-c.h>
#include <errno.h>
#include <unistd.h>

#include <policy/agent_limits.h>

enum {
	READ_STREAM_DATA = 1 /* field of ReadStreamResponse */
};

static void on_readable(void *arg, int fd, unsigned events);

static void answer_data(struct stream_out *s, struct bytes data)
{
	struct ttrpc_call *call = TAKE(s->waiting);

	loop_remove(TAKE(s->source));
	ttrpc_answer_field(call, READ_STREAM_DATA, data);
}

static void end(struct stream_out *s)
{
	s->ended = true;
	loop_remove(TAKE(s->source));
	if (s->fd >= 0)
		(void)close(TAKE_FD(s->fd));
	if (s->waiting)
		answer_data(s, BYTES_NONE);
}

static RESULT wait_readable(struct stream_out *s)
{
	if (s->source)
		return OK;
	return loop_add_fd(s->loop, s->fd, EPOLLIN, on_readable, s, &s->source);
}

static void pump(struct stream_out *s)
{
	/* One thread, one answer at a time. New memory for each would be mapped, cleared and
	 * unmapped again. */
	static uint8_t data[AGENT_READ_MAX];
	ssize_t n = read(s->fd, data, s->want);
	struct err e;

	if (n > 0) {
		answer_data(s, bytes_of(data, (size_t)n));
		return;
	}
	/* A terminal whose other side is closed reads as EIO. */
	if (n == 0 || (errno != EAGAIN && errno != EINTR) || s->last) {
		end(s);
		return;
	}
	if (failed(e = wait_readable(s)))
		ttrpc_fail(TAKE(s->waiting), e);
}

/* Whoever asked has left: what the process writes is for the one who asks next. */
static bool is_abandoned(const struct ttrpc_call *call)
{
	return ttrpc_call_timeout_ms(call) == 0;
}

static void drop_abandoned(struct stream_out *s)
{
	if (!s->waiting || !is_abandoned(s->waiting))
		return;
	loop_remove(TAKE(s->source));
	reply_empty(TAKE(s->waiting));
}

static void on_readable(void *arg, int fd, unsigned events)
{
	struct stream_out *s = arg;

	(void)fd;
	(void)events;
	drop_abandoned(s);
	if (s->waiting)
		pump(s);
}

void stream_read(struct stream_out *s, struct ttrpc_call *call, uint32_t want)
{
	drop_abandoned(s);
	if (s->waiting) {
		ttrpc_fail(call, err_new(ERR_STATE, "another read of this stream is waiting"));
		return;
	}
	s->waiting = call;
	s->want = want == 0 || want > AGENT_READ_MAX ? AGENT_READ_MAX : want;
	if (s->fd < 0)
		end(s);
	else
		pump(s);
}

void stream_last(struct stream_out *s)
{
	s->last = true;
	drop_abandoned(s);
	if (s->waiting && s->fd >= 0)
		pump(s);
}

void stream_out_done(struct stream_out *s)
{
	end(s);
}

static void stop_writing(struct stream_in *s)
{
	loop_remove(TAKE(s->source));
	buf_done(&s->left);
}

static void close_now(struct stream_in *s)
{
	stop_writing(s);
	if (s->fd >= 0)
		(void)close(TAKE_FD(s->fd));
}

static void written(struct stream_in *s)
{
	Agent__WriteStreamResponse msg = AGENT__WRITE_STREAM_RESPONSE__INIT;

	msg.len = (uint32_t)s->size;
	stop_writing(s);
	reply(TAKE(s->waiting), &msg.base);
	if (s->close_after)
		close_now(s);
}

static void write_failed(struct stream_in *s, struct err e)
{
	struct ttrpc_call *call = TAKE(s->waiting);

	close_now(s);
	ttrpc_fail(call, e);
}

/* True while there is more to write. */
static bool write_some(struct stream_in *s)
{
	while (s->left.n > 0) {
		ssize_t n = write(s->fd, s->left.p, s->left.n);

		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			write_failed(s, err_new(ERR_SYS, "writing to the process"));
			return false;
		}
		buf_consume(&s->left, (size_t)n);
	}
	written(s);
	return false;
}

static void on_writable(void *arg, int fd, unsigned events)
{
	(void)fd;
	(void)events;
	(void)write_some(arg);
}

void stream_write(struct stream_in *s, struct ttrpc_call *call, struct bytes data)
{
	struct err e;

	if (s->fd < 0 || s->waiting) {
		ttrpc_fail(call, err_new(ERR_STATE, "standard input is %s",
					 s->waiting ? "being written" : "closed"));
		return;
	}
	s->left = BUF_INIT(TTRPC_MESSAGE_MAX);
	buf_put(&s->left, data);
	s->size = data.n;
	if (failed(e = buf_end(&s->left, "input"))) {
		ttrpc_fail(call, e);
		return;
	}
	s->waiting = call;
	if (!write_some(s))
		return;
	if (failed(e = loop_add_fd(s->loop, s->fd, EPOLLOUT, on_writable, s, &s->source)))
		write_failed(s, e);
}

void stream_close(struct stream_in *s)
{
	if (s->waiting)
		s->close_after = true;
	else
		close_now(s);
}

void stream_in_done(struct stream_in *s)
{
	if (s->waiting)
		ttrpc_fail(TAKE(s->waiting), err_new(ERR_NOT_FOUND, "the process is gone"));
	close_now(s);
}
