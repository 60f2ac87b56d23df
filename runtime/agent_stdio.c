#include "agent_internal.h"

#include <agent.pb-c.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>

#include <base/clock.h>
#include <base/file.h>

enum {
	CHUNK = 32 * 1024, /* one read or write call */
	ROUND_MS = 50
};

struct output {
	struct agent_stdio *stdio;
	const char *method;
	int fd;
	bool ended;
	struct buf pending; /* read from the guest, not yet written here */
	struct loop_source *writable;
};

/* Shared with the calls under way: freed when the owner and the last answer are done with it. */
struct agent_stdio {
	struct agent_client *agent;
	char *container_id, *exec_id;
	unsigned users;
	bool closed; /* by the owner */
	struct output out, err;
	int stdin_fd;
	bool stdin_ended;
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

/* Writes without ever blocking the loop: a pipe that polls writable takes PIPE_BUF bytes. */
static bool write_some(struct output *o)
{
	struct pollfd p = { .fd = o->fd, .events = POLLOUT };

	while (o->pending.n > 0) {
		size_t n = o->pending.n < PIPE_BUF ? o->pending.n : PIPE_BUF;

		if (poll(&p, 1, 0) <= 0 || !(p.revents & (POLLOUT | POLLERR | POLLHUP)))
			return false;
		ssize_t done = write(o->fd, o->pending.p, n);
		if (done < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (done < 0)
			o->fd = -1; /* nobody reads any more: the rest is thrown away */
		buf_consume(&o->pending, done < 0 ? o->pending.n : (size_t)done);
	}
	return true;
}

static void on_writable(void *arg, int fd, unsigned events)
{
	struct output *o = arg;

	(void)fd;
	(void)events;
	if (!write_some(o))
		return;
	unwatch(&o->writable);
	read_more(o);
}

static void deliver(struct output *o)
{
	if (o->fd < 0)
		buf_clear(&o->pending);
	if (write_some(o)) {
		read_more(o);
		return;
	}
	if (failed(loop_add_fd(
		    agent_loop(o->stdio->agent), o->fd, EPOLLOUT, on_writable, o, &o->writable))) {
		/* Not pollable, so it does not block either. */
		err_ignore(fd_write_all(o->fd, buf_bytes(&o->pending)));
		buf_clear(&o->pending);
		read_more(o);
	}
}

static RESULT take_output(struct output *o, struct bytes payload)
{
	AUTO(pb_freep) ProtobufCMessage *answer = NULL;

	TRY(pb_unpack(&agent__read_stream_response__descriptor, payload, &answer));
	const Agent__ReadStreamResponse *r = (const void *)answer;
	buf_clear(&o->pending);
	buf_put(&o->pending, bytes_of(r->data.data, r->data.len));
	return buf_end(&o->pending, "output");
}

static void on_output(void *arg, struct err e, struct bytes payload)
{
	struct output *o = arg;
	struct agent_stdio *s = o->stdio;

	if (s->closed || failed(e) || failed(take_output(o, payload)) || o->pending.n == 0)
		o->ended = true;
	else
		deliver(o);
	release(s);
}

static void read_more(struct output *o)
{
	struct agent_stdio *s = o->stdio;
	Agent__ReadStreamRequest request = AGENT__READ_STREAM_REQUEST__INIT;
	struct agent_call c = {
		.service = AGENT_SERVICE, .method = o->method, .request = &request.base
	};

	request.container_id = s->container_id;
	request.exec_id = s->exec_id;
	request.len = CHUNK;
	s->users++;
	if (failed(agent_call_start(s->agent, &c, on_output, o))) {
		o->ended = true;
		release(s);
	}
}

/* ---- input ---- */

static void send_input(struct agent_stdio *s);
static void next_input(struct agent_stdio *s);

static void on_closed(void *arg, struct err e, struct bytes payload)
{
	(void)e;
	(void)payload;
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
	if (failed(agent_call_start(s->agent, &c, on_closed, s)))
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
		s->stdin_ended = true;
		err_ignore(str_dup(err_text(), &s->stdin_failure)); /* told, not acted on */
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
		s->stdin_ended = true;
		release(s);
	}
}

/* What the descriptor has now; false when it would block. */
static bool read_input(struct agent_stdio *s)
{
	uint8_t chunk[CHUNK];
	ssize_t n = read(s->stdin_fd, chunk, sizeof(chunk));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		close_stdin(s);
		return true;
	}
	buf_clear(&s->input);
	buf_put(&s->input, bytes_of(chunk, (size_t)n));
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
	/* Files and /dev/null cannot be polled: they never block. */
	if (failed(loop_add_fd(
		    agent_loop(s->agent), s->stdin_fd, EPOLLIN, on_readable, s, &s->readable)))
		(void)read_input(s);
}

/* ---- life ---- */

static struct agent_stdio *new_stdio(struct agent_client *a, const struct agent_stdio_config *c)
{
	struct agent_stdio *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->agent = a;
	s->users = 1;
	s->stdin_fd = c->stdin_fd;
	s->input = BUF_INIT(CHUNK);
	s->out = (struct output){ .stdio = s,
		.method = "ReadStdout",
		.fd = c->stdout_fd,
		.pending = BUF_INIT(TTRPC_MESSAGE_MAX) };
	s->err = (struct output){ .stdio = s,
		.method = "ReadStderr",
		.fd = c->stderr_fd,
		.pending = BUF_INIT(TTRPC_MESSAGE_MAX) };
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
	read_more(&s->err);
	if (s->stdin_fd < 0)
		close_stdin(s);
	else
		next_input(s);
	*ret_stdio = TAKE(s);
	return OK;
}

void agent_stdio_drain(struct agent_stdio *s, uint64_t timeout_ms)
{
	uint64_t end = clock_monotonic_ms() + timeout_ms;

	while (!(s->out.ended && s->err.ended) && clock_monotonic_ms() < end) {
		if (failed(loop_once(agent_loop(s->agent), ROUND_MS)))
			return;
	}
}

const char *agent_stdio_stdin_failure(const struct agent_stdio *s)
{
	return s->stdin_failure;
}
