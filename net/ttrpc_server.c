#include "acceptor.h"
#include "deadline.h"
#include "ttrpc_status.h"
#include "ttrpc_stream.h"

#include <stdio.h>
#include <ttrpc.pb-c.h>

#include <base/clock.h>
#include <net/pb.h>
#include <net/ttrpc.h>
#include <sys/queue.h>

enum {
	ACCEPTORS_MAX = 4
};

LIST_HEAD(call_list, ttrpc_call);
LIST_HEAD(connection_list, connection);

struct ttrpc_call {
	LIST_ENTRY(ttrpc_call) link;   /* in its connection, or in the server's orphans */
	struct ttrpc_server *server;   /* NULL when freed */
	struct connection *connection; /* NULL when gone or answered for the handler */
	uint32_t stream;
	uint64_t due; /* CLOCK_MONOTONIC ms, 0: never */
};

struct connection {
	LIST_ENTRY(connection) link;
	struct ttrpc_server *server;
	struct ttrpc_stream *stream;
	struct call_list calls;
	size_t n_calls;
	struct deadline deadline;
	bool virtio_port;
};

struct ttrpc_server {
	struct ttrpc_server_config c;
	struct loop *loop;
	struct acceptor *acceptors[ACCEPTORS_MAX];
	size_t n_acceptors;
	struct connection_list connections;
	size_t n_connections, n_calls;
	struct call_list orphans;
};

RESULT ttrpc_server_new(
	struct loop *l, const struct ttrpc_server_config *c, struct ttrpc_server **ret_server)
{
	struct ttrpc_server *s = calloc(1, sizeof(*s));

	if (!s)
		return err_new(ERR_NOMEM, "ttrpc server");
	s->c = *c;
	if (s->c.unknown_method == TTRPC_OK)
		s->c.unknown_method = TTRPC_NOT_FOUND;
	s->loop = l;
	LIST_INIT(&s->connections);
	LIST_INIT(&s->orphans);
	*ret_server = s;
	return OK;
}

static void orphan(struct ttrpc_call *call)
{
	struct ttrpc_server *s = call->server;

	call->connection->n_calls--;
	call->connection = NULL;
	call->due = 0;
	LIST_REMOVE(call, link);
	LIST_INSERT_HEAD(&s->orphans, call, link);
}

static void orphan_all(struct connection *conn)
{
	struct ttrpc_call *call;

	while ((call = LIST_FIRST(&conn->calls)) != NULL)
		orphan(call);
}

static void connection_free(struct connection *conn)
{
	orphan_all(conn);
	deadline_done(&conn->deadline);
	ttrpc_stream_free(conn->stream);
	LIST_REMOVE(conn, link);
	conn->server->n_connections--;
	free(conn);
}

void ttrpc_server_free(struct ttrpc_server *s)
{
	struct connection *conn;
	struct ttrpc_call *call;

	if (!s)
		return;
	for (size_t i = 0; i < s->n_acceptors; i++)
		acceptor_free(s->acceptors[i]);
	while ((conn = LIST_FIRST(&s->connections)) != NULL)
		connection_free(conn);
	while ((call = LIST_FIRST(&s->orphans)) != NULL) {
		LIST_REMOVE(call, link);
		call->server = NULL;
	}
	free(s);
}

void ttrpc_server_freep(struct ttrpc_server **s)
{
	ttrpc_server_free(*s);
}

/* ---- answers ---- */

static void send_response(struct connection *conn, uint32_t stream, struct bytes response)
{
	const struct ttrpc_header h = { .stream = stream, .type = TTRPC_TYPE_RESPONSE };

	/* A peer that lets 32 MiB of answers pile up is not worth more memory. */
	if (failed(ttrpc_stream_send(conn->stream, h, response)))
		ttrpc_stream_break(conn->stream);
}

static void send_failure(
	struct connection *conn, uint32_t stream, enum ttrpc_code code, const char *message)
{
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);

	if (!failed(ttrpc_response_failure(code, message, NULL, &out)))
		send_response(conn, stream, buf_bytes(&out));
}

static void release(struct ttrpc_call *call)
{
	if (call->server) {
		call->server->n_calls--;
		LIST_REMOVE(call, link);
	}
	if (call->connection)
		call->connection->n_calls--;
	free(call);
}

void ttrpc_fail_as(struct ttrpc_call *call, enum ttrpc_code code, const char *message)
{
	if (call->connection)
		send_failure(call->connection, call->stream, code, message);
	release(call);
}

void ttrpc_fail(struct ttrpc_call *call, struct err e)
{
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);

	if (call->connection &&
		!failed(ttrpc_response_failure(ttrpc_code_of(e), err_text(), err_denial(), &out)))
		send_response(call->connection, call->stream, buf_bytes(&out));
	release(call);
}

void ttrpc_answer(struct ttrpc_call *call, struct bytes payload)
{
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);
	struct err e;

	if (!call->connection) {
		release(call);
		return;
	}
	e = ttrpc_response_ok(payload, &out);
	if (failed(e)) {
		ttrpc_fail(call, err_add(e, "answer"));
		return;
	}
	send_response(call->connection, call->stream, buf_bytes(&out));
	release(call);
}

/* protobuf's base 128, least significant group first */
static void put_varint(struct buf *out, size_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_u8(out, (uint8_t)(v | 0x80));
	buf_u8(out, (uint8_t)v);
}

enum {
	WIRE_BYTES = 2,
	RESPONSE_PAYLOAD = 2 /* field of ttrpc.Response */
};

void ttrpc_answer_field(struct ttrpc_call *call, unsigned field, struct bytes data)
{
	AUTO(buf_done) struct buf inner = BUF_INIT(TTRPC_FIRST_MAX / 2);
	AUTO(buf_done) struct buf first = BUF_INIT(TTRPC_FIRST_MAX);
	const struct ttrpc_header h = { .stream = call->stream, .type = TTRPC_TYPE_RESPONSE };

	if (!call->connection || data.n == 0) {
		ttrpc_answer(call, BYTES_NONE);
		return;
	}
	buf_u8(&inner, (uint8_t)(field << 3 | WIRE_BYTES));
	put_varint(&inner, data.n);
	buf_u8(&first, RESPONSE_PAYLOAD << 3 | WIRE_BYTES);
	put_varint(&first, inner.n + data.n);
	buf_put(&first, buf_bytes(&inner));
	if (failed(buf_end(&first, "answer")) ||
		failed(ttrpc_stream_send_parts(
			call->connection->stream, h, buf_bytes(&first), data)))
		ttrpc_stream_break(call->connection->stream);
	release(call);
}

int64_t ttrpc_call_timeout_ms(const struct ttrpc_call *call)
{
	uint64_t now = clock_monotonic_ms();

	if (!call->connection)
		return 0;
	if (call->due == 0)
		return -1;
	return call->due > now ? (int64_t)(call->due - now) : 0;
}

static uint64_t on_deadline(void *arg, uint64_t now)
{
	struct connection *conn = arg;
	struct ttrpc_call *call, *next;
	uint64_t earliest = 0;

	for (call = LIST_FIRST(&conn->calls); call; call = next) {
		next = LIST_NEXT(call, link);
		if (call->due == 0)
			continue;
		if (call->due <= now) {
			send_failure(
				conn, call->stream, TTRPC_DEADLINE_EXCEEDED, "deadline exceeded");
			orphan(call);
		} else if (earliest == 0 || call->due < earliest) {
			earliest = call->due;
		}
	}
	return earliest;
}

/* ---- requests ---- */

static bool stream_in_use(const struct connection *conn, uint32_t stream)
{
	const struct ttrpc_call *call;

	LIST_FOREACH(call, &conn->calls, link)
	{
		if (call->stream == stream)
			return true;
	}
	return false;
}

/* Why a frame is no acceptable request, or NULL. */
static const char *frame_fault(
	const struct connection *conn, const struct ttrpc_frame *f, enum ttrpc_code *ret_code)
{
	*ret_code = TTRPC_INVALID_ARGUMENT;
	if (f->type != TTRPC_TYPE_REQUEST)
		return "not a request";
	if (f->oversize)
		return "message of more than 4194304 bytes";
	if (f->stream % 2 == 0)
		return "stream id is even";
	if (stream_in_use(conn, f->stream))
		return "stream id is in use";
	*ret_code = TTRPC_RESOURCE_EXHAUSTED;
	if (conn->n_calls >= TTRPC_STREAMS_MAX || conn->server->n_calls >= TTRPC_CALLS_MAX)
		return "too many unanswered calls";
	return NULL;
}

static const struct ttrpc_method *find_method(const struct ttrpc_server *s, const Ttrpc__Request *r)
{
	for (size_t i = 0; i < s->c.n_methods; i++) {
		const struct ttrpc_method *m = &s->c.methods[i];

		if (strcmp(m->method, r->method) == 0 && strcmp(m->service, r->service) == 0)
			return m;
	}
	return NULL;
}

static void refuse_method(struct connection *conn, uint32_t stream, const Ttrpc__Request *r)
{
	char text[ERR_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "/%s/%s is not supported", r->service, r->method);
	send_failure(conn, stream, conn->server->c.unknown_method, text);
}

static RESULT call_new(
	struct connection *conn, uint32_t stream, int64_t timeout_nano, struct ttrpc_call **ret)
{
	struct ttrpc_call *call = calloc(1, sizeof(*call));

	if (!call)
		return err_new(ERR_NOMEM, "call");
	call->server = conn->server;
	call->connection = conn;
	call->stream = stream;
	if (timeout_nano > 0)
		call->due = clock_monotonic_ms() + (uint64_t)timeout_nano / 1000000 + 1;
	conn->n_calls++;
	conn->server->n_calls++;
	LIST_INSERT_HEAD(&conn->calls, call, link);
	*ret = call;
	return OK;
}

static void serve(struct connection *conn, const struct ttrpc_frame *f, const Ttrpc__Request *r)
{
	struct ttrpc_server *s = conn->server;
	const struct ttrpc_method *m = find_method(s, r);
	struct bytes payload = bytes_of(r->payload.data, r->payload.len);
	struct ttrpc_call *call = NULL;
	struct err e = OK;

	if (!m) {
		refuse_method(conn, f->stream, r);
		return;
	}
	if (failed(call_new(conn, f->stream, r->timeout_nano, &call))) {
		send_failure(conn, f->stream, TTRPC_RESOURCE_EXHAUSTED, err_text());
		return;
	}
	if (call->due > 0)
		e = deadline_need(&conn->deadline, call->due);
	if (!failed(e) && s->c.check)
		e = s->c.check(s->c.arg, m, payload);
	/* From here on the connection and the server may be gone when a function returns. */
	if (failed(e))
		ttrpc_fail(call, e);
	else
		m->handle(s->c.arg, call, payload);
}

static void on_frame(void *arg, const struct ttrpc_frame *f)
{
	AUTO(pb_free_any) Ttrpc__Request *r = NULL;
	struct connection *conn = arg;
	enum ttrpc_code code;
	const char *fault;

	/* Answering an answer could go on for ever between two servers. */
	if (f->type == TTRPC_TYPE_RESPONSE)
		return;
	fault = frame_fault(conn, f, &code);
	if (fault) {
		send_failure(conn, f->stream, code, fault);
		return;
	}
	if (failed(PB_UNPACK(ttrpc__request, f->data, &r))) {
		send_failure(conn, f->stream, TTRPC_INVALID_ARGUMENT, err_text());
		return;
	}
	serve(conn, f, r);
}

static void on_closed(void *arg)
{
	struct connection *conn = arg;
	const struct ttrpc_server_config c = conn->server->c;

	if (conn->virtio_port) {
		orphan_all(conn);
		deadline_done(&conn->deadline);
	} else {
		connection_free(conn);
	}
	if (c.closed)
		c.closed(c.arg);
}

/* ---- connections ---- */

RESULT ttrpc_server_add(struct ttrpc_server *s, int fd, bool virtio_port)
{
	struct connection *conn = calloc(1, sizeof(*conn));

	if (!conn) {
		auto_close(&fd);
		return err_new(ERR_NOMEM, "ttrpc connection");
	}
	*conn = (struct connection){
		.server = s,
		.virtio_port = virtio_port,
		.deadline = { .loop = s->loop, .fn = on_deadline, .arg = conn },
	};
	LIST_INIT(&conn->calls);
	struct err e = ttrpc_stream_new(
		&(struct ttrpc_stream_config){
			.loop = s->loop,
			.fd = fd,
			.virtio_port = virtio_port,
			.frame = on_frame,
			.closed = on_closed,
			.arg = conn,
		},
		&conn->stream);

	if (failed(e)) {
		free(conn);
		return e;
	}
	LIST_INSERT_HEAD(&s->connections, conn, link);
	s->n_connections++;
	return OK;
}

static void on_accept(void *arg, int fd)
{
	struct ttrpc_server *s = arg;

	if (s->n_connections >= TTRPC_CONNECTIONS_MAX) {
		auto_close(&fd);
		return;
	}
	/* The peer sees its connection closed; nobody else is concerned. */
	err_ignore(ttrpc_server_add(s, fd, false));
}

RESULT ttrpc_server_listen(struct ttrpc_server *s, int listen_fd)
{
	if (s->n_acceptors == ACCEPTORS_MAX) {
		auto_close(&listen_fd);
		return err_new(ERR_LIMIT, "more than %d listening sockets", ACCEPTORS_MAX);
	}
	TRY(acceptor_new(s->loop, listen_fd, on_accept, s, &s->acceptors[s->n_acceptors]));
	s->n_acceptors++;
	return OK;
}
