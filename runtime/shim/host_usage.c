#include "host_usage.h"

#include "metrics.h"

RESULT host_usage_pack(const struct pod_host_stats *h, bool v2, struct buf *out)
{
	Agent__StatsContainerResponse r = AGENT__STATS_CONTAINER_RESPONSE__INIT;
	Agent__CgroupStats c = AGENT__CGROUP_STATS__INIT;
	Agent__CpuStats cpu = AGENT__CPU_STATS__INIT;
	Agent__CpuUsage usage = AGENT__CPU_USAGE__INIT;
	Agent__MemoryStats memory = AGENT__MEMORY_STATS__INIT;
	Agent__MemoryData data = AGENT__MEMORY_DATA__INIT;
	Agent__PidsStats pids = AGENT__PIDS_STATS__INIT;
	Agent__BlkioStats io = AGENT__BLKIO_STATS__INIT;
	Agent__BlkioStatsEntry in = AGENT__BLKIO_STATS_ENTRY__INIT, out_of = in,
			       *entries[] = { &in, &out_of };

	for (size_t i = 0; i < h->n_processes; i++) {
		usage.usage_in_usermode += h->processes[i].user_ns;
		usage.usage_in_kernelmode += h->processes[i].system_ns;
	}
	usage.total_usage = h->all.cpu_ns;
	data.usage = h->all.memory_bytes;
	pids.current = h->all.processes;
	in.op = (char *)(uintptr_t) "Read";
	in.value = h->all.read_bytes;
	out_of.op = (char *)(uintptr_t) "Write";
	out_of.value = h->all.write_bytes;
	io.io_service_bytes_recursive = entries;
	io.n_io_service_bytes_recursive = ARRAY_LEN(entries);
	cpu.cpu_usage = &usage;
	memory.usage = &data;
	c.cpu_stats = &cpu;
	c.memory_stats = &memory;
	c.pids_stats = &pids;
	c.blkio_stats = &io;
	r.cgroup_stats = &c;
	return v2 ? metrics_v2(&r, out) : metrics_v1(&r, out);
}
