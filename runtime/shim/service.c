/* The table of requests, and those that only look. */
#include "shim.h"

#include <task.pb-c.h>
#include <unistd.h>

#include <net/pb.h>

#define SANDBOX_SERVICE "containerd.runtime.sandbox.v1.Sandbox"
/* Version 2 and 3 differ by their names only. */
#define TASK_METHOD(name, fn)                                                                      \
	{ "containerd.task.v2.Task", (name), (fn) },                                               \
	{                                                                                          \
		"containerd.task.v3.Task", (name), (fn)                                            \
	}

const struct ttrpc_method shim_methods[] = {
	TASK_METHOD("State", serve_state),
	TASK_METHOD("Create", serve_create),
	TASK_METHOD("Start", serve_start),
	TASK_METHOD("Delete", serve_delete),
	TASK_METHOD("Pids", serve_pids),
	TASK_METHOD("Pause", serve_pause),
	TASK_METHOD("Resume", serve_resume),
	TASK_METHOD("Checkpoint", serve_checkpoint),
	TASK_METHOD("Kill", serve_kill),
	TASK_METHOD("Exec", serve_exec),
	TASK_METHOD("ResizePty", serve_resize),
	TASK_METHOD("CloseIO", serve_close_io),
	TASK_METHOD("Update", serve_update),
	TASK_METHOD("Wait", serve_wait),
	TASK_METHOD("Stats", serve_stats),
	TASK_METHOD("Connect", serve_connect),
	TASK_METHOD("Shutdown", serve_shutdown),
	{ SANDBOX_SERVICE, "CreateSandbox", sandbox_api_create },
	{ SANDBOX_SERVICE, "StartSandbox", sandbox_api_start },
	{ SANDBOX_SERVICE, "Platform", sandbox_api_platform },
	{ SANDBOX_SERVICE, "StopSandbox", sandbox_api_stop },
	{ SANDBOX_SERVICE, "WaitSandbox", sandbox_api_wait },
	{ SANDBOX_SERVICE, "SandboxStatus", sandbox_api_status },
	{ SANDBOX_SERVICE, "PingSandbox", sandbox_api_ping },
	{ SANDBOX_SERVICE, "ShutdownSandbox", sandbox_api_shutdown },
	{ SANDBOX_SERVICE, "SandboxMetrics", sandbox_api_metrics },
};
const size_t shim_methods_n = ARRAY_LEN(shim_methods);

static Containerd__Status status_of(const struct task *p)
{
	switch (p->state) {
	case TASK_RUNNING:
		return CONTAINERD__STATUS__RUNNING;
	case TASK_PAUSING:
		return CONTAINERD__STATUS__PAUSING;
	case TASK_PAUSED:
		return CONTAINERD__STATUS__PAUSED;
	case TASK_STOPPED:
		return CONTAINERD__STATUS__STOPPED;
	case TASK_CREATING:
	case TASK_CREATED:
	default:
		return CONTAINERD__STATUS__CREATED;
	}
}

static RESULT state(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Task__StateRequest *q = NULL;
	Task__StateResponse r = TASK__STATE_RESPONSE__INIT;
	Pb__Timestamp at;
	struct task *p;

	TRY(PB_UNPACK(task__state_request, payload, &q));
	TRY(task_find(s, q->id, q->exec_id, &p));
	r.id = p->id;
	r.exec_id = p->exec_id;
	r.bundle = p->container->bundle;
	r.pid = p->pid;
	r.status = status_of(p);
	r.stdin = p->in;
	r.stdout = p->out;
	r.stderr = p->err;
	r.terminal = p->terminal;
	if (p->exit_told) {
		at = timestamp_of(&p->exited_at);
		r.exit_status = (uint32_t)p->status;
		r.exited_at = &at;
	}
	answer(call, &r.base);
	return OK;
}

void serve_state(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = state(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}

static RESULT pids(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Task__PidsRequest *q = NULL;
	Task__PidsResponse r = TASK__PIDS_RESPONSE__INIT;
	Containerd__ProcessInfo info = CONTAINERD__PROCESS_INFO__INIT;
	Containerd__ProcessInfo *list[] = { &info };
	struct task *p;

	TRY(PB_UNPACK(task__pids_request, payload, &q));
	TRY(task_find(s, q->id, "", &p));
	info.pid = p->pid;
	r.processes = list;
	r.n_processes = p->pid && p->state != TASK_STOPPED ? 1 : 0;
	answer(call, &r.base);
	return OK;
}

void serve_pids(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = pids(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}

static RESULT connect_to(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Task__ConnectRequest *q = NULL;
	Task__ConnectResponse r = TASK__CONNECT_RESPONSE__INIT;
	struct task *p;

	TRY(PB_UNPACK(task__connect_request, payload, &q));
	/* Of a container that is not there yet the engine asks for the shim's. */
	if (q->id[0] && !failed(task_find(s, q->id, "", &p)))
		r.task_pid = p->pid;
	r.shim_pid = (uint32_t)getpid();
	answer(call, &r.base);
	return OK;
}

void serve_connect(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = connect_to(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}

static RESULT wait_for(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Task__WaitRequest *q = NULL;
	Task__WaitResponse r = TASK__WAIT_RESPONSE__INIT;
	Pb__Timestamp at;
	struct task *p;

	TRY(PB_UNPACK(task__wait_request, payload, &q));
	TRY(task_find(s, q->id, q->exec_id, &p));
	if (!p->exit_told)
		return waiter_add(&p->waiters, &p->n_waiters, call);
	at = timestamp_of(&p->exited_at);
	r.exit_status = (uint32_t)p->status;
	r.exited_at = &at;
	answer(call, &r.base);
	return OK;
}

void serve_wait(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = wait_for(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}

void serve_checkpoint(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	(void)arg;
	(void)payload;
	ttrpc_fail_as(call, TTRPC_UNIMPLEMENTED, "checkpoints are not supported");
}
