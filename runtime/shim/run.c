#include "flags.h"
#include "shim.h"

#include <task.pb-c.h>

#include <net/pb.h>

#define LOG_MODULE "task"
#include <base/log.h>

#define PROCESS_TYPE "types.containerd.io/opencontainers/runtime-spec/1/Process"

static void forget_result(void *arg, struct err e)
{
	struct task *p = arg;

	if (failed(e))
		log_failure_of(LOG_MODULE, "resize", p->id, e);
	task_unref(p);
}

static void apply_size(struct task *p)
{
	if (p->has_size && failed(sandbox_resize(p->shim->sandbox, p->id, p->exec_id, p->rows,
				   p->columns, forget_result, task_ref(p))))
		task_unref(p);
}

static void start_failed(struct task *p, struct err e)
{
	log_failure_of(LOG_MODULE, "start", p->id,
		p->exec_id[0] ? err_add(e, "process %s", p->exec_id) : e);
	ttrpc_fail(TAKE(p->create_call), e);
	p->starting = false;
	if (p->exec_id[0] && !p->exit_told) {
		/* It never ran: who waits hears so, no event tells. */
		p->exit_known = true;
		p->status = SHIM_STATUS_LOST;
		(void)clock_gettime(CLOCK_REALTIME, &p->exited_at);
		streams_freep(&p->io);
	}
	exit_check(p);
}

static RESULT running(struct task *p)
{
	struct shim *s = p->shim;

	if (p->exit_told || s->pod != POD_RUNNING)
		return err_new(ERR_STATE, "the pod ended meanwhile");
	sandbox_streams(s->sandbox, p->id, p->in && p->in[0]);
	TRY(streams_start(p->io, sandbox_agent(s->sandbox), p->id, p->exec_id, on_output_ended, p));
	return p->exec_id[0] ? exit_watch(p) : OK;
}

/* The specification's word on a poststart or poststop hook that fails: a warning. */
static void on_poststart(struct task *p, struct err e)
{
	if (failed(e))
		log_failure_of(LOG_MODULE, "hooks", p->id, e);
}

static void run_poststart(struct task *p)
{
	bool any;

	if (p->container == p)
		on_poststart(p, hooks_start(p, HOOKS_STARTED, on_poststart, &any));
}

static void on_started(void *arg, struct err e)
{
	AUTO(task_unrefp) struct task *p = arg;
	Task__StartResponse r = TASK__START_RESPONSE__INIT;

	if (!failed(e))
		e = running(p);
	if (failed(e)) {
		start_failed(p, e);
		return;
	}
	p->state = TASK_RUNNING;
	p->pid = p->shim->pid;
	buf_done(&p->spec);
	event_start(p);
	p->started_told = true;
	r.pid = p->pid;
	answer(TAKE(p->create_call), &r.base);
	log_info("started", "container=%s exec=%s", log_quote(p->id), log_quote(p->exec_id));
	apply_size(p);
	run_poststart(p);
	p->starting = false;
	exit_check(p);
}

static RESULT start_exec(struct task *p)
{
	struct err e = sandbox_exec(
		p->shim->sandbox, p->id, p->exec_id, buf_bytes(&p->spec), on_started, task_ref(p));

	if (failed(e))
		task_unref(p);
	return e;
}

static void on_exec_streams(void *arg, struct err e)
{
	AUTO(task_unrefp) struct task *p = task_ref(arg);

	if (!failed(e) && (p->exit_told || p->container->state != TASK_RUNNING))
		e = task_wrong_state(p->container, "execute in");
	if (!failed(e))
		e = start_exec(p);
	if (failed(e))
		start_failed(p, e);
}

static RESULT start_container(struct task *p)
{
	struct err e = sandbox_container_start(p->shim->sandbox, p->id, on_started, task_ref(p));

	if (failed(e))
		task_unref(p);
	return e;
}

static void on_network(void *arg)
{
	struct shim *s = arg;
	AUTO(task_unrefp) struct task *p = TAKE(s->network_task);
	struct err e;

	loop_remove(TAKE(s->network_timer));
	e = pod_update_network(s); /* pumps */
	if (!failed(e) && p->exit_known)
		e = task_wrong_state(p, "start");
	if (!failed(e))
		e = start_container(p);
	if (failed(e))
		start_failed(p, e);
}

/* Engines that fill the pod's namespace do so between Create and Start. */
static RESULT start_first(struct task *p)
{
	struct shim *s = p->shim;

	if (!p->holds_pod || s->network_task)
		return start_container(p);
	TRY(loop_add_timer(s->c.loop, 0, 0, on_network, s, &s->network_timer));
	s->network_task = task_ref(p);
	return OK;
}

static RESULT open_exec(struct task *p)
{
	return streams_open(
		&(struct streams_config){
			.loop = p->shim->c.loop,
			.ns = p->shim->c.ns,
			.id = p->id,
			.in = p->in,
			.out = p->out,
			.err = p->err,
			.terminal = p->terminal,
		},
		on_exec_streams, p, &p->io);
}

static RESULT begin(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Task__StartRequest *q = NULL;
	struct task *p;
	struct err e;

	TRY(PB_UNPACK(task__start_request, payload, &q));
	TRY(task_find(s, q->id, q->exec_id, &p));
	if (p->state != TASK_CREATED || p->starting || p->exit_known)
		return task_wrong_state(p, "start");
	if (p->container != p && p->container->state != TASK_RUNNING)
		return task_wrong_state(p->container, "execute in");
	p->starting = true;
	p->create_call = call;
	e = p->container == p ? start_first(p) : open_exec(p);
	if (failed(e)) {
		p->create_call = NULL;
		p->starting = false;
	}
	return e;
}

void serve_start(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = begin(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}

/* ---- Exec: only a record until Start ---- */

static RESULT set_text(char **to, const char *from)
{
	AUTO(auto_free) char *copy = NULL;

	TRY(str_dup(from, &copy));
	free(*to);
	*to = TAKE(copy);
	return OK;
}

static RESULT fill_exec(struct task *p, const Task__ExecProcessRequest *q)
{
	if (!q->spec || !str_ends(q->spec->type_url, PROCESS_TYPE))
		return err_new(ERR_FORMAT, "spec: type '%.80s', expected " PROCESS_TYPE,
			q->spec ? q->spec->type_url : "");
	buf_put(&p->spec, bytes_of(q->spec->value.data, q->spec->value.len));
	TRY(buf_end(&p->spec, "spec"));
	TRY(set_text(&p->in, q->stdin));
	TRY(set_text(&p->out, q->stdout));
	TRY(set_text(&p->err, q->stderr));
	p->terminal = q->terminal;
	p->state = TASK_CREATED;
	return OK;
}

static RESULT check_exec(const struct task *container, const Task__ExecProcessRequest *q)
{
	TRY(shim_id_check(q->exec_id, "exec id"));
	if (container->state == TASK_CREATING || container->state == TASK_STOPPED ||
		container->exit_known)
		return task_wrong_state(container, "execute in");
	if (container->n_execs == SHIM_EXECS_MAX)
		return err_new(ERR_LIMIT, "container %s: more than %d processes", container->id,
			SHIM_EXECS_MAX);
	return OK;
}

static RESULT add_exec(struct shim *s, struct bytes payload, bool *ret_exists)
{
	AUTO(pb_free_any) Task__ExecProcessRequest *q = NULL;
	AUTO(task_unrefp) struct task *p = NULL;
	struct task *container, *other;

	*ret_exists = false;
	TRY(PB_UNPACK(task__exec_process_request, payload, &q));
	TRY(task_find(s, q->id, "", &container));
	TRY(check_exec(container, q));
	*ret_exists = !failed(task_find(s, q->id, q->exec_id, &other));
	if (*ret_exists)
		return OK;
	TRY(task_new(s, q->id, q->exec_id, &p));
	p->container = task_ref(container);
	TRY(fill_exec(p, q));
	task_list(p);
	event_exec_added(p);
	return OK;
}

void serve_exec(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	bool exists;
	struct err e = add_exec(arg, payload, &exists);

	if (!failed(e) && exists)
		ttrpc_fail_as(call, TTRPC_ALREADY_EXISTS, "the process exists already");
	else
		answer_result(call, e);
}
