#include "metrics_parts.h"

#include <cgroups2.pb-c.h>
#include <strings.h>

#include <net/pb.h>

enum {
	NS_PER_US = 1000
};

#define ROW(member, v1_name)                                                                       \
	{                                                                                          \
		.name = #member, .other = (v1_name),                                               \
		.offset = offsetof(Cgroups2__MemoryStat, member)                                   \
	}
/* kernel: cgroup-v2.rst memory.stat, cgroup-v1/memory.rst 5.2 */
static const struct metrics_row rows[] = {
	ROW(anon, "rss"),
	ROW(file, "cache"),
	ROW(kernel_stack, NULL),
	ROW(slab, NULL),
	ROW(sock, NULL),
	ROW(shmem, NULL),
	ROW(file_mapped, "mapped_file"),
	ROW(file_dirty, "dirty"),
	ROW(file_writeback, "writeback"),
	ROW(anon_thp, "rss_huge"),
	ROW(inactive_anon, NULL),
	ROW(active_anon, NULL),
	ROW(inactive_file, NULL),
	ROW(active_file, NULL),
	ROW(unevictable, NULL),
	ROW(slab_reclaimable, NULL),
	ROW(slab_unreclaimable, NULL),
	ROW(pgfault, NULL),
	ROW(pgmajfault, NULL),
	ROW(workingset_nodereclaim, NULL),
	ROW(pgrefill, NULL),
	ROW(pgscan, NULL),
	ROW(pgsteal, NULL),
	ROW(pgactivate, NULL),
	ROW(pgdeactivate, NULL),
	ROW(pglazyfree, NULL),
	ROW(pglazyfreed, NULL),
	ROW(thp_fault_alloc, NULL),
	ROW(thp_collapse_alloc, NULL),
	ROW(workingset_refault_anon, NULL),
	ROW(workingset_refault_file, NULL),
	ROW(workingset_activate_anon, NULL),
	ROW(workingset_activate_file, NULL),
};
#undef ROW

struct message {
	Cgroups2__Metrics top;
	Cgroups2__PidsStat pids;
	Cgroups2__CPUStat cpu;
	Cgroups2__MemoryStat memory;
	Cgroups2__IOStat io;
	struct metrics_list io_entries, hugetlb, network;
};

static void message_done(struct message *m)
{
	metrics_list_done(&m->io_entries);
	metrics_list_done(&m->hugetlb);
	metrics_list_done(&m->network);
}

static void fill_cpu(struct message *m, const Agent__CpuStats *c)
{
	m->top.cpu = &m->cpu;
	if (c->cpu_usage) {
		m->cpu.usage_usec = c->cpu_usage->total_usage / NS_PER_US;
		m->cpu.user_usec = c->cpu_usage->usage_in_usermode / NS_PER_US;
		m->cpu.system_usec = c->cpu_usage->usage_in_kernelmode / NS_PER_US;
	}
	if (c->throttling_data) {
		m->cpu.nr_periods = c->throttling_data->periods;
		m->cpu.nr_throttled = c->throttling_data->throttled_periods;
		m->cpu.throttled_usec = c->throttling_data->throttled_time / NS_PER_US;
	}
}

static void fill_memory(struct message *m, const Agent__MemoryStats *s)
{
	m->top.memory = &m->memory;
	m->memory.file = s->cache;
	metrics_memory(s, rows, ARRAY_LEN(rows), &m->memory);
	if (s->usage) {
		m->memory.usage = s->usage->usage;
		m->memory.usage_limit = s->usage->limit;
		m->memory.max_usage = s->usage->max_usage;
	}
	if (s->swap_usage) {
		m->memory.swap_usage = s->swap_usage->usage;
		m->memory.swap_limit = s->swap_usage->limit;
		m->memory.swap_max_usage = s->swap_usage->max_usage;
	}
}

static Cgroups2__IOEntry *io_entry(struct message *m, const Agent__BlkioStatsEntry *from)
{
	Cgroups2__IOEntry *e;

	for (size_t i = 0; i < m->io.n_usage; i++) {
		e = m->io.usage[i];
		if (e->major == from->major && e->minor == from->minor)
			return e;
	}
	e = m->io_entries.pointers[m->io.n_usage];
	cgroups2__ioentry__init(e);
	e->major = from->major;
	e->minor = from->minor;
	m->io.n_usage++;
	return e;
}

/* Two lists with an entry an operation become one with an entry a device. */
static RESULT fill_io(struct message *m, const Agent__BlkioStats *b)
{
	size_t n;

	TRY(metrics_check_count(b->n_io_service_bytes_recursive, "block I/O"));
	TRY(metrics_check_count(b->n_io_serviced_recursive, "block I/O"));
	n = b->n_io_service_bytes_recursive + b->n_io_serviced_recursive;
	if (n == 0)
		return OK;
	TRY(metrics_list(n, sizeof(Cgroups2__IOEntry), "block I/O", &m->io_entries));
	m->top.io = &m->io;
	m->io.usage = (Cgroups2__IOEntry **)(void *)m->io_entries.pointers;
	for (size_t i = 0; i < n; i++) {
		bool bytes = i < b->n_io_service_bytes_recursive;
		const Agent__BlkioStatsEntry *from =
			bytes ? b->io_service_bytes_recursive[i]
			      : b->io_serviced_recursive[i - b->n_io_service_bytes_recursive];
		Cgroups2__IOEntry *e = io_entry(m, from);

		if (strcasecmp(from->op, "read") == 0)
			*(bytes ? &e->rbytes : &e->rios) = from->value;
		else if (strcasecmp(from->op, "write") == 0)
			*(bytes ? &e->wbytes : &e->wios) = from->value;
	}
	return OK;
}

METRICS_FILL(Cgroups2, cgroups2, HugeTlbStat, huge_tlb_stat, current, fill_io)

RESULT metrics_v2(const Agent__StatsContainerResponse *stats, struct buf *out)
{
	AUTO(message_done)
	struct message m = {
		.top = CGROUPS2__METRICS__INIT,
		.pids = CGROUPS2__PIDS_STAT__INIT,
		.cpu = CGROUPS2__CPUSTAT__INIT,
		.memory = CGROUPS2__MEMORY_STAT__INIT,
		.io = CGROUPS2__IOSTAT__INIT,
	};

	TRY(fill(&m, stats));
	return pb_pack(&m.top.base, out);
}
