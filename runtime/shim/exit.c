#include "shim.h"

#include <task.pb-c.h>

#define LOG_MODULE "task"
#include <base/log.h>

static bool output_is_through(const struct task *p)
{
	return !p->io || !p->started_told || streams_has_ended(p->io);
}

static void answer_waiters(struct task *p)
{
	Task__WaitResponse r = TASK__WAIT_RESPONSE__INIT;
	Pb__Timestamp at = timestamp_of(&p->exited_at);
	struct ttrpc_call *call;

	r.exit_status = (uint32_t)p->status;
	r.exited_at = &at;
	while ((call = waiter_take(&p->waiters, &p->n_waiters)) != NULL)
		answer(call, &r.base);
}

static void tell(struct task *p)
{
	loop_remove(TAKE(p->stall_timer));
	p->exit_told = true;
	p->state = TASK_STOPPED;
	log_info("exit", "container=%s exec=%s status=%d", log_quote(p->id), log_quote(p->exec_id),
		p->status);
	if (p->started_told || p->exec_id[0] == '\0')
		event_exit(p);
	answer_waiters(p);
	/* What it wrote and nobody read yet is still in the guest. */
	if (p->holds_pod && output_is_through(p))
		pod_stop_soon(p->shim);
	if (p->delete_call)
		delete_go_on(p);
}

/* Output that goes on flowing holds the exit up, output that nobody reads does not. */
static void on_stall(void *arg)
{
	struct task *p = arg;
	uint64_t written = p->io ? streams_written(p->io) : 0;

	if (p->io && !streams_has_ended(p->io) && written != p->stall_written) {
		p->stall_written = written;
		return;
	}
	task_ref(p);
	tell(p);
	task_unref(p);
}

static void wait_for_output(struct task *p)
{
	if (p->stall_timer)
		return;
	p->stall_written = streams_written(p->io);
	if (failed(loop_add_timer(
		    p->shim->c.loop, SHIM_STALL_MS, SHIM_STALL_MS, on_stall, p, &p->stall_timer)))
		tell(p);
}

void exit_check(struct task *p)
{
	if (!p->exit_known || p->exit_told || p->starting || p->state == TASK_CREATING)
		return;
	task_ref(p);
	if (output_is_through(p))
		tell(p);
	else
		wait_for_output(p);
	task_unref(p);
}

void on_output_ended(void *task)
{
	struct task *p = task;

	if (p->exit_told && p->holds_pod)
		pod_stop_soon(p->shim);
	exit_check(p);
}

static void set_exit(struct task *p, int status)
{
	if (p->exit_known)
		return;
	p->exit_known = true;
	p->status = status;
	(void)clock_gettime(CLOCK_REALTIME, &p->exited_at);
}

static void on_exit_status(void *arg, struct err e, int status)
{
	struct task *p = arg;
	enum pod_phase pod = p->shim->pod;

	if (failed(e)) {
		log_failure_of(LOG_MODULE, "exit status unknown", p->id, e);
		status = pod == POD_STOPPING || pod == POD_STOPPED ? SHIM_STATUS_KILLED
								   : SHIM_STATUS_LOST;
	}
	set_exit(p, status);
	exit_check(p);
	task_unref(p);
}

RESULT exit_watch(struct task *p)
{
	struct err e =
		sandbox_wait(p->shim->sandbox, p->id, p->exec_id, on_exit_status, task_ref(p));

	if (failed(e))
		task_unref(p);
	return e;
}

static void end_one(struct task *p, int status)
{
	if (p->state == TASK_CREATING || p->exit_told)
		return;
	/* What was only recorded never ran. */
	if (p->exec_id[0] && p->state == TASK_CREATED && !p->starting)
		return;
	p->starting = false;
	set_exit(p, status);
	if (p->io)
		streams_cut(p->io);
	exit_check(p);
}

/* Telling may delete any of them, so the search begins anew after each. */
static struct task *next_alive(struct shim *s)
{
	struct task *p, *exec;

	LIST_FOREACH(p, &s->containers, link)
	{
		LIST_FOREACH(exec, &p->execs, link)
		{
			if (!exec->exit_told && exec->state != TASK_CREATED)
				return exec;
		}
		if (!p->exit_told && p->state != TASK_CREATING)
			return p;
	}
	return NULL;
}

void exit_all(struct shim *s, int status)
{
	struct task *p;

	while ((p = next_alive(s)) != NULL) {
		task_ref(p);
		end_one(p, status);
		/* Out of memory for a timer or so: never look at it again. */
		p->exit_told = true;
		task_unref(p);
	}
}
