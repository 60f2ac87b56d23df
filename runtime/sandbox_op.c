#include "sandbox_container.h"

#include <base/clock.h>
#include <net/pb.h>

enum {
	EXIT_UNKNOWN = 255,
	PROGRESS_MAX = 64
};

RESULT sandbox_op_new(
	struct sandbox *s, const char *what, const char *id, void *arg, struct sandbox_op **ret_op)
{
	AUTO(auto_free) struct sandbox_op *op = calloc(1, sizeof(*op));

	if (!op)
		return err_new(ERR_NOMEM, "%s", what);
	op->s = s;
	op->what = what;
	op->arg = arg;
	op->began = clock_monotonic_ms();
	TRY(str_dup(id, &op->id));
	op->next = s->ops;
	s->ops = op;
	*ret_op = TAKE(op);
	return OK;
}

void sandbox_op_free(struct sandbox_op *op)
{
	for (struct sandbox_op **at = &op->s->ops; *at; at = &(*at)->next) {
		if (*at == op) {
			*at = op->next;
			break;
		}
	}
	loop_remove(op->later);
	free(op->id);
	free(op);
}

void sandbox_op_freep(struct sandbox_op **op)
{
	if (*op)
		sandbox_op_free(*op);
	*op = NULL;
}

void sandbox_op_tell(struct sandbox_op *op, struct err e)
{
	if (op->told)
		return;
	op->told = true;
	if (failed(e))
		e = err_add(sandbox_explain(op->s, e), "%s %s", op->what, op->id);
	if (op->done)
		op->done(op->arg, e);
	else if (op->exit)
		op->exit(op->arg, e, EXIT_UNKNOWN);
	else if (op->stats)
		op->stats(op->arg, e, NULL);
}

void sandbox_op_finish(struct sandbox_op *op, struct err e)
{
	sandbox_op_tell(op, e);
	sandbox_op_free(op);
}

/* ---- answers ---- */

static RESULT tell_exit(struct sandbox_op *op, struct bytes payload, bool *ret_later)
{
	AUTO(pb_free_any) Agent__WaitProcessResponse *r = NULL;

	TRY(PB_UNPACK(agent__wait_process_response, payload, &r));
	op->status = r->status;
	if (op->first)
		sandbox_asked_number(op->s, "Exit", op->id, "status", (uint64_t)r->status & 0xff);
	*ret_later = sandbox_termination_ask(op);
	if (!*ret_later) {
		op->told = true;
		op->exit(op->arg, OK, op->status);
	}
	return OK;
}

static RESULT tell_stats(struct sandbox_op *op, struct bytes payload)
{
	AUTO(pb_free_any) Agent__StatsContainerResponse *r = NULL;

	TRY(PB_UNPACK(agent__stats_container_response, payload, &r));
	op->told = true;
	op->stats(op->arg, OK, r);
	return OK;
}

static void on_answer(void *arg, struct err e, struct bytes payload)
{
	struct sandbox_op *op = arg;
	bool later = false;

	if (!failed(e) && !op->told && op->exit)
		e = tell_exit(op, payload, &later);
	else if (!failed(e) && !op->told && op->stats)
		e = tell_stats(op, payload);
	if (!later)
		sandbox_op_finish(op, e);
}

RESULT sandbox_op_call(struct sandbox_op *op, const char *method, const ProtobufCMessage *request)
{
	const struct agent_call c = {
		.service = AGENT_SERVICE, .method = method, .request = request
	};
	struct err e = op->s->agent ? OK : err_new(ERR_PEER, "the sandbox does not run");

	if (!failed(e))
		e = agent_call_start(op->s->agent, &c, on_answer, op);
	if (!failed(e))
		return OK;
	e = err_add(e, "%s %s", op->what, op->id);
	sandbox_op_free(op);
	return e;
}

static void on_later(void *arg)
{
	struct sandbox_op *op = arg;

	sandbox_op_finish(op, OK);
}

RESULT sandbox_op_later(struct sandbox_op *op)
{
	return loop_add_timer(op->s->c.loop, 0, 0, on_later, op, &op->later);
}

/* ---- what waits too long ---- */

static bool is_late(const struct sandbox_op *op, uint64_t now)
{
	const struct sandbox *s = op->s;
	uint64_t limit = s->c.runtime->timeout_s * 1000;
	/* Else a guest that talks would hold up a Kill for ever. */
	uint64_t news = op->pulls && s->heard > op->began ? s->heard : op->began;

	return op->watched && !op->told && limit && now > news + limit;
}

static struct err late(const struct sandbox_op *op)
{
	const struct run_progress *p = &op->s->progress;
	char at[PROGRESS_MAX] = "";

	if (p->layers)
		(void)snprintf(at, sizeof(at), ", last at layer %llu of %llu",
			(unsigned long long)p->layer, (unsigned long long)p->layers);
	return err_new(ERR_TIMEOUT, "the guest %s for %llu s%s",
		op->pulls ? "said nothing" : "did not answer",
		(unsigned long long)op->s->c.runtime->timeout_s, at);
}

void sandbox_op_tick(struct sandbox *s)
{
	uint64_t now = clock_monotonic_ms();
	struct sandbox_op *op = s->ops;

	while (op) {
		if (!is_late(op, now)) {
			op = op->next;
			continue;
		}
		sandbox_op_tell(op, late(op));
		op = s->ops; /* the owner may have done anything meanwhile */
	}
}
