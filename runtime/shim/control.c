#include "metrics.h"
#include "shim.h"

#include <signal.h>
#include <task.pb-c.h>

#include <net/pb.h>

#define RESOURCES_TYPE "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"

/* A request that the sandbox answers later. */
struct op {
	struct task *task;
	struct ttrpc_call *call;
	int signo;
	bool pause;
};

static struct op *op_new(struct task *p, struct ttrpc_call *call)
{
	struct op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->task = task_ref(p);
	op->call = call;
	return op;
}

static void op_free(struct op *op)
{
	task_unref(op->task);
	free(op);
}

static void op_end(struct op *op, struct err e)
{
	answer_result(op->call, e);
	op_free(op);
}

/* The sandbox takes the op, unless it fails. */
static RESULT op_given(struct op *op, struct err e)
{
	if (failed(e))
		op_free(op);
	return e;
}

static void on_done(void *arg, struct err e)
{
	op_end(arg, e);
}

/* What may be asked of a machine that runs. */
static RESULT need_pod(const struct shim *s)
{
	return s->pod == POD_RUNNING ? OK : err_new(ERR_STATE, "the pod is not running");
}

/* ---- Kill ---- */

static bool is_deadly(int signo)
{
	return signo == SIGKILL || signo == SIGTERM;
}

/* Ending what has ended is fine; anything else is told to nobody. */
static RESULT kill_ended(const struct task *p, int signo)
{
	if (is_deadly(signo))
		return OK;
	return err_new(ERR_NOT_FOUND, "%s has ended", p->exec_id[0] ? p->exec_id : p->id);
}

static void on_signalled(void *arg, struct err e)
{
	struct op *op = arg;

	/* It ended while the signal was on its way. */
	if (failed(e) && (e.code == ERR_NOT_FOUND || op->task->exit_known))
		e = kill_ended(op->task, op->signo);
	op_end(op, e);
}

/* Remembered, or the start of the machine is given up. */
static RESULT kill_early(struct task *p, int signo)
{
	if (signo == 0)
		return OK;
	if (!is_deadly(signo))
		return task_wrong_state(p, "signal");
	p->early_kill = signo;
	if (p->holds_pod)
		pod_abort(p->shim);
	return OK;
}

static RESULT kill_now(struct task *p, const Task__KillRequest *q, struct ttrpc_call *call)
{
	struct op *op;

	TRY(need_pod(p->shim));
	op = op_new(p, call);
	if (!op)
		return err_new(ERR_NOMEM, "signal");
	op->signo = (int)q->signal;
	return op_given(op, sandbox_signal(p->shim->sandbox, p->id, p->exec_id, (int)q->signal,
				    q->all, on_signalled, op));
}

static RESULT begin_kill(
	struct shim *s, struct bytes payload, struct ttrpc_call *call, bool *ret_answered)
{
	AUTO(pb_free_any) Task__KillRequest *q = NULL;
	struct task *p;

	*ret_answered = true;
	TRY(PB_UNPACK(task__kill_request, payload, &q));
	TRY(task_find(s, q->id, q->exec_id, &p));
	if (q->signal >= NSIG)
		return err_new(ERR_FORMAT, "signal %u: at most %d", q->signal, NSIG - 1);
	if (p->state == TASK_CREATING)
		return kill_early(p, (int)q->signal);
	if (p->state == TASK_STOPPED || p->exit_known)
		return kill_ended(p, (int)q->signal);
	if (p->exec_id[0] && p->state == TASK_CREATED)
		return task_wrong_state(p, "signal");
	if (q->signal == 0)
		return OK; /* it is alive */
	*ret_answered = false;
	return kill_now(p, q, call);
}

void serve_kill(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	bool answered;
	struct err e = begin_kill(arg, payload, call, &answered);

	if (failed(e) || answered)
		answer_result(call, e);
}

/* ---- Pause, Resume ---- */

static void on_paused(void *arg, struct err e)
{
	struct op *op = arg;
	struct task *p = op->task;
	bool alive = p->state != TASK_STOPPED;

	if (alive)
		p->state = failed(e) == op->pause ? TASK_RUNNING : TASK_PAUSED;
	if (alive && !failed(e))
		event_paused(p, op->pause);
	op_end(op, e);
}

static RESULT begin_pause(struct shim *s, const char *id, bool pause, struct ttrpc_call *call)
{
	struct task *p;
	struct op *op;
	struct err e;

	TRY(task_find(s, id, "", &p));
	if (p->state != (pause ? TASK_RUNNING : TASK_PAUSED) || p->exit_known)
		return task_wrong_state(p, pause ? "pause" : "resume");
	TRY(need_pod(s));
	op = op_new(p, call);
	if (!op)
		return err_new(ERR_NOMEM, "pause");
	op->pause = pause;
	e = op_given(op, sandbox_pause(s->sandbox, p->id, pause, on_paused, op));
	if (!failed(e) && pause)
		p->state = TASK_PAUSING;
	return e;
}

void serve_pause(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Task__PauseRequest *q = NULL;
	struct err e = PB_UNPACK(task__pause_request, payload, &q);

	if (!failed(e))
		e = begin_pause(arg, q->id, true, call);
	if (failed(e))
		ttrpc_fail(call, e);
}

void serve_resume(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Task__ResumeRequest *q = NULL;
	struct err e = PB_UNPACK(task__resume_request, payload, &q);

	if (!failed(e))
		e = begin_pause(arg, q->id, false, call);
	if (failed(e))
		ttrpc_fail(call, e);
}

/* ---- ResizePty ---- */

static RESULT resize(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Task__ResizePtyRequest *q = NULL;
	struct task *p;
	struct op *op;

	TRY(PB_UNPACK(task__resize_pty_request, payload, &q));
	TRY(task_find(s, q->id, q->exec_id, &p));
	if (p->state == TASK_STOPPED || p->exit_known)
		return task_wrong_state(p, "resize");
	p->rows = q->height;
	p->columns = q->width;
	p->has_size = true;
	if (p->state == TASK_CREATING || p->state == TASK_CREATED) {
		answer_empty(call);
		return OK;
	}
	TRY(need_pod(s));
	op = op_new(p, call);
	if (!op)
		return err_new(ERR_NOMEM, "resize");
	return op_given(op,
		sandbox_resize(s->sandbox, p->id, p->exec_id, p->rows, p->columns, on_done, op));
}

void serve_resize(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = resize(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}

/* ---- CloseIO ---- */

static void on_closed(void *arg)
{
	op_end(arg, OK);
}

static RESULT close_io(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Task__CloseIORequest *q = NULL;
	struct task *p;
	struct op *op;

	TRY(PB_UNPACK(task__close_iorequest, payload, &q));
	TRY(task_find(s, q->id, q->exec_id, &p));
	if (!q->stdin || !p->io) {
		answer_empty(call);
		return OK;
	}
	op = op_new(p, call);
	if (!op)
		return err_new(ERR_NOMEM, "closing");
	streams_close_in(p->io, on_closed, op);
	return OK;
}

void serve_close_io(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = close_io(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}

/* ---- Update ---- */

static RESULT update(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Task__UpdateTaskRequest *q = NULL;
	struct task *p;
	struct op *op;

	TRY(PB_UNPACK(task__update_task_request, payload, &q));
	TRY(task_find(s, q->id, "", &p));
	if (p->state == TASK_CREATING || p->state == TASK_STOPPED || p->exit_known)
		return task_wrong_state(p, "update");
	if (!q->resources || !str_ends(q->resources->type_url, RESOURCES_TYPE))
		return err_new(ERR_FORMAT, "resources: type '%.80s', expected " RESOURCES_TYPE,
			q->resources ? q->resources->type_url : "");
	TRY(need_pod(s));
	op = op_new(p, call);
	if (!op)
		return err_new(ERR_NOMEM, "update");
	return op_given(op,
		sandbox_update(s->sandbox, p->id,
			bytes_of(q->resources->value.data, q->resources->value.len), on_done, op));
}

void serve_update(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = update(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}

/* ---- Stats ---- */

static RESULT answer_stats(struct ttrpc_call *call, const Agent__StatsContainerResponse *stats)
{
	AUTO(buf_done) struct buf value = BUF_INIT(METRICS_MAX);
	Task__StatsResponse r = TASK__STATS_RESPONSE__INIT;
	Pb__Any any = PB__ANY__INIT;
	bool v2 = metrics_host_is_v2();

	TRY(v2 ? metrics_v2(stats, &value) : metrics_v1(stats, &value));
	any.type_url = text_of(v2 ? METRICS_V2 : METRICS_V1);
	any.value.data = value.p;
	any.value.len = value.n;
	r.stats = &any;
	answer(call, &r.base);
	return OK;
}

static void on_stats(void *arg, struct err e, const Agent__StatsContainerResponse *stats)
{
	struct op *op = arg;

	if (!failed(e))
		e = answer_stats(op->call, stats);
	if (failed(e))
		ttrpc_fail(op->call, e);
	op_free(op);
}

static RESULT stats(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Task__StatsRequest *q = NULL;
	struct task *p;
	struct op *op;

	TRY(PB_UNPACK(task__stats_request, payload, &q));
	TRY(task_find(s, q->id, "", &p));
	if (p->state == TASK_STOPPED || p->exit_known)
		return err_new(ERR_NOT_FOUND, "container %s has ended", p->id);
	if (p->state == TASK_CREATING)
		return task_wrong_state(p, "measure");
	TRY(need_pod(s));
	op = op_new(p, call);
	if (!op)
		return err_new(ERR_NOMEM, "statistics");
	return op_given(op, sandbox_stats(s->sandbox, p->id, on_stats, op));
}

void serve_stats(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = stats(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}
