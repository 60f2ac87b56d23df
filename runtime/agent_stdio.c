#include "agent_internal.h"

#include <agent.pb-c.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>

#include <base/clock.h>
#include <base/file.h>

enum {
	OUTPUT_CHUNK = 256 * 1024, /* one read of the guest's */
	INPUT_CHUNK = 64 * 1024,   /* one write: what a pipe holds */
	KEPT_MAX = 64 * 1024,	   /* an empty buffer that is larger is released */
	ROUND_MS = 50
};

/* While one chunk is written here, the next is already asked for. */
struct output {
	struct agent_stdio *stdio;
	const char *method;
	int fd;
	bool whole_writes; /* the descriptor does not block by itself */
	bool reading;	   /* a call is under way */
	bool end_seen, ended;
	struct buf pending; /* read from the guest, not yet written here: below two chunks */
	struct loop_source *writable;
};

/* Shared with the calls under way: freed when the owner and the last answer are done with it. */
struct agent_stdio {
	struct agent_client *agent;
	char *container_id, *exec_id;
	unsigned users;
	bool closed; /* by the owner */
	struct output out, err;
	uint64_t written;
	void (*ended)(void *arg);
	void *ended_arg;
	int stdin_fd;
	bool stdin_ended;
	bool stdin_closing; /* after what is there now */
	void (*closed_fn)(void *arg);
	void *closed_arg;
	struct loop_source *readable;
	struct buf input; /* read here, not yet taken by the guest */
	char *stdin_failure;
};

static void release(struct agent_stdio *s)
{
	if (--s->users > 0)
		return;
	buf_done(&s->out.pending);
	buf_done(&s->err.pending);
	buf_done(&s->input);
	free(s->container_id);
	free(s->exec_id);
	free(s->stdin_failure);
	free(s);
}

static void unwatch(struct loop_source **source)
{
	loop_remove(*source);
	*source = NULL;
}

/* ---- output ---- */

static void read_more(struct output *o);

/* A pipe that polls writable takes PIPE_BUF bytes without blocking. */
static size_t writable_bytes(const struct output *o, size_t n)
{
	struct pollfd p = { .fd = o->fd, .events = POLLOUT };

	if (o->whole_writes)
		return n;
	if (poll(&p, 1, 0) <= 0 || !(p.revents & (POLLOUT | POLLERR | POLLHUP)))
		return 0;
	return n < PIPE_BUF ? n : PIPE_BUF;
}

/* Writes without ever blocking the loop; returns how much. Without anybody who reads any more it is
 * thrown away. */
static size_t write_now(struct output *o, struct bytes data)
{
	size_t done = 0;

	while (done < data.n && o->fd >= 0) {
		size_t want = writable_bytes(o, data.n - done);
		ssize_t n = want > 0 ? write(o->fd, data.p + done, want) : -1;

		if (want == 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
			break;
		if (n < 0)
			o->fd = -1;
		else
			done += (size_t)n;
	}
	o->stdio->written += done;
	return o->fd < 0 ? data.n : done;
}

static void forget(struct buf *b)
{
	if (b->size > KEPT_MAX)
		buf_done(b);
	else
		buf_clear(b);
}

/* True when nothing is left to write. */
static bool write_pending(struct output *o)
{
	size_t n = write_now(o, buf_bytes(&o->pending));

	if (n < o->pending.n) {
		buf_consume(&o->pending, n);
		return false;
	}
	forget(&o->pending);
	return true;
}

static void end_output(struct output *o)
{
	struct agent_stdio *s = o->stdio;

	o->ended = true;
	unwatch(&o->writable);
	if (s->out.ended && s->err.ended && s->ended && !s->closed) {
		void (*fn)(void *arg) = s->ended;

		s->ended = NULL;
		fn(s->ended_arg);
	}
}

static void on_writable(void *arg, int fd, unsigned events);

static void watch_writable(struct output *o)
{
	if (o->writable || o->ended)
		return;
	if (failed(loop_add_fd(
		    agent_loop(o->stdio->agent), o->fd, EPOLLOUT, on_writable, o, &o->writable))) {
		/* Not pollable, so it does not block either. */
		err_ignore(fd_write_all(o->fd, buf_bytes(&o->pending)));
		forget(&o->pending);
	}
}

/* After anything changed: write, ask for more, end. The owner may be gone when it returns. */
static void step(struct output *o)
{
	if (o->ended)
		return;
	if (o->pending.n > 0 && !write_pending(o))
		watch_writable(o);
	if (o->pending.n == 0)
		unwatch(&o->writable);
	if (o->end_seen && o->pending.n == 0)
		end_output(o);
	else
		read_more(o);
}

static void on_writable(void *arg, int fd, unsigned events)
{
	struct output *o = arg;
	struct agent_stdio *s = o->stdio;

	(void)fd;
	(void)events;
	s->users++;
	step(o);
	release(s);
}

static RESULT take_output(struct output *o, struct bytes payload)
{
	AUTO(pb_freep) ProtobufCMessage *answer = NULL;
	struct bytes data;
	size_t n = 0;

	TRY(pb_unpack(&agent__read_stream_response__descriptor, payload, &answer));
	const Agent__ReadStreamResponse *r = (const void *)answer;
	if (r->data.len > OUTPUT_CHUNK)
		return err_new(ERR_PEER, "the guest sent %zu bytes, asked for %d", r->data.len,
			(int)OUTPUT_CHUNK);
	data = bytes_of(r->data.data, r->data.len);
	o->end_seen = data.n == 0;
	if (o->pending.n == 0)
		n = write_now(o, data);
	buf_put(&o->pending, bytes_of(data.p + n, data.n - n));
	return buf_end(&o->pending, "output");
}

static void on_output(void *arg, struct err e, struct bytes payload)
{
	struct output *o = arg;
	struct agent_stdio *s = o->stdio;

	o->reading = false;
	if (s->closed || failed(e) || failed(take_output(o, payload)))
		o->end_seen = true;
	if (!s->closed)
		step(o);
	release(s);
}

static void read_more(struct output *o)
{
	struct agent_stdio *s = o->stdio;
	Agent__ReadStreamRequest request = AGENT__READ_STREAM_REQUEST__INIT;
	struct agent_call c = {
		.service = AGENT_SERVICE, .method = o->method, .request = &request.base
	};

	if (o->reading || o->end_seen || o->pending.n >= OUTPUT_CHUNK)
		return;
	request.container_id = s->container_id;
	request.exec_id = s->exec_id;
	request.len = OUTPUT_CHUNK;
	s->users++;
	o->reading = true;
	if (!failed(agent_call_start(s->agent, &c, on_output, o)))
		return;
	o->reading = false;
	o->end_seen = true;
	step(o);
	release(s);
}

/* ---- input ---- */

static void send_input(struct agent_stdio *s);
static void next_input(struct agent_stdio *s);

static void tell_closed(struct agent_stdio *s)
{
	void (*fn)(void *arg) = s->closed_fn;

	s->stdin_ended = true;
	s->closed_fn = NULL;
	if (fn)
		fn(s->closed_arg);
}

static void on_closed(void *arg, struct err e, struct bytes payload)
{
	(void)e;
	(void)payload;
	tell_closed(arg);
	release(arg);
}

static void close_stdin(struct agent_stdio *s)
{
	Agent__CloseStdinRequest request = AGENT__CLOSE_STDIN_REQUEST__INIT;
	struct agent_call c = {
		.service = AGENT_SERVICE, .method = "CloseStdin", .request = &request.base
	};

	s->stdin_ended = true;
	unwatch(&s->readable);
	request.container_id = s->container_id;
	request.exec_id = s->exec_id;
	s->users++;
	if (!failed(agent_call_start(s->agent, &c, on_closed, s)))
		return;
	tell_closed(s);
	release(s);
}

static RESULT take_written(struct agent_stdio *s, struct bytes payload)
{
	AUTO(pb_freep) ProtobufCMessage *answer = NULL;

	TRY(pb_unpack(&agent__write_stream_response__descriptor, payload, &answer));
	uint32_t n = ((const Agent__WriteStreamResponse *)(const void *)answer)->len;
	if (n == 0 || n > s->input.n)
		return err_new(ERR_PEER, "the guest took %u of %zu bytes", n, s->input.n);
	buf_consume(&s->input, n);
	return OK;
}

static void on_input_taken(void *arg, struct err e, struct bytes payload)
{
	struct agent_stdio *s = arg;

	if (!failed(e))
		e = take_written(s, payload);
	if (failed(e) && !s->stdin_failure) {
		err_ignore(str_dup(err_text(), &s->stdin_failure)); /* told, not acted on */
		tell_closed(s);
	} else if (!failed(e) && !s->closed) {
		next_input(s);
	}
	release(s);
}

static void send_input(struct agent_stdio *s)
{
	Agent__WriteStreamRequest request = AGENT__WRITE_STREAM_REQUEST__INIT;
	struct agent_call c = {
		.service = AGENT_SERVICE, .method = "WriteStdin", .request = &request.base
	};

	request.container_id = s->container_id;
	request.exec_id = s->exec_id;
	request.data.data = s->input.p;
	request.data.len = s->input.n;
	s->users++;
	if (failed(agent_call_start(s->agent, &c, on_input_taken, s))) {
		tell_closed(s);
		release(s);
	}
}

/* What the descriptor has now; false when it would block. */
static bool read_input(struct agent_stdio *s)
{
	uint8_t *to;
	ssize_t n;

	buf_clear(&s->input);
	to = buf_grow(&s->input, INPUT_CHUNK);
	n = to ? read(s->stdin_fd, to, INPUT_CHUNK) : 0;
	s->input.n = n > 0 ? (size_t)n : 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR) && !s->stdin_closing)
		return false;
	if (n <= 0) {
		close_stdin(s);
		return true;
	}
	send_input(s);
	return true;
}

static void on_readable(void *arg, int fd, unsigned events)
{
	struct agent_stdio *s = arg;

	(void)fd;
	(void)events;
	if (read_input(s))
		unwatch(&s->readable);
}

static void next_input(struct agent_stdio *s)
{
	if (s->input.n > 0) {
		send_input(s);
		return;
	}
	if (s->stdin_closing) {
		(void)read_input(s);
		return;
	}
	/* Files and /dev/null cannot be polled: they never block. */
	if (failed(loop_add_fd(
		    agent_loop(s->agent), s->stdin_fd, EPOLLIN, on_readable, s, &s->readable)))
		(void)read_input(s);
}

/* ---- life ---- */

static struct output new_output(struct agent_stdio *s, const char *method, int fd)
{
	int flags = fd >= 0 ? fcntl(fd, F_GETFL) : -1;

	return (struct output){ .stdio = s,
		.method = method,
		.fd = fd,
		.whole_writes = flags >= 0 && (flags & O_NONBLOCK),
		.pending = BUF_INIT(2 * OUTPUT_CHUNK) };
}

static struct agent_stdio *new_stdio(struct agent_client *a, const struct agent_stdio_config *c)
{
	struct agent_stdio *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->agent = a;
	s->users = 1;
	s->ended = c->ended;
	s->ended_arg = c->arg;
	s->stdin_fd = c->stdin_fd;
	s->input = BUF_INIT(INPUT_CHUNK);
	s->out = new_output(s, "ReadStdout", c->stdout_fd);
	s->err = new_output(s, "ReadStderr", c->stderr_fd);
	s->err.ended = c->terminal;
	return s;
}

void agent_stdio_freep(struct agent_stdio **stdio)
{
	struct agent_stdio *s = *stdio;

	*stdio = NULL;
	if (!s)
		return;
	s->closed = true;
	unwatch(&s->readable);
	unwatch(&s->out.writable);
	unwatch(&s->err.writable);
	tell_closed(s);
	release(s);
}

RESULT agent_stdio_new(
	struct agent_client *a, const struct agent_stdio_config *c, struct agent_stdio **ret_stdio)
{
	AUTO(agent_stdio_freep) struct agent_stdio *s = new_stdio(a, c);

	if (!s)
		return err_new(ERR_NOMEM, "standard input and output");
	TRY(str_dup(c->container_id, &s->container_id));
	TRY(str_dup(c->exec_id, &s->exec_id));
	read_more(&s->out);
	if (!c->terminal)
		read_more(&s->err);
	if (s->stdin_fd < 0)
		close_stdin(s);
	else
		next_input(s);
	*ret_stdio = TAKE(s);
	return OK;
}

void agent_stdio_close_stdin(struct agent_stdio *s, void (*fn)(void *arg), void *arg)
{
	s->closed_fn = fn;
	s->closed_arg = arg;
	if (s->stdin_ended) {
		tell_closed(s);
		return;
	}
	s->stdin_closing = true;
	/* Else a write is under way; its answer goes on. */
	if (s->readable) {
		unwatch(&s->readable);
		next_input(s);
	}
}

bool agent_stdio_has_ended(const struct agent_stdio *s)
{
	return s->out.ended && s->err.ended;
}

uint64_t agent_stdio_written(const struct agent_stdio *s)
{
	return s->written;
}

void agent_stdio_drain(struct agent_stdio *s, uint64_t timeout_ms)
{
	uint64_t end = clock_monotonic_ms() + timeout_ms;

	while (!agent_stdio_has_ended(s) && clock_monotonic_ms() < end) {
		if (failed(loop_once(agent_loop(s->agent), ROUND_MS)))
			return;
	}
}

const char *agent_stdio_stdin_failure(const struct agent_stdio *s)
{
	return s->stdin_failure;
}
