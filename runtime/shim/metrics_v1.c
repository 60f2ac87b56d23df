#include "metrics_parts.h"

#include <cgroups1.pb-c.h>

#include <net/pb.h>

#define ROW(member, v2_name)                                                                       \
	{                                                                                          \
		.name = #member, .other = (v2_name),                                               \
		.offset = offsetof(Cgroups1__MemoryStat, member)                                   \
	}
#define ROW_AS(member, v1_name, v2_name)                                                           \
	{                                                                                          \
		.name = (v1_name), .other = (v2_name),                                             \
		.offset = offsetof(Cgroups1__MemoryStat, member)                                   \
	}
/* kernel: cgroup-v1/memory.rst 5.2, cgroup-v2.rst memory.stat */
static const struct metrics_row rows[] = {
	ROW(cache, "file"),
	ROW(rss, "anon"),
	ROW(rss_huge, "anon_thp"),
	ROW(mapped_file, "file_mapped"),
	ROW(dirty, "file_dirty"),
	ROW(writeback, "file_writeback"),
	ROW_AS(pg_pg_in, "pgpgin", NULL),
	ROW_AS(pg_pg_out, "pgpgout", NULL),
	ROW_AS(pg_fault, "pgfault", NULL),
	ROW_AS(pg_maj_fault, "pgmajfault", NULL),
	ROW(inactive_anon, NULL),
	ROW(active_anon, NULL),
	ROW(inactive_file, NULL),
	ROW(active_file, NULL),
	ROW(unevictable, NULL),
	ROW(hierarchical_memory_limit, NULL),
	ROW_AS(hierarchical_swap_limit, "hierarchical_memsw_limit", NULL),
	ROW(total_cache, "file"),
	ROW(total_rss, "anon"),
	ROW(total_rss_huge, "anon_thp"),
	ROW(total_mapped_file, "file_mapped"),
	ROW(total_dirty, "file_dirty"),
	ROW(total_writeback, "file_writeback"),
	ROW_AS(total_pg_pg_in, "total_pgpgin", NULL),
	ROW_AS(total_pg_pg_out, "total_pgpgout", NULL),
	ROW_AS(total_pg_fault, "total_pgfault", "pgfault"),
	ROW_AS(total_pg_maj_fault, "total_pgmajfault", "pgmajfault"),
	ROW(total_inactive_anon, "inactive_anon"),
	ROW(total_active_anon, "active_anon"),
	ROW(total_inactive_file, "inactive_file"),
	ROW(total_active_file, "active_file"),
	ROW(total_unevictable, "unevictable"),
};
#undef ROW
#undef ROW_AS

enum {
	BLKIO_LISTS = 8
};

struct message {
	Cgroups1__Metrics top;
	Cgroups1__PidsStat pids;
	Cgroups1__CPUStat cpu;
	Cgroups1__CPUUsage usage;
	Cgroups1__Throttle throttle;
	Cgroups1__MemoryStat memory;
	Cgroups1__MemoryEntry entry, swap, kernel;
	Cgroups1__BlkIOStat blkio;
	struct metrics_list blkio_lists[BLKIO_LISTS], hugetlb, network;
};

static void message_done(struct message *m)
{
	for (size_t i = 0; i < BLKIO_LISTS; i++)
		metrics_list_done(&m->blkio_lists[i]);
	metrics_list_done(&m->hugetlb);
	metrics_list_done(&m->network);
}

static void fill_cpu(struct message *m, const Agent__CpuStats *c)
{
	m->top.cpu = &m->cpu;
	if (c->cpu_usage) {
		m->cpu.usage = &m->usage;
		m->usage.total = c->cpu_usage->total_usage;
		m->usage.kernel = c->cpu_usage->usage_in_kernelmode;
		m->usage.user = c->cpu_usage->usage_in_usermode;
		m->usage.per_cpu = c->cpu_usage->percpu_usage; /* only read */
		m->usage.n_per_cpu = c->cpu_usage->n_percpu_usage;
	}
	if (c->throttling_data) {
		m->cpu.throttling = &m->throttle;
		m->throttle.periods = c->throttling_data->periods;
		m->throttle.throttled_periods = c->throttling_data->throttled_periods;
		m->throttle.throttled_time = c->throttling_data->throttled_time;
	}
}

static void fill_entry(
	Cgroups1__MemoryEntry *to, Cgroups1__MemoryEntry **at, const Agent__MemoryData *from)
{
	if (!from)
		return;
	to->limit = from->limit;
	to->usage = from->usage;
	to->max = from->max_usage;
	to->failcnt = from->failcnt;
	*at = to;
}

static void fill_memory(struct message *m, const Agent__MemoryStats *s)
{
	m->top.memory = &m->memory;
	m->memory.cache = s->cache;
	m->memory.total_cache = s->cache;
	metrics_memory(s, rows, ARRAY_LEN(rows), &m->memory);
	fill_entry(&m->entry, &m->memory.usage, s->usage);
	fill_entry(&m->swap, &m->memory.swap, s->swap_usage);
	fill_entry(&m->kernel, &m->memory.kernel, s->kernel_usage);
}

static RESULT fill_blkio_list(struct metrics_list *l, size_t n, Agent__BlkioStatsEntry *const *from,
	size_t *ret_n, Cgroups1__BlkIOEntry ***ret_list)
{
	TRY(metrics_list(n, sizeof(Cgroups1__BlkIOEntry), "block I/O", l));
	for (size_t i = 0; i < n; i++) {
		Cgroups1__BlkIOEntry *e = l->pointers[i];

		cgroups1__blk_ioentry__init(e);
		e->op = from[i]->op;
		e->major = from[i]->major;
		e->minor = from[i]->minor;
		e->value = from[i]->value;
	}
	*ret_list = (Cgroups1__BlkIOEntry **)(void *)l->pointers;
	*ret_n = n;
	return OK;
}

#define BLKIO(i, member)                                                                           \
	TRY(fill_blkio_list(                                                                       \
		&m->blkio_lists[i], b->n_##member, b->member, &to->n_##member, &to->member))
static RESULT fill_blkio(struct message *m, const Agent__BlkioStats *b)
{
	Cgroups1__BlkIOStat *to = &m->blkio;

	m->top.blkio = to;
	BLKIO(0, io_service_bytes_recursive);
	BLKIO(1, io_serviced_recursive);
	BLKIO(2, io_queued_recursive);
	BLKIO(3, io_service_time_recursive);
	BLKIO(4, io_wait_time_recursive);
	BLKIO(5, io_merged_recursive);
	BLKIO(6, io_time_recursive);
	BLKIO(7, sectors_recursive);
	return OK;
}
#undef BLKIO

METRICS_FILL(Cgroups1, cgroups1, HugetlbStat, hugetlb_stat, usage, fill_blkio)

RESULT metrics_v1(const Agent__StatsContainerResponse *stats, struct buf *out)
{
	AUTO(message_done)
	struct message m = {
		.top = CGROUPS1__METRICS__INIT,
		.pids = CGROUPS1__PIDS_STAT__INIT,
		.cpu = CGROUPS1__CPUSTAT__INIT,
		.usage = CGROUPS1__CPUUSAGE__INIT,
		.throttle = CGROUPS1__THROTTLE__INIT,
		.memory = CGROUPS1__MEMORY_STAT__INIT,
		.entry = CGROUPS1__MEMORY_ENTRY__INIT,
		.swap = CGROUPS1__MEMORY_ENTRY__INIT,
		.kernel = CGROUPS1__MEMORY_ENTRY__INIT,
		.blkio = CGROUPS1__BLK_IOSTAT__INIT,
	};

	TRY(fill(&m, stats));
	return pb_pack(&m.top.base, out);
}
