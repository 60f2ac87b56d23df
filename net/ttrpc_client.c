#include "ttrpc_client.h"

#include "deadline.h"
#include "ttrpc_status.h"
#include "ttrpc_stream.h"

#include <ttrpc.pb-c.h>

#include <base/clock.h>
#include <net/pb.h>
#include <sys/queue.h>

LIST_HEAD(pending_list, pending);

struct pending {
	LIST_ENTRY(pending) link;
	uint32_t stream;
	uint64_t due;	    /* CLOCK_MONOTONIC ms, 0: never */
	bool raw;	    /* wants the Response, not its payload */
	ttrpc_reply_fn *fn; /* NULL: forgotten */
	void *arg;
};

struct ttrpc_client {
	struct loop *loop;
	struct ttrpc_stream *stream;
	bool gone, freeing;
	uint32_t next_stream;
	struct pending_list pending;
	size_t n_pending;
	struct deadline deadline;
	void (*congested)(void *arg, bool is_congested);
	void *congested_arg;
};

static struct pending *find(const struct ttrpc_client *c, uint32_t stream)
{
	struct pending *p;

	LIST_FOREACH(p, &c->pending, link)
	{
		if (p->stream == stream)
			return p;
	}
	return NULL;
}

static void take_out(struct ttrpc_client *c, struct pending *p)
{
	LIST_REMOVE(p, link);
	c->n_pending--;
}

static void move_to(struct ttrpc_client *c, struct pending *p, struct pending_list *list)
{
	take_out(c, p);
	LIST_INSERT_HEAD(list, p, link);
}

/* The entry is no longer in the client, which may be gone afterwards. */
static void report(struct pending *p, struct err e, struct bytes payload)
{
	ttrpc_reply_fn *fn = p->fn;
	void *arg = p->arg;

	free(p);
	if (fn)
		fn(arg, e, payload);
}

static void on_frame(void *arg, const struct ttrpc_frame *f)
{
	AUTO(buf_done) struct buf payload = BUF_INIT(TTRPC_MESSAGE_MAX);
	struct ttrpc_client *c = arg;
	struct pending *p = find(c, f->stream);
	struct err e = OK;

	/* Late answers to calls that timed out come here too. */
	if (!p || f->type != TTRPC_TYPE_RESPONSE)
		return;
	take_out(c, p);
	if (f->oversize)
		e = err_new(ERR_PEER, "answer of more than %d bytes", TTRPC_MESSAGE_MAX);
	else if (p->raw)
		buf_put(&payload, f->data);
	else
		e = ttrpc_response_parse(f->data, &payload);
	if (!failed(e))
		e = buf_end(&payload, "answer");
	report(p, e, failed(e) ? BYTES_NONE : buf_bytes(&payload));
}

/* Nothing of the client is used once the reports have begun: one of them may free it. */
static void fail_all(struct ttrpc_client *c, const char *why)
{
	struct pending_list all = LIST_HEAD_INITIALIZER(all);
	struct pending *p;

	c->gone = true;
	deadline_done(&c->deadline);
	while ((p = LIST_FIRST(&c->pending)) != NULL)
		move_to(c, p, &all);
	while ((p = LIST_FIRST(&all)) != NULL) {
		LIST_REMOVE(p, link);
		report(p, err_new(ERR_PEER, "%s", why), BYTES_NONE);
	}
}

static void on_closed(void *arg)
{
	fail_all(arg, "the peer closed the connection");
}

/* Moves what is due to `due`; the earliest of the rest, 0 for none. */
static uint64_t sort_out_due(struct ttrpc_client *c, uint64_t now, struct pending_list *due)
{
	struct pending *p, *next;
	uint64_t earliest = 0;

	for (p = LIST_FIRST(&c->pending); p; p = next) {
		next = LIST_NEXT(p, link);
		if (p->due == 0)
			continue;
		if (p->due <= now) {
			move_to(c, p, due);
		} else if (earliest == 0 || p->due < earliest) {
			earliest = p->due;
		}
	}
	return earliest;
}

static uint64_t on_deadline(void *arg, uint64_t now)
{
	struct ttrpc_client *c = arg;
	struct pending_list due = LIST_HEAD_INITIALIZER(due);
	uint64_t earliest = sort_out_due(c, now, &due);
	struct pending *p;

	/* Set before the calls are reported: the client may be freed from there. */
	if (earliest > 0)
		err_ignore(deadline_need(&c->deadline, earliest));
	while ((p = LIST_FIRST(&due)) != NULL) {
		LIST_REMOVE(p, link);
		report(p, err_new(ERR_TIMEOUT, "no answer in time"), BYTES_NONE);
	}
	return 0;
}

static void on_congestion(void *arg, bool is_congested)
{
	struct ttrpc_client *c = arg;

	if (c->congested)
		c->congested(c->congested_arg, is_congested);
}

RESULT ttrpc_client_new(struct loop *l, int fd, struct ttrpc_client **ret_client)
{
	struct ttrpc_client *c = calloc(1, sizeof(*c));

	if (!c) {
		auto_close(&fd);
		return err_new(ERR_NOMEM, "ttrpc client");
	}
	c->loop = l;
	c->next_stream = 1;
	LIST_INIT(&c->pending);
	c->deadline = (struct deadline){ .loop = l, .fn = on_deadline, .arg = c };
	struct err e = ttrpc_stream_new(
		&(struct ttrpc_stream_config){
			.loop = l,
			.fd = fd,
			.reads_always = true,
			.frame = on_frame,
			.closed = on_closed,
			.congested = on_congestion,
			.arg = c,
		},
		&c->stream);

	if (failed(e)) {
		free(c);
		return e;
	}
	*ret_client = c;
	return OK;
}

void ttrpc_client_free(struct ttrpc_client *c)
{
	if (!c || c->freeing)
		return;
	c->freeing = true;
	ttrpc_stream_free(c->stream);
	fail_all(c, "the client was freed");
	free(c);
}

void ttrpc_client_freep(struct ttrpc_client **c)
{
	ttrpc_client_free(*c);
}

bool ttrpc_client_is_gone(const struct ttrpc_client *c)
{
	return c->gone;
}

static RESULT send_request(struct ttrpc_client *c, const struct pending *wanted,
	struct bytes request, uint32_t *ret_stream)
{
	struct pending *p = malloc(sizeof(*p));
	struct err e;

	if (!p)
		return err_new(ERR_NOMEM, "call");
	*p = *wanted;
	/* Only after 2^31 calls can an id be in use. */
	while (find(c, c->next_stream))
		c->next_stream += 2;
	p->stream = c->next_stream;
	c->next_stream += 2;
	e = ttrpc_stream_send(c->stream,
		(struct ttrpc_header){ .stream = p->stream, .type = TTRPC_TYPE_REQUEST }, request);
	if (failed(e)) {
		free(p);
		return e;
	}
	LIST_INSERT_HEAD(&c->pending, p, link);
	c->n_pending++;
	*ret_stream = p->stream;
	return p->due > 0 ? deadline_need(&c->deadline, p->due) : OK;
}

static RESULT begin(struct ttrpc_client *c, const struct pending *wanted, struct bytes request,
	uint32_t *ret_stream)
{
	uint32_t stream = 0;
	struct err e;

	if (c->gone)
		return err_new(ERR_PEER, "connection closed");
	if (c->n_pending >= TTRPC_STREAMS_MAX)
		return err_new(ERR_LIMIT, "%d calls are unanswered", TTRPC_STREAMS_MAX);
	e = send_request(c, wanted, request, &stream);
	/* Sent, but its time-out cannot be kept */
	if (failed(e) && stream != 0) {
		struct pending *p = find(c, stream);

		take_out(c, p);
		free(p);
	}
	if (!failed(e))
		*ret_stream = stream;
	return e;
}

static RESULT pack_request(const struct ttrpc_request *r, struct buf *out)
{
	AUTO(auto_free) char *service = NULL;
	AUTO(auto_free) char *method = NULL;
	Ttrpc__Request m = TTRPC__REQUEST__INIT;

	TRY(str_dup(r->service, &service));
	TRY(str_dup(r->method, &method));
	m.service = service;
	m.method = method;
	m.payload.data = (uint8_t *)(uintptr_t)r->payload.p; /* only read */
	m.payload.len = r->payload.n;
	m.timeout_nano =
		r->timeout_ms < INT64_MAX / 1000000 ? (int64_t)r->timeout_ms * 1000000 : INT64_MAX;
	return pb_pack(&m.base, out);
}

static RESULT start(struct ttrpc_client *c, const struct ttrpc_request *r,
	const struct pending *wanted, uint32_t *ret_stream)
{
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);
	struct pending p = *wanted;

	TRY(pack_request(r, &out));
	if (r->timeout_ms > 0)
		p.due = clock_monotonic_ms() + r->timeout_ms;
	return begin(c, &p, buf_bytes(&out), ret_stream);
}

RESULT ttrpc_start(
	struct ttrpc_client *c, const struct ttrpc_request *r, ttrpc_reply_fn *fn, void *arg)
{
	uint32_t stream;

	return start(c, r, &(struct pending){ .fn = fn, .arg = arg }, &stream);
}

/* ---- for the proxy ---- */

RESULT ttrpc_client_forward(
	struct ttrpc_client *c, struct bytes request, ttrpc_forward_fn *fn, void *arg)
{
	uint32_t stream;

	return begin(c, &(struct pending){ .raw = true, .fn = fn, .arg = arg }, request, &stream);
}

void ttrpc_client_forget(struct ttrpc_client *c, const void *arg)
{
	struct pending *p;

	LIST_FOREACH(p, &c->pending, link)
	{
		if (p->arg == arg)
			p->fn = NULL;
	}
}

void ttrpc_client_on_congestion(
	struct ttrpc_client *c, void (*fn)(void *arg, bool is_congested), void *arg)
{
	c->congested = fn;
	c->congested_arg = arg;
}

bool ttrpc_client_is_congested(const struct ttrpc_client *c)
{
	return ttrpc_stream_is_congested(c->stream);
}

/* ---- one call at a time ---- */

struct sync_call {
	bool done;
	bool ok;
	struct err_saved failure;
	struct buf *out;
};

static void on_sync_reply(void *arg, struct err e, struct bytes payload)
{
	struct sync_call *s = arg;

	s->done = true;
	if (!failed(e)) {
		buf_put(s->out, payload);
		e = buf_end(s->out, "answer");
	}
	/* Other callbacks may fail before the pumping loop comes back. */
	if (failed(e))
		err_save(e, &s->failure);
	s->ok = !failed(e);
}

RESULT ttrpc_call_sync(struct ttrpc_client *c, const struct ttrpc_request *r, struct buf *out)
{
	struct sync_call s = { .out = out };
	struct loop *l = c->loop;
	uint32_t stream = 0;
	struct err e;

	TRY(start(c, r, &(struct pending){ .fn = on_sync_reply, .arg = &s }, &stream));
	while (!s.done) {
		e = loop_once(l, -1);
		if (!failed(e) || s.done)
			continue;
		ttrpc_client_forget(c, &s);
		return err_add(e, "%s.%s", r->service, r->method);
	}
	return s.ok ? OK : err_restore(&s.failure);
}
