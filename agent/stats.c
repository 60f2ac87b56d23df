#include "cgroup.h"
#include "reply.h"
#include "requests.h"
#include "stats_parts.h"

struct stats {
	Agent__StatsContainerResponse response;
	Agent__CgroupStats cgroup;
	Agent__CpuStats cpu;
	Agent__CpuUsage cpu_usage;
	Agent__ThrottlingData throttling;
	Agent__MemoryStats memory;
	Agent__MemoryData memory_usage, swap_usage, kernel_usage;
	Agent__PidsStats pids;
	struct stats_memory memory_map;
	struct stats_blkio blkio;
	struct stats_hugetlb hugetlb;
	struct stats_network network;
};

/* cgroup v2 counts microseconds, the API nanoseconds. */
static void fill_cpu(struct stats *s, const struct container *c)
{
	AUTO(buf_done) struct buf file = BUF_INIT(4096);

	agent__cpu_stats__init(&s->cpu);
	agent__cpu_usage__init(&s->cpu_usage);
	agent__throttling_data__init(&s->throttling);
	cgroup_read(c, "cpu.stat", &file);
	s->cpu_usage.total_usage = cgroup_keyed(&file, "usage_usec") * 1000;
	s->cpu_usage.usage_in_usermode = cgroup_keyed(&file, "user_usec") * 1000;
	s->cpu_usage.usage_in_kernelmode = cgroup_keyed(&file, "system_usec") * 1000;
	s->throttling.periods = cgroup_keyed(&file, "nr_periods");
	s->throttling.throttled_periods = cgroup_keyed(&file, "nr_throttled");
	s->throttling.throttled_time = cgroup_keyed(&file, "throttled_usec") * 1000;
	s->cpu.cpu_usage = &s->cpu_usage;
	s->cpu.throttling_data = &s->throttling;
	s->cgroup.cpu_stats = &s->cpu;
}

/* How often a limit was hit is in the events; the first line of swap's is "high". */
static uint64_t failures(const struct container *c, const char *events)
{
	AUTO(buf_done) struct buf file = BUF_INIT(4096);

	cgroup_read(c, events, &file);
	return cgroup_keyed(&file, "max");
}

static void fill_memory(struct stats *s, const struct container *c)
{
	AUTO(buf_done) struct buf file = BUF_INIT(16 * 1024);

	agent__memory_stats__init(&s->memory);
	agent__memory_data__init(&s->memory_usage);
	agent__memory_data__init(&s->swap_usage);
	agent__memory_data__init(&s->kernel_usage);
	s->memory_usage.usage = cgroup_number(c, "memory.current");
	s->memory_usage.max_usage = cgroup_number(c, "memory.peak");
	s->memory_usage.limit = cgroup_number(c, "memory.max");
	s->memory_usage.failcnt = failures(c, "memory.events");
	s->swap_usage.usage = cgroup_number(c, "memory.swap.current");
	s->swap_usage.max_usage = cgroup_number(c, "memory.swap.peak");
	s->swap_usage.limit = cgroup_number(c, "memory.swap.max");
	s->swap_usage.failcnt = failures(c, "memory.swap.events");
	cgroup_read(c, "memory.stat", &file);
	s->memory.cache = cgroup_keyed(&file, "file");
	s->kernel_usage.usage = cgroup_keyed(&file, "kernel");
	s->memory.use_hierarchy = true;
	s->memory.usage = &s->memory_usage;
	s->memory.swap_usage = &s->swap_usage;
	s->memory.kernel_usage = &s->kernel_usage;
	stats_memory(&file, &s->memory_map, &s->memory);
	s->cgroup.memory_stats = &s->memory;
}

static void fill_pids(struct stats *s, const struct container *c)
{
	agent__pids_stats__init(&s->pids);
	s->pids.current = cgroup_number(c, "pids.current");
	s->pids.limit = cgroup_number(c, "pids.max");
	s->cgroup.pids_stats = &s->pids;
}

static void send_stats(struct ttrpc_call *call, const struct container *c)
{
	AUTO(auto_free) struct stats *s = calloc(1, sizeof(*s));

	if (!s) {
		reply_failure(call, err_new(ERR_NOMEM, "statistics"));
		return;
	}
	agent__stats_container_response__init(&s->response);
	agent__cgroup_stats__init(&s->cgroup);
	s->response.cgroup_stats = &s->cgroup;
	fill_cpu(s, c);
	fill_memory(s, c);
	fill_pids(s, c);
	stats_blkio(c, &s->blkio, &s->cgroup);
	stats_hugetlb(c, &s->hugetlb, &s->cgroup);
	stats_network("/sys/class/net", &s->network, &s->response);
	reply(call, &s->response.base);
}

static RESULT find(struct agent *a, struct bytes payload, struct container **ret_container)
{
	AUTO(pb_free_any) Agent__StatsContainerRequest *q = NULL;

	TRY(PB_UNPACK(agent__stats_container_request, payload, &q));
	TRY(container_get(a, q->container_id, ret_container));
	if (a->open_world || (*ret_container)->sandbox)
		return OK;
	return manifest_check_allowed(&a->manifest, "stats");
}

void stats_container(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	struct container *c = NULL;
	struct err e = find(a, payload, &c);

	if (failed(e))
		reply_failure(call, e);
	else
		send_stats(call, c);
}
