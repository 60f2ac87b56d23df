#include "runtime/agent_client.h"

#include "agent_internal.h"

enum {
	ROUND_MS = 200, /* how long the watch may go unasked */
	REQUEST_MAX = TTRPC_MESSAGE_MAX
};

/* Lives until the answer came, even when nobody waits for it any more. */
struct pending {
	struct pending *next;
	bool done, abandoned;
	struct err_saved failure;
	struct buf payload;
};

struct agent_client {
	struct loop *loop;
	struct ttrpc_client *ttrpc;
	struct err (*watch)(void *arg);
	void *arg;
	struct pending *pending;
};

static void pending_free(struct agent_client *a, struct pending *p)
{
	for (struct pending **at = &a->pending; *at; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			break;
		}
	}
	buf_done(&p->payload);
	free(p);
}

void agent_client_free(struct agent_client *a)
{
	if (!a)
		return;
	ttrpc_client_free(a->ttrpc);
	while (a->pending)
		pending_free(a, a->pending);
	free(a);
}

void agent_client_freep(struct agent_client **a)
{
	agent_client_free(*a);
	*a = NULL;
}

RESULT agent_client_new(const struct agent_client_config *c, struct agent_client **ret_agent)
{
	AUTO(auto_close) int fd = c->fd;
	AUTO(agent_client_freep) struct agent_client *a = calloc(1, sizeof(*a));

	if (!a)
		return err_new(ERR_NOMEM, "agent client");
	a->loop = c->loop;
	a->watch = c->watch;
	a->arg = c->arg;
	TRY(ttrpc_client_new(c->loop, TAKE_FD(fd), &a->ttrpc));
	*ret_agent = TAKE(a);
	return OK;
}

struct ttrpc_client *agent_client_ttrpc(struct agent_client *a)
{
	return a->ttrpc;
}

struct loop *agent_loop(struct agent_client *a)
{
	return a->loop;
}

RESULT agent_call_start(
	struct agent_client *a, const struct agent_call *c, ttrpc_reply_fn *fn, void *arg)
{
	AUTO(buf_done) struct buf payload = BUF_INIT(REQUEST_MAX);

	TRY(pb_pack(c->request, &payload));
	struct ttrpc_request r = {
		.service = c->service,
		.method = c->method,
		.payload = buf_bytes(&payload),
		.timeout_ms = c->timeout_ms,
	};
	return ttrpc_start(a->ttrpc, &r, fn, arg);
}

static void on_reply(void *arg, struct err e, struct bytes payload)
{
	struct pending *p = arg;

	p->done = true;
	if (!failed(e)) {
		buf_put(&p->payload, payload);
		e = buf_end(&p->payload, "answer");
	}
	err_save(e, &p->failure);
}

static RESULT wait_for(struct agent_client *a, struct pending *p)
{
	while (!p->done) {
		TRY(loop_once(a->loop, ROUND_MS));
		if (!p->done && a->watch)
			TRY(a->watch(a->arg));
	}
	return p->failure.code == ERR_OK ? OK : err_restore(&p->failure);
}

/* Calls nobody waited for any more whose answer came after all. */
static void sweep(struct agent_client *a)
{
	struct pending *next;

	for (struct pending *p = a->pending; p; p = next) {
		next = p->next;
		if (p->abandoned && p->done)
			pending_free(a, p);
	}
}

static RESULT exchange(struct agent_client *a, const struct agent_call *c,
	const ProtobufCMessageDescriptor *answer, ProtobufCMessage **ret_answer)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p)
		return err_new(ERR_NOMEM, "agent call");
	p->payload = BUF_INIT(TTRPC_MESSAGE_MAX);
	p->next = a->pending;
	a->pending = p;
	struct err e = agent_call_start(a, c, on_reply, p);
	if (failed(e)) {
		pending_free(a, p);
		return e;
	}
	e = wait_for(a, p);
	if (!p->done) {
		p->abandoned = true;
		return e;
	}
	if (!failed(e) && answer)
		e = pb_unpack(answer, buf_bytes(&p->payload), ret_answer);
	pending_free(a, p);
	return failed(e) ? err_add(e, "%s", c->method) : OK;
}

RESULT agent_call(struct agent_client *a, const struct agent_call *c,
	const ProtobufCMessageDescriptor *answer, ProtobufCMessage **ret_answer)
{
	sweep(a);
	return exchange(a, c, answer, ret_answer);
}
