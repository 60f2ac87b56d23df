#include "oom.h"

#include "cgroup.h"
#include "reply.h"

#include <base/file.h>
#include <sys/inotify.h>

enum {
	EVENTS_MAX = 64,
	WAITERS_MAX = 8
};

struct oom {
	struct agent *agent;
	int fd;
	struct loop_source *source;
	char events[EVENTS_MAX][AGENT_ID_MAX + 1]; /* ring */
	size_t first, n;
	struct ttrpc_call *waiters[WAITERS_MAX];
	size_t n_waiters;
};

static void answer(struct ttrpc_call *call, const char *id)
{
	Agent__OOMEvent msg = AGENT__OOMEVENT__INIT;

	msg.container_id = (char *)(uintptr_t)id;
	reply(call, &msg.base);
}

/* Calls of peers that have left are released; an event must not be lost in them. */
static void drop_abandoned(struct oom *o)
{
	size_t kept = 0;

	for (size_t i = 0; i < o->n_waiters; i++) {
		if (ttrpc_call_timeout_ms(o->waiters[i]) == 0)
			answer(o->waiters[i], "");
		else
			o->waiters[kept++] = o->waiters[i];
	}
	o->n_waiters = kept;
}

static void deliver(struct oom *o)
{
	drop_abandoned(o);
	while (o->n > 0 && o->n_waiters > 0) {
		struct ttrpc_call *call = o->waiters[0];
		const char *id = o->events[o->first];

		o->n_waiters--;
		memmove(o->waiters, o->waiters + 1, o->n_waiters * sizeof(o->waiters[0]));
		o->first = (o->first + 1) % EVENTS_MAX;
		o->n--;
		answer(call, id);
	}
}

static void add_event(struct oom *o, const char *id)
{
	size_t at = (o->first + o->n) % EVENTS_MAX;

	(void)snprintf(o->events[at], sizeof(o->events[at]), "%s", id);
	if (o->n == EVENTS_MAX)
		o->first = (o->first + 1) % EVENTS_MAX;
	else
		o->n++;
}

static uint64_t kills_of(const struct container *c)
{
	AUTO(buf_done) struct buf file = BUF_INIT(4096);

	cgroup_read(c, "memory.events", &file);
	return cgroup_keyed(&file, "oom_kill");
}

void oom_check(struct container *c)
{
	uint64_t kills;

	if (c->sandbox || !c->agent->oom)
		return;
	kills = kills_of(c);
	if (kills <= c->oom_kills)
		return;
	c->oom_kills = kills;
	add_event(c->agent->oom, c->id);
	deliver(c->agent->oom);
}

static void check_watched(struct oom *o, int watch)
{
	for (struct container *c = o->agent->containers; c; c = c->next)
		if (c->oom_watch == watch) {
			oom_check(c);
			return;
		}
}

static void on_inotify(void *arg, int fd, unsigned events)
{
	_Alignas(struct inotify_event) char data[4096];
	struct oom *o = arg;
	ssize_t n;

	(void)events;
	while ((n = read(fd, data, sizeof(data))) > 0) {
		for (size_t at = 0; at + sizeof(struct inotify_event) <= (size_t)n;) {
			struct inotify_event e;

			memcpy(&e, data + at, sizeof(e));
			at += sizeof(e) + e.len;
			check_watched(o, e.wd);
		}
	}
}

void oom_watch(struct container *c)
{
	AUTO(auto_free) char *path = NULL;

	if (c->agent->oom && !failed(cgroup_path(c, "memory.events", &path)))
		c->oom_watch = inotify_add_watch(c->agent->oom->fd, path, IN_MODIFY);
}

void oom_forget(struct container *c)
{
	if (c->agent->oom && c->oom_watch > 0)
		(void)inotify_rm_watch(c->agent->oom->fd, c->oom_watch);
	c->oom_watch = 0;
}

void oom_event(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	struct oom *o = a->oom;

	(void)payload;
	drop_abandoned(o);
	if (o->n_waiters == WAITERS_MAX) {
		reply_failure(call, err_new(ERR_LIMIT, "too many wait for an event"));
		return;
	}
	o->waiters[o->n_waiters++] = call;
	deliver(o);
}

RESULT oom_new(struct agent *a, struct oom **ret_oom)
{
	AUTO(oom_freep) struct oom *o = calloc(1, sizeof(*o));

	if (!o)
		return err_new(ERR_NOMEM, "OOM events");
	o->agent = a;
	o->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (o->fd < 0)
		return err_new(ERR_SYS, "inotify");
	TRY(loop_add_fd(a->loop, o->fd, EPOLLIN, on_inotify, o, &o->source));
	*ret_oom = TAKE(o);
	return OK;
}

void oom_freep(struct oom **oom)
{
	struct oom *o = *oom;

	if (!o)
		return;
	for (size_t i = 0; i < o->n_waiters; i++)
		ttrpc_fail(o->waiters[i], err_new(ERR_STATE, "the agent ends"));
	loop_remove(o->source);
	if (o->fd >= 0)
		(void)close(o->fd);
	free(o);
}
