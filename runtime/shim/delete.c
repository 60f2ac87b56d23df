#include "shim.h"

#include <signal.h>
#include <task.pb-c.h>

#include <net/pb.h>

#define LOG_MODULE "task"
#include <base/log.h>

static void answer_deleted(struct task *p)
{
	Task__DeleteResponse r = TASK__DELETE_RESPONSE__INIT;
	Pb__Timestamp at = timestamp_of(&p->exited_at);

	r.pid = p->pid;
	r.exit_status = (uint32_t)p->status;
	r.exited_at = &at;
	answer(TAKE(p->delete_call), &r.base);
}

static void gone(struct task *p)
{
	AUTO(task_unrefp) struct task *kept = task_ref(p);

	log_info("deleted", "container=%s", log_quote(p->id));
	event_delete(p);
	answer_deleted(p);
	if (p->holds_pod)
		pod_stop_soon(p->shim);
	task_unlist(kept);
}

/* The engine removes the bundle once it is answered, so the hooks come first. */
static void on_poststop(struct task *p, struct err e)
{
	if (failed(e))
		log_failure_of(LOG_MODULE, "hooks", p->id, e);
	gone(p);
}

static void on_removed(void *arg, struct err e)
{
	AUTO(task_unrefp) struct task *p = arg;
	bool any = false;

	if (failed(e) && e.code != ERR_NOT_FOUND) {
		log_failure_of(LOG_MODULE, "delete", p->id, e);
		ttrpc_fail(TAKE(p->delete_call), e);
		return;
	}
	e = hooks_start(p, HOOKS_DELETED, on_poststop, &any);
	if (!any)
		on_poststop(p, e);
}

/* The process has ended; its output may still be on its way to a slow reader. */
void delete_go_on(struct task *p)
{
	struct err e;

	if (!p->exit_told) {
		p->early_kill = SIGKILL;
		return;
	}
	if (p->io)
		streams_cut(p->io);
	e = sandbox_container_remove(p->shim->sandbox, p->id, on_removed, task_ref(p));
	if (failed(e))
		on_removed(p, e); /* takes the reference */
}

static void on_killed(void *arg, struct err e)
{
	AUTO(task_unrefp) struct task *p = arg;

	if (!failed(e) || !p->delete_call || p->exit_known)
		return;
	/* Neither killed nor ended: the engine may try again. */
	ttrpc_fail(TAKE(p->delete_call), err_add(e, "ending container %s", p->id));
}

static void ignore_result(void *arg, struct err e)
{
	(void)e; /* the signal that follows tells */
	task_unref(arg);
}

/* A frozen process does not die before it thaws. */
static void thaw(struct task *p)
{
	if (p->state != TASK_PAUSED && p->state != TASK_PAUSING)
		return;
	if (failed(sandbox_pause(p->shim->sandbox, p->id, false, ignore_result, task_ref(p))))
		task_unref(p);
}

static RESULT end_first(struct task *p, struct ttrpc_call *call)
{
	struct err e;

	if (p->shim->pod != POD_RUNNING)
		return err_new(ERR_STATE, "the pod is not running");
	thaw(p);
	e = sandbox_signal(p->shim->sandbox, p->id, "", SIGKILL, true, on_killed, task_ref(p));
	if (failed(e))
		task_unref(p);
	else
		p->delete_call = call;
	return e;
}

static RESULT delete_container(struct task *p, struct ttrpc_call *call)
{
	if (p->delete_call)
		return err_new(ERR_STATE, "container %s is being deleted", p->id);
	if (p->state == TASK_CREATING) {
		p->delete_call = call;
		if (p->holds_pod)
			pod_abort(p->shim);
		return OK;
	}
	if (p->exit_told) {
		p->delete_call = call;
		delete_go_on(p);
		return OK;
	}
	if (p->exit_known) {
		p->delete_call = call; /* only its output is not through */
		return OK;
	}
	return end_first(p, call);
}

static RESULT delete_exec(struct task *p, struct ttrpc_call *call)
{
	if (p->state != TASK_STOPPED && (p->state != TASK_CREATED || p->starting))
		return task_wrong_state(p, "delete");
	p->delete_call = call;
	answer_deleted(p);
	task_unlist(p);
	return OK;
}

static RESULT begin(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Task__DeleteRequest *q = NULL;
	struct task *p;

	TRY(PB_UNPACK(task__delete_request, payload, &q));
	TRY(task_find(s, q->id, q->exec_id, &p));
	return p->exec_id[0] ? delete_exec(p, call) : delete_container(p, call);
}

void serve_delete(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = begin(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}

void serve_shutdown(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Task__ShutdownRequest *q = NULL;
	struct shim *s = arg;
	struct err e = PB_UNPACK(task__shutdown_request, payload, &q);

	/* Engines ask after every container; the last one counts, but a pod of the Sandbox API ends
	 * by ShutdownSandbox. */
	if (failed(e) || ((s->n_containers > 0 || s->planned) && !q->now))
		answer_result(call, e);
	else
		pod_shut_down(s, call);
}
