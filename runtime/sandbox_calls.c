/* Operations that are one call of the agent each. */
#include "message.h"
#include "sandbox_internal.h"
#include "sandbox_spec.h"

#include <signal.h>

#include <net/pb.h>

static RESULT running(const struct sandbox *s)
{
	if (!s->agent || s->stopping)
		return err_new(ERR_STATE, "sandbox %s does not run", s->id);
	return OK;
}

static RESULT new_call(struct sandbox *s, const char *what, const char *id, sandbox_done_fn *fn,
	void *arg, struct sandbox_op **ret_op)
{
	TRY(running(s));
	TRY(sandbox_op_new(s, what, id, arg, ret_op));
	(*ret_op)->done = fn;
	return OK;
}

RESULT sandbox_container_start(struct sandbox *s, const char *id, sandbox_done_fn *fn, void *arg)
{
	Agent__StartContainerRequest r = AGENT__START_CONTAINER_REQUEST__INIT;
	struct sandbox_op *op = NULL;

	TRY(new_call(s, "starting container", id, fn, arg, &op));
	op->watched = true;
	r.container_id = pb_text(id);
	sandbox_asked(s, "StartContainer", id);
	return sandbox_op_call(op, "StartContainer", &r.base);
}

RESULT sandbox_exec(struct sandbox *s, const char *id, const char *exec_id, struct bytes process,
	sandbox_done_fn *fn, void *arg)
{
	Agent__ExecProcessRequest r = AGENT__EXEC_PROCESS_REQUEST__INIT;
	AUTO(pb_free_any) Oci__Process *p = NULL;
	struct sandbox_op *op = NULL;

	TRY(oci_json_process(process, &p));
	TRY(spec_amend_process(p));
	TRY(new_call(s, "executing in container", id, fn, arg, &op));
	op->watched = true;
	r.container_id = pb_text(id);
	r.exec_id = pb_text(exec_id);
	r.process = p;
	sandbox_asked_json(s, "ExecProcess", id, "process", process);
	return sandbox_op_call(op, "ExecProcess", &r.base);
}

RESULT sandbox_signal(struct sandbox *s, const char *id, const char *exec_id, int signo, bool all,
	sandbox_done_fn *fn, void *arg)
{
	Agent__SignalProcessRequest r = AGENT__SIGNAL_PROCESS_REQUEST__INIT;
	struct sandbox_op *op = NULL;

	TRY(new_call(s, "signalling container", id, fn, arg, &op));
	op->watched = true;
	r.container_id = pb_text(id);
	/* The first process by no name: the agent takes SIGKILL for all of the container then. */
	r.exec_id = pb_text(all ? "" : exec_id);
	r.signal = (uint32_t)signo;
	if (signo != SIGKILL) /* which is always allowed */
		sandbox_asked_number(s, "SignalProcess", id, "signal", r.signal);
	return sandbox_op_call(op, "SignalProcess", &r.base);
}

RESULT sandbox_resize(struct sandbox *s, const char *id, const char *exec_id, uint32_t rows,
	uint32_t columns, sandbox_done_fn *fn, void *arg)
{
	Agent__TtyWinResizeRequest r = AGENT__TTY_WIN_RESIZE_REQUEST__INIT;
	struct sandbox_op *op = NULL;

	TRY(new_call(s, "resizing the terminal of container", id, fn, arg, &op));
	op->watched = true;
	r.container_id = pb_text(id);
	r.exec_id = pb_text(exec_id);
	r.row = rows;
	r.column = columns;
	return sandbox_op_call(op, "TtyWinResize", &r.base);
}

RESULT sandbox_pause(struct sandbox *s, const char *id, bool pause, sandbox_done_fn *fn, void *arg)
{
	Agent__PauseContainerRequest p = AGENT__PAUSE_CONTAINER_REQUEST__INIT;
	Agent__ResumeContainerRequest r = AGENT__RESUME_CONTAINER_REQUEST__INIT;
	struct sandbox_op *op = NULL;

	TRY(new_call(s, pause ? "pausing container" : "resuming container", id, fn, arg, &op));
	op->watched = true;
	p.container_id = pb_text(id);
	r.container_id = pb_text(id);
	sandbox_asked(s, pause ? "PauseContainer" : "ResumeContainer", id);
	return pause ? sandbox_op_call(op, "PauseContainer", &p.base)
		     : sandbox_op_call(op, "ResumeContainer", &r.base);
}

RESULT sandbox_update(
	struct sandbox *s, const char *id, struct bytes resources, sandbox_done_fn *fn, void *arg)
{
	Agent__UpdateContainerRequest r = AGENT__UPDATE_CONTAINER_REQUEST__INIT;
	AUTO(pb_free_any) Oci__LinuxResources *limits = NULL;
	struct sandbox_op *op = NULL;

	TRY(oci_json_resources(resources, &limits));
	struct sandbox_box *box = sandbox_box_find(s, id);
	if (box)
		TRY(sandbox_host_limit(s, &box->cpus, limits));
	spec_amend_resources(s->shared, limits);
	TRY(new_call(s, "updating container", id, fn, arg, &op));
	op->watched = true;
	r.container_id = pb_text(id);
	r.resources = limits;
	return sandbox_op_call(op, "UpdateContainer", &r.base);
}

RESULT sandbox_wait(
	struct sandbox *s, const char *id, const char *exec_id, sandbox_exit_fn *fn, void *arg)
{
	Agent__WaitProcessRequest r = AGENT__WAIT_PROCESS_REQUEST__INIT;
	struct sandbox_op *op = NULL;

	TRY(new_call(s, "waiting for container", id, NULL, arg, &op));
	op->exit = fn;
	op->first = exec_id[0] == '\0';
	r.container_id = pb_text(id);
	r.exec_id = pb_text(exec_id);
	return sandbox_op_call(op, "WaitProcess", &r.base);
}

RESULT sandbox_stats(struct sandbox *s, const char *id, sandbox_stats_fn *fn, void *arg)
{
	Agent__StatsContainerRequest r = AGENT__STATS_CONTAINER_REQUEST__INIT;
	struct sandbox_op *op = NULL;

	TRY(new_call(s, "statistics of container", id, NULL, arg, &op));
	op->stats = fn;
	op->watched = true;
	r.container_id = pb_text(id);
	sandbox_asked(s, "StatsContainer", id);
	return sandbox_op_call(op, "StatsContainer", &r.base);
}
