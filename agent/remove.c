/* RemoveContainer: every process is killed, then what was made for the container goes. */
#include "cgroup.h"
#include "reply.h"
#include "requests.h"

#include <signal.h>

enum {
	TIMEOUT_MAX_S = 3600
};

/* Until crun has deleted it; the request may have been answered before, for it took too long. */
struct removal {
	struct container *container;
	struct loop_source *timer;
};

static void on_timeout(void *arg)
{
	struct removal *r = arg;
	struct container *c = r->container;

	loop_remove(TAKE(r->timer));
	if (c->op)
		reply_failure(TAKE(c->op),
			err_new(ERR_TIMEOUT,
				"container %s: ETIME: its processes do not end; removal goes on",
				c->id));
}

static void answer(struct container *c, struct err e)
{
	struct ttrpc_call *call = TAKE(c->op);

	if (call)
		reply_result(call, e);
}

static void on_removed(void *arg, int status)
{
	AUTO(auto_free) struct removal *r = arg;
	struct container *c = r->container;

	loop_remove(r->timer);
	if (status != 0) {
		c->state = CONTAINER_RUNNING;
		answer(c, crun_error(c->dir, "delete", status));
		return;
	}
	/* Its processes are dead; whoever waits for them shall hear how they ended. */
	reaper_collect(c->agent->reaper);
	struct ttrpc_call *call = TAKE(c->op);

	container_free(c);
	if (call)
		reply_empty(call);
}

static RESULT start(struct removal *r, uint32_t timeout)
{
	struct container *c = r->container;
	uint64_t s = timeout < TIMEOUT_MAX_S ? timeout : TIMEOUT_MAX_S;

	if (timeout > 0)
		TRY(loop_add_timer(c->agent->loop, s * 1000, 0, on_timeout, r, &r->timer));
	return crun_start(&(struct crun_call){
		.agent = c->agent,
		.command = "delete",
		.id = c->id,
		.dir = c->dir,
		.force = true,
		.fn = on_removed,
		.arg = r,
	});
}

/* In a PID namespace of its own all end with the first; crun knows of no other case without
 * cgroups. */
static void kill_all(struct container *c)
{
	for (struct task *t = c->tasks; t && c->shares_pids; t = t->next)
		if (t->pidfd >= 0)
			err_ignore(task_signal(t, SIGKILL)); /* crun reports what stays */
	if (c->shares_pids)
		err_ignore(cgroup_kill(c));
}

static RESULT begin(struct container *c, struct ttrpc_call *call, uint32_t timeout)
{
	enum container_state before = c->state;
	struct removal *r = malloc(sizeof(*r));
	struct err e;

	if (!r)
		return err_new(ERR_NOMEM, "removal");
	*r = (struct removal){ .container = c };
	c->state = CONTAINER_REMOVING;
	c->op = call;
	kill_all(c);
	e = start(r, timeout);
	if (failed(e)) {
		loop_remove(r->timer);
		free(r);
		c->state = before;
		c->op = NULL;
	}
	return e;
}

/* With PID 1 of its namespace everything else has ended. */
static bool has_ended(const struct container *c)
{
	const struct task *first = c->tasks;

	while (first && first->next)
		first = first->next;
	return first && first->exited && !c->shares_pids;
}

static RESULT remove_asked(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__RemoveContainerRequest *q = NULL;
	struct container *c;

	TRY(PB_UNPACK(agent__remove_container_request, payload, &q));
	TRY(container_get(a, q->container_id, &c));
	if (c->op || c->n_execs > 0 || c->state == CONTAINER_CREATING ||
		c->state == CONTAINER_REMOVING)
		return err_new(ERR_STATE, "container %s is busy", c->id);
	if (!c->sandbox && !(has_ended(c) && crun_forget(c)))
		return begin(c, call, q->timeout);
	container_free(c);
	reply_empty(call);
	return OK;
}

void remove_container(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = remove_asked(a, call, payload);

	if (failed(e))
		reply_failure(call, e);
}
