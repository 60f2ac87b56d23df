/* OnlineCPUMem: processors and memory that the host has added. */
#include "reply.h"
#include "requests.h"

#include <dirent.h>

#include <base/file.h>

enum {
	CPUS_MAX = 1024,
	STEP_MS = 50,
	STEPS_MAX = 100 /* as Kata: what was plugged in appears a moment later */
};

/* A request until its processors are there. */
struct onlining {
	struct agent *agent;
	struct ttrpc_call *call;
	struct loop_source *timer;
	uint32_t left;
	unsigned steps;
	bool memory;
};

static void finish(struct onlining *o, struct err e)
{
	struct ttrpc_call *call = o->call;

	/* Memory is never added to a guest that has a manifest. */
	if (!failed(e) && o->memory && o->agent->open_world)
		e = o->agent->effects->memory_online();
	loop_remove(o->timer);
	o->agent->onlining = NULL;
	free(o);
	reply_result(call, e);
}

void online_give_up(struct agent *a)
{
	if (a->onlining)
		finish(a->onlining, err_new(ERR_STATE, "the agent ends"));
}

static RESULT bring_in(struct onlining *o)
{
	uint32_t done = 0;

	TRY(o->agent->effects->cpus_online(o->left, &done));
	o->left -= done < o->left ? done : o->left;
	return OK;
}

static void on_step(void *arg)
{
	struct onlining *o = arg;
	struct err e = bring_in(o);

	if (!failed(e) && o->left > 0) {
		if (++o->steps < STEPS_MAX)
			return;
		e = err_new(ERR_TIMEOUT, "nb_cpus: %u more processors did not appear", o->left);
	}
	finish(o, e);
}

/* Ends in finish() unless it fails. */
static RESULT begin(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__OnlineCPUMemRequest *q = NULL;
	AUTO(auto_free) struct onlining *o = calloc(1, sizeof(*o));

	if (!o)
		return err_new(ERR_NOMEM, "processors");
	if (a->onlining)
		return err_new(ERR_STATE, "another OnlineCPUMem waits for processors");
	TRY(PB_UNPACK(agent__online_cpumem_request, payload, &q));
	if (q->nb_cpus > CPUS_MAX)
		return err_new(ERR_LIMIT, "nb_cpus: more than %d", CPUS_MAX);
	*o = (struct onlining){
		.agent = a, .call = call, .left = q->nb_cpus, .memory = !q->cpu_only
	};
	TRY(bring_in(o));
	if (o->left == 0 || !q->wait) {
		finish(TAKE(o), OK);
		return OK;
	}
	TRY(loop_add_timer(a->loop, STEP_MS, STEP_MS, on_step, o, &o->timer));
	a->onlining = TAKE(o);
	return OK;
}

void guest_online(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = begin(a, call, payload);

	if (failed(e))
		reply_failure(call, e);
}

/* Every block that is there and not in use. */
RESULT effect_memory_online(void)
{
	AUTO(auto_closedir) DIR *d = opendir("/sys/devices/system/memory");
	const struct dirent *e;

	/* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (d && (e = readdir(d)) != NULL) {
		AUTO(buf_done) struct buf state = BUF_INIT(16);
		char path[320];

		(void)snprintf(
			path, sizeof(path), "/sys/devices/system/memory/%s/online", e->d_name);
		if (!str_starts(e->d_name, "memory") || failed(file_read(path, &state)) ||
			state.n == 0 || state.p[0] == '1')
			continue;
		TRY(file_write(path, bytes_str("1")));
	}
	return OK;
}

/* The first `n` processors that are offline. */
RESULT effect_cpus(uint32_t n, uint32_t *ret_done)
{
	uint32_t done = 0;

	for (unsigned cpu = 1; cpu < CPUS_MAX && done < n; cpu++) {
		AUTO(buf_done) struct buf state = BUF_INIT(16);
		char path[64];

		(void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
		if (failed(file_read(path, &state)) || state.n == 0 || state.p[0] == '1')
			continue;
		TRY(file_write(path, bytes_str("1")));
		done++;
	}
	*ret_done = done;
	return OK;
}
