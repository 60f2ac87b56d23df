#include "open.h"
#include "reply.h"
#include "requests.h"
#include "sealed.h"

#include <base/file.h>

/* An ExecProcess between the request and crun's end. */
struct addition {
	struct ttrpc_call *call;
	struct task *task;
	struct stdio stdio;
	char *process_file;
	char *pid_file;
};

static void addition_free(struct addition *n)
{
	stdio_done(&n->stdio);
	if (n->process_file)
		(void)unlink(n->process_file);
	if (n->pid_file)
		(void)unlink(n->pid_file);
	free(n->process_file);
	free(n->pid_file);
	free(n);
}

static RESULT finish(const struct addition *n)
{
	TRY(stdio_take_console(n->task, &n->stdio));
	return task_started(n->task, n->pid_file);
}

static void on_added(void *arg, int status)
{
	struct addition *n = arg;
	struct container *c = n->task->container;
	struct ttrpc_call *call = n->call;
	struct err e = status == 0 ? finish(n) : crun_error(c->dir, "exec", status);

	c->n_execs--;
	if (failed(e)) {
		task_free(n->task);
	}
	addition_free(n);
	reply_result(call, e);
}

static RESULT write_process(
	const struct container *c, const Agent__ExecProcessRequest *q, const char *process_file)
{
	AUTO(plan_done) struct plan plan = { 0 };
	AUTO(buf_done) struct buf json = BUF_INIT(AGENT_CONFIG_MAX);

	if (c->open)
		return open_write_exec(c, q, process_file);
	TRY(spec_check_process(q->process, c->rule));
	TRY(plan_make_exec(&c->plan, q->process, c->rootfs_fd, &plan));
	TRY(manifest_check_exec(c->rule, &c->plan, &plan));
	TRY(sealed_apply(c, &plan.env));
	TRY(spec_write_process(&plan, q->process, c->rule, &json));
	return file_write_atomic(process_file, buf_bytes(&json), 0600);
}

/* Old ones that nobody will ask about any more make room for new ones. */
static RESULT make_room(struct container *c)
{
	struct task *t, *next;
	size_t n = 0;

	for (t = c->tasks; t; t = t->next)
		n++;
	for (t = c->tasks; t && t->next && n >= AGENT_PROCESSES_MAX; t = next) {
		next = t->next;
		if (!t->exited || !t->waited)
			continue;
		task_free(t);
		n--;
	}
	if (n >= AGENT_PROCESSES_MAX)
		return err_new(ERR_LIMIT, "more than %d processes", AGENT_PROCESSES_MAX);
	return OK;
}

static RESULT check_exec_id(struct container *c, const char *exec_id)
{
	TRY(spec_check_id(exec_id));
	for (struct task *t = c->tasks; t; t = t->next) {
		bool first = t->next == NULL;

		if (!str_equal(t->exec_id, exec_id) && !(first && str_equal(exec_id, c->id)))
			continue;
		if (first || !t->exited || !t->waited)
			return err_new(ERR_STATE, "process %s exists", exec_id);
		task_free(t);
		return OK;
	}
	return OK;
}

static RESULT check_request(
	struct agent *a, const Agent__ExecProcessRequest *q, struct container **ret_container)
{
	struct container *c;

	TRY(container_get(a, q->container_id, &c));
	if (!q->process)
		return err_new(ERR_FORMAT, "ExecProcess: no process");
	if (q->string_user && !a->open_world)
		return err_new(ERR_FORMAT, "ExecProcess: a user by name");
	if (q->stdin_port || q->stdout_port || q->stderr_port)
		return err_new(ERR_UNSUPPORTED, "ports for standard streams");
	if (c->sandbox || c->state != CONTAINER_RUNNING || c->op)
		return err_new(ERR_STATE, "container %s is not running", c->id);
	if (c->paused)
		return err_new(ERR_STATE, "container %s is paused", c->id);
	TRY(check_exec_id(c, q->exec_id));
	TRY(make_room(c));
	*ret_container = c;
	return OK;
}

static RESULT start(struct addition *n, struct container *c, const Agent__ExecProcessRequest *q)
{
	TRY(str_format(&n->process_file, "%s/exec-%s.json", c->dir, q->exec_id));
	TRY(str_format(&n->pid_file, "%s/exec-%s.pid", c->dir, q->exec_id));
	TRY(write_process(c, q, n->process_file));
	TRY(task_new(c, q->exec_id, q->process->terminal, &n->task));
	TRY(stdio_open(n->task, &n->stdio));
	return crun_start(&(struct crun_call){
		.agent = c->agent,
		.command = "exec",
		.id = c->id,
		.dir = c->dir,
		.stdio = &n->stdio,
		.process_file = n->process_file,
		.pid_file = n->pid_file,
		.fn = on_added,
		.arg = n,
	});
}

static RESULT begin(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__ExecProcessRequest *q = NULL;
	struct container *c;
	struct addition *n;
	struct err e;

	TRY(PB_UNPACK(agent__exec_process_request, payload, &q));
	TRY(check_request(a, q, &c));
	n = malloc(sizeof(*n));
	if (!n)
		return err_new(ERR_NOMEM, "process");
	*n = (struct addition){ .call = call, .stdio = STDIO_NONE };
	e = start(n, c, q);
	if (!failed(e)) {
		c->n_execs++;
		return OK;
	}
	if (n->task)
		task_free(n->task);
	addition_free(n);
	return e;
}

void exec_process(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = begin(a, call, payload);

	if (!failed(e))
		return;
	reply_failure(call, e);
}
