/* PauseContainer and ResumeContainer: the freezer of cgroup v2. */
#include "cgroup.h"
#include "reply.h"
#include "requests.h"

enum {
	STEP_MS = 2,
	STEPS_MAX = 2500 /* a process in the kernel freezes when it comes out */
};

/* A request until the kernel says that it is done. */
struct freezing {
	struct agent *agent;
	struct ttrpc_call *call;
	struct loop_source *timer;
	char id[AGENT_ID_MAX + 1];
	bool pause;
	unsigned steps;
};

static void finish(struct freezing *f, struct err e)
{
	struct ttrpc_call *call = f->call;

	loop_remove(f->timer);
	free(f);
	reply_result(call, e);
}

static bool is_done(const struct container *c, bool pause)
{
	AUTO(buf_done) struct buf events = BUF_INIT(1024);

	cgroup_read(c, "cgroup.events", &events);
	return (cgroup_keyed(&events, "frozen") == 1) == pause;
}

static void on_step(void *arg)
{
	struct freezing *f = arg;
	const struct container *c = container_find(f->agent, f->id);

	if (!c)
		finish(f, err_new(ERR_FORMAT, "container %s: gone", f->id));
	else if (is_done(c, f->pause))
		finish(f, OK);
	else if (++f->steps == STEPS_MAX)
		finish(f,
			err_new(ERR_TIMEOUT, "container %s: some process does not freeze", f->id));
}

static RESULT begin(struct container *c, struct ttrpc_call *call, bool pause)
{
	struct freezing *f;
	struct err e;

	TRY(cgroup_write(c, "cgroup.freeze", pause ? "1" : "0"));
	c->paused = pause;
	f = calloc(1, sizeof(*f));
	if (!f)
		return err_new(ERR_NOMEM, "pause");
	*f = (struct freezing){ .agent = c->agent, .call = call, .pause = pause };
	(void)snprintf(f->id, sizeof(f->id), "%s", c->id);
	if (is_done(c, pause)) {
		finish(f, OK);
		return OK;
	}
	e = loop_add_timer(c->agent->loop, STEP_MS, STEP_MS, on_step, f, &f->timer);
	if (failed(e))
		free(f);
	return e;
}

static RESULT find(struct agent *a, const char *id, struct container **ret_container)
{
	struct container *c;

	TRY(container_get(a, id, &c));
	if (!a->open_world && !c->sandbox)
		TRY(manifest_check_allowed(&a->manifest, "pause"));
	if (!c->sandbox && c->state != CONTAINER_RUNNING && c->state != CONTAINER_CREATED)
		return err_new(ERR_STATE, "container %s is not running", id);
	*ret_container = c;
	return OK;
}

static void freeze(struct agent *a, struct ttrpc_call *call, const char *id, bool pause)
{
	struct container *c = NULL;
	struct err e = find(a, id, &c);

	/* The placeholder does nothing that could be stopped. */
	if (!failed(e) && c->sandbox) {
		reply_empty(call);
		return;
	}
	if (!failed(e))
		e = begin(c, call, pause);
	if (failed(e))
		reply_failure(call, e);
}

void freeze_pause(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__PauseContainerRequest *q = NULL;
	struct err e = PB_UNPACK(agent__pause_container_request, payload, &q);

	if (failed(e))
		reply_failure(call, e);
	else
		freeze(a, call, q->container_id, true);
}

void freeze_resume(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__ResumeContainerRequest *q = NULL;
	struct err e = PB_UNPACK(agent__resume_container_request, payload, &q);

	if (failed(e))
		reply_failure(call, e);
	else
		freeze(a, call, q->container_id, false);
}
