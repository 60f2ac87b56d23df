#include "shim.h"

#include <stdlib.h>

static const char *const state_names[] = { "being created", "created", "running", "being paused",
	"paused", "stopped" };

const char *task_state_name(enum task_state state)
{
	return state_names[state];
}

RESULT task_wrong_state(const struct task *p, const char *verb)
{
	return err_new(ERR_STATE, "%s%s%s is %s: cannot %s it", p->exec_id[0] ? "process " : "",
		p->exec_id[0] ? p->exec_id : "container ", p->exec_id[0] ? "" : p->id,
		state_names[p->state], verb);
}

static RESULT fill(struct task *p, const char *id, const char *exec_id)
{
	TRY(str_dup(id, &p->id));
	TRY(str_dup(exec_id, &p->exec_id));
	TRY(str_dup("", &p->bundle));
	TRY(str_dup("", &p->in));
	TRY(str_dup("", &p->out));
	return str_dup("", &p->err);
}

RESULT task_new(struct shim *s, const char *id, const char *exec_id, struct task **ret)
{
	AUTO(task_unrefp) struct task *p = calloc(1, sizeof(*p));

	if (!p)
		return err_new(ERR_NOMEM, "process");
	p->users = 1;
	p->shim = s;
	p->container = p;
	p->spec = BUF_INIT(TTRPC_MESSAGE_MAX);
	STAILQ_INIT(&p->waiters);
	LIST_INIT(&p->execs);
	TRY(fill(p, id, exec_id));
	*ret = TAKE(p);
	return OK;
}

struct task *task_ref(struct task *p)
{
	p->users++;
	return p;
}

static void task_free(struct task *p)
{
	loop_remove(p->stall_timer);
	streams_freep(&p->io);
	buf_done(&p->spec);
	if (p->container != p)
		task_unref(p->container);
	free(p->id);
	free(p->exec_id);
	free(p->bundle);
	free(p->in);
	free(p->out);
	free(p->err);
	free(p);
}

void task_unref(struct task *p)
{
	if (p && --p->users == 0)
		task_free(p);
}

void task_unrefp(struct task **p)
{
	task_unref(*p);
	*p = NULL;
}

void task_list(struct task *p)
{
	task_ref(p);
	p->listed = true;
	if (p->container == p) {
		LIST_INSERT_HEAD(&p->shim->containers, p, link);
		p->shim->n_containers++;
	} else {
		LIST_INSERT_HEAD(&p->container->execs, p, link);
		p->container->n_execs++;
	}
}

static void fail_waiters(struct task *p)
{
	struct ttrpc_call *call;

	while ((call = waiter_take(&p->waiters, &p->n_waiters)) != NULL)
		ttrpc_fail(call,
			err_new(ERR_NOT_FOUND, "%s is gone", p->exec_id[0] ? p->exec_id : p->id));
}

void task_unlist(struct task *p)
{
	struct task *exec;

	if (!p->listed)
		return;
	while ((exec = LIST_FIRST(&p->execs)) != NULL)
		task_unlist(exec);
	p->listed = false;
	LIST_REMOVE(p, link);
	if (p->container == p)
		p->shim->n_containers--;
	else
		p->container->n_execs--;
	fail_waiters(p);
	streams_freep(&p->io);
	task_unref(p);
}

RESULT task_find(struct shim *s, const char *id, const char *exec_id, struct task **ret_task)
{
	struct task *p, *exec;

	LIST_FOREACH(p, &s->containers, link)
	{
		if (str_equal(p->id, id))
			break;
	}
	if (!p)
		return err_new(ERR_NOT_FOUND, "container %.80s does not exist", id);
	if (exec_id[0] == '\0') {
		*ret_task = p;
		return OK;
	}
	LIST_FOREACH(exec, &p->execs, link)
	{
		if (str_equal(exec->exec_id, exec_id)) {
			*ret_task = exec;
			return OK;
		}
	}
	return err_new(
		ERR_NOT_FOUND, "process %.80s of container %.80s does not exist", exec_id, id);
}

/* Engines that were restarted ask anew; what they asked before is answered to nobody. */
static void drop_abandoned(struct waiter_list *list, size_t *n)
{
	for (size_t left = *n; left > 0; left--) {
		struct waiter *w = STAILQ_FIRST(list);

		STAILQ_REMOVE_HEAD(list, link);
		if (ttrpc_call_timeout_ms(w->call) != 0) {
			STAILQ_INSERT_TAIL(list, w, link);
			continue;
		}
		(*n)--;
		ttrpc_answer(w->call, BYTES_NONE);
		free(w);
	}
}

RESULT waiter_add(struct waiter_list *list, size_t *n, struct ttrpc_call *call)
{
	struct waiter *w;

	drop_abandoned(list, n);
	if (*n == SHIM_WAITERS_MAX)
		return err_new(ERR_LIMIT, "%d already wait", SHIM_WAITERS_MAX);
	w = calloc(1, sizeof(*w));
	if (!w)
		return err_new(ERR_NOMEM, "waiting");
	w->call = call;
	STAILQ_INSERT_TAIL(list, w, link);
	(*n)++;
	return OK;
}

struct ttrpc_call *waiter_take(struct waiter_list *list, size_t *n)
{
	struct waiter *w = STAILQ_FIRST(list);
	struct ttrpc_call *call;

	if (!w)
		return NULL;
	STAILQ_REMOVE_HEAD(list, link);
	(*n)--;
	call = w->call;
	free(w);
	return call;
}
