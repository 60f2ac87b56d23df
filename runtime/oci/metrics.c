#include "metrics.h"

#include <cgroups1.pb-c.h>
#include <cgroups2.pb-c.h>

#include <net/pb.h>

#define NS_PER_US UINT64_C(1000)

struct numbers {
	uint64_t cpu_total, cpu_user, cpu_kernel; /* ns */
	uint64_t periods, throttled, throttled_ns;
	uint64_t memory, memory_max, memory_limit, cache, oom_kills;
	uint64_t pids, pids_limit;
};

static void put(const struct numbers *n, struct json_writer *w)
{
	jw_object(w);
	jw_key(w, "cpu");
	jw_object(w);
	jw_key(w, "usage");
	jw_object(w);
	jw_ku64(w, "total", n->cpu_total);
	jw_ku64(w, "kernel", n->cpu_kernel);
	jw_ku64(w, "user", n->cpu_user);
	jw_object_end(w);
	jw_key(w, "throttling");
	jw_object(w);
	jw_ku64(w, "periods", n->periods);
	jw_ku64(w, "throttledPeriods", n->throttled);
	jw_ku64(w, "throttledTime", n->throttled_ns);
	jw_object_end(w);
	jw_object_end(w);
	jw_key(w, "memory");
	jw_object(w);
	jw_ku64(w, "cache", n->cache);
	jw_key(w, "usage");
	jw_object(w);
	jw_ku64(w, "limit", n->memory_limit);
	jw_ku64(w, "usage", n->memory);
	jw_ku64(w, "max", n->memory_max);
	jw_ku64(w, "failcnt", n->oom_kills);
	jw_object_end(w);
	jw_object_end(w);
	jw_key(w, "pids");
	jw_object(w);
	jw_ku64(w, "current", n->pids);
	jw_ku64(w, "limit", n->pids_limit);
	jw_object_end(w);
	jw_object_end(w);
}

static RESULT read_v1(struct bytes in, struct numbers *n)
{
	AUTO(pb_free_any) Cgroups1__Metrics *m = NULL;

	TRY(PB_UNPACK(cgroups1__metrics, in, &m));
	if (m->cpu && m->cpu->usage) {
		n->cpu_total = m->cpu->usage->total;
		n->cpu_user = m->cpu->usage->user;
		n->cpu_kernel = m->cpu->usage->kernel;
	}
	if (m->cpu && m->cpu->throttling) {
		n->periods = m->cpu->throttling->periods;
		n->throttled = m->cpu->throttling->throttled_periods;
		n->throttled_ns = m->cpu->throttling->throttled_time;
	}
	if (m->memory && m->memory->usage) {
		n->memory = m->memory->usage->usage;
		n->memory_max = m->memory->usage->max;
		n->memory_limit = m->memory->usage->limit;
		n->cache = m->memory->cache;
	}
	if (m->pids) {
		n->pids = m->pids->current;
		n->pids_limit = m->pids->limit;
	}
	n->oom_kills = m->memory_oom_control ? m->memory_oom_control->oom_kill : 0;
	return OK;
}

static RESULT read_v2(struct bytes in, struct numbers *n)
{
	AUTO(pb_free_any) Cgroups2__Metrics *m = NULL;

	TRY(PB_UNPACK(cgroups2__metrics, in, &m));
	if (m->cpu) {
		n->cpu_total = m->cpu->usage_usec * NS_PER_US;
		n->cpu_user = m->cpu->user_usec * NS_PER_US;
		n->cpu_kernel = m->cpu->system_usec * NS_PER_US;
		n->periods = m->cpu->nr_periods;
		n->throttled = m->cpu->nr_throttled;
		n->throttled_ns = m->cpu->throttled_usec * NS_PER_US;
	}
	if (m->memory) {
		n->memory = m->memory->usage;
		n->memory_max = m->memory->max_usage;
		n->memory_limit = m->memory->usage_limit;
		n->cache = m->memory->file;
	}
	if (m->pids) {
		n->pids = m->pids->current;
		n->pids_limit = m->pids->limit;
	}
	n->oom_kills = m->memory_events ? m->memory_events->oom_kill : 0;
	return OK;
}

RESULT metrics_print(const Pb__Any *stats, struct json_writer *w, uint64_t *ret_oom_kills)
{
	static const char google[] = "type.googleapis.com/";
	struct numbers n = { 0 };
	const char *type = stats ? stats->type_url : "";
	struct bytes in = BYTES_NONE;

	if (str_starts(type, google))
		type += sizeof(google) - 1;
	if (stats)
		in = bytes_of(stats->value.data, stats->value.len);
	if (str_equal(type, "io.containerd.cgroups.v1.Metrics"))
		TRY(read_v1(in, &n));
	else if (str_equal(type, "io.containerd.cgroups.v2.Metrics"))
		TRY(read_v2(in, &n));
	else
		return err_new(ERR_UNSUPPORTED, "statistics of type '%.80s'", type);
	put(&n, w);
	*ret_oom_kills = n.oom_kills;
	return OK;
}
