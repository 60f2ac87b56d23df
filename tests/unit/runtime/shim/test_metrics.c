/* Statistics of a guest in both shapes, whichever cgroup version the guest has. */
#include "host_usage.h"
#include "metrics.h"
#include "util.h"

#include <cgroups1.pb-c.h>
#include <cgroups2.pb-c.h>

#include <net/pb.h>

#define TEXT(s) ((char *)(uintptr_t)(s)) /* protobuf-c has no const */

static Agent__BlkioStatsEntry *entry(const char *op, uint64_t minor, uint64_t value)
{
	static Agent__BlkioStatsEntry entries[8];
	static size_t n;
	Agent__BlkioStatsEntry *e = &entries[n++ % ARRAY_LEN(entries)];

	agent__blkio_stats_entry__init(e);
	e->op = TEXT(op);
	e->major = 253;
	e->minor = minor;
	e->value = value;
	return e;
}

struct guest {
	Agent__StatsContainerResponse r;
	Agent__CgroupStats c;
	Agent__CpuStats cpu;
	Agent__CpuUsage usage;
	Agent__ThrottlingData throttling;
	Agent__MemoryStats memory;
	Agent__MemoryData data, swap;
	Agent__PidsStats pids;
	Agent__BlkioStats blkio;
	Agent__BlkioStatsEntry *bytes[3], *ios[1];
	Agent__CgroupStats__HugetlbStatsEntry huge;
	Agent__CgroupStats__HugetlbStatsEntry *huges[1];
	Agent__HugetlbStats huge_stats;
	Agent__NetworkStats net;
	Agent__NetworkStats *nets[1];
	Agent__MemoryStats__StatsEntry stats[4];
	Agent__MemoryStats__StatsEntry *stats_list[4];
};

static void make_memory(struct guest *g, const char *const names[4])
{
	agent__memory_stats__init(&g->memory);
	agent__memory_data__init(&g->data);
	agent__memory_data__init(&g->swap);
	for (size_t i = 0; i < 4; i++) {
		agent__memory_stats__stats_entry__init(&g->stats[i]);
		g->stats[i].key = (char *)(uintptr_t)names[i];
		g->stats[i].value = 1000 + i;
		g->stats_list[i] = &g->stats[i];
	}
	g->memory.stats = g->stats_list;
	g->memory.n_stats = 4;
	g->data.usage = 11;
	g->data.limit = 12;
	g->data.max_usage = 13;
	g->data.failcnt = 14;
	g->swap.usage = 21;
	g->memory.usage = &g->data;
	g->memory.swap_usage = &g->swap;
	g->memory.cache = 5;
}

static void make_lists(struct guest *g)
{
	agent__blkio_stats__init(&g->blkio);
	g->bytes[0] = entry("Read", 0, 100);
	g->bytes[1] = entry("Write", 0, 200);
	g->bytes[2] = entry("read", 1, 300);
	g->ios[0] = entry("Write", 1, 3);
	g->blkio.io_service_bytes_recursive = g->bytes;
	g->blkio.n_io_service_bytes_recursive = 3;
	g->blkio.io_serviced_recursive = g->ios;
	g->blkio.n_io_serviced_recursive = 1;
	agent__cgroup_stats__hugetlb_stats_entry__init(&g->huge);
	agent__hugetlb_stats__init(&g->huge_stats);
	g->huge_stats.usage = 7;
	g->huge.key = TEXT("2MB");
	g->huge.value = &g->huge_stats;
	g->huges[0] = &g->huge;
	g->c.hugetlb_stats = g->huges;
	g->c.n_hugetlb_stats = 1;
	agent__network_stats__init(&g->net);
	g->net.name = TEXT("eth0");
	g->net.rx_bytes = 1;
	g->net.tx_dropped = 8;
	g->nets[0] = &g->net;
	g->r.network_stats = g->nets;
	g->r.n_network_stats = 1;
}

static void make(struct guest *g, const char *const names[4])
{
	agent__stats_container_response__init(&g->r);
	agent__cgroup_stats__init(&g->c);
	agent__cpu_stats__init(&g->cpu);
	agent__cpu_usage__init(&g->usage);
	agent__throttling_data__init(&g->throttling);
	agent__pids_stats__init(&g->pids);
	make_memory(g, names);
	make_lists(g);
	g->usage.total_usage = 5000000;
	g->usage.usage_in_usermode = 3000000;
	g->usage.usage_in_kernelmode = 2000000;
	g->throttling.periods = 4;
	g->throttling.throttled_time = 9000;
	g->cpu.cpu_usage = &g->usage;
	g->cpu.throttling_data = &g->throttling;
	g->pids.current = 3;
	g->pids.limit = 100;
	g->c.cpu_stats = &g->cpu;
	g->c.memory_stats = &g->memory;
	g->c.pids_stats = &g->pids;
	g->c.blkio_stats = &g->blkio;
	g->r.cgroup_stats = &g->c;
}

static const char *const guest_v1[] = { "rss", "mapped_file", "total_pgfault", "inactive_anon" };
static const char *const guest_v2[] = { "anon", "file_mapped", "pgfault", "inactive_anon" };

static void test_v1(void **state)
{
	static const char *const *const guests[] = { guest_v1, guest_v2 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(guests); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(METRICS_MAX);
		AUTO(pb_free_any) Cgroups1__Metrics *m = NULL;
		struct guest g = { 0 };

		make(&g, guests[i]);
		assert_ok(metrics_v1(&g.r, &out));
		assert_ok(PB_UNPACK(cgroups1__metrics, buf_bytes(&out), &m));
		assert_int_equal(m->pids->current, 3);
		assert_int_equal(m->cpu->usage->total, 5000000);
		assert_int_equal(m->cpu->throttling->throttled_time, 9000);
		assert_int_equal(m->memory->rss, 1000);
		assert_int_equal(m->memory->mapped_file, 1001);
		assert_int_equal(m->memory->total_pg_fault, 1002);
		assert_int_equal(m->memory->inactive_anon, 1003);
		assert_int_equal(m->memory->cache, 5);
		assert_int_equal(m->memory->usage->max, 13);
		assert_int_equal(m->memory->swap->usage, 21);
		assert_int_equal(m->blkio->n_io_service_bytes_recursive, 3);
		assert_string_equal(m->blkio->io_service_bytes_recursive[2]->op, "read");
		assert_string_equal(m->hugetlb[0]->pagesize, "2MB");
		assert_string_equal(m->network[0]->name, "eth0");
		assert_int_equal(m->network[0]->tx_dropped, 8);
	}
}

static void test_v2(void **state)
{
	static const char *const *const guests[] = { guest_v1, guest_v2 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(guests); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(METRICS_MAX);
		AUTO(pb_free_any) Cgroups2__Metrics *m = NULL;
		struct guest g = { 0 };

		make(&g, guests[i]);
		assert_ok(metrics_v2(&g.r, &out));
		assert_ok(PB_UNPACK(cgroups2__metrics, buf_bytes(&out), &m));
		assert_int_equal(m->pids->limit, 100);
		assert_int_equal(m->cpu->usage_usec, 5000);
		assert_int_equal(m->cpu->throttled_usec, 9);
		assert_int_equal(m->memory->anon, 1000);
		assert_int_equal(m->memory->file_mapped, 1001);
		assert_int_equal(m->memory->file, 5);
		assert_int_equal(m->memory->usage_limit, 12);
		assert_int_equal(m->memory->swap_usage, 21);
		assert_int_equal(m->io->n_usage, 2);
		assert_int_equal(m->io->usage[0]->wbytes, 200);
		assert_int_equal(m->io->usage[1]->rbytes, 300);
		assert_int_equal(m->io->usage[1]->wios, 3);
		assert_int_equal(m->hugetlb[0]->current, 7);
		assert_int_equal(m->network[0]->rx_bytes, 1);
	}
}

/* What a pod costs the host, as an engine reads it. */
static void test_host(void **state)
{
	const struct pod_host_stats h = {
		.processes = { { .user_ns = 2000, .system_ns = 3000 },
			{ .user_ns = 4000, .system_ns = 5000 } },
		.n_processes = 2,
		.all = { .cpu_ns = 20000,
			.memory_bytes = 4096,
			.processes = 7,
			.read_bytes = 8,
			.write_bytes = 9 },
	};
	AUTO(buf_done) struct buf v1 = BUF_INIT(METRICS_MAX);
	AUTO(buf_done) struct buf v2 = BUF_INIT(METRICS_MAX);
	AUTO(pb_free_any) Cgroups1__Metrics *m1 = NULL;
	AUTO(pb_free_any) Cgroups2__Metrics *m2 = NULL;

	(void)state;
	assert_ok(host_usage_pack(&h, false, &v1));
	assert_ok(PB_UNPACK(cgroups1__metrics, buf_bytes(&v1), &m1));
	assert_int_equal(m1->cpu->usage->total, 20000);
	assert_int_equal(m1->cpu->usage->user, 6000);
	assert_int_equal(m1->cpu->usage->kernel, 8000);
	assert_int_equal(m1->memory->usage->usage, 4096);
	assert_int_equal(m1->pids->current, 7);
	assert_int_equal(m1->blkio->io_service_bytes_recursive[1]->value, 9);
	assert_ok(host_usage_pack(&h, true, &v2));
	assert_ok(PB_UNPACK(cgroups2__metrics, buf_bytes(&v2), &m2));
	assert_int_equal(m2->cpu->usage_usec, 20);
	assert_int_equal(m2->memory->usage, 4096);
	assert_int_equal(m2->io->n_usage, 1);
	assert_int_equal(m2->io->usage[0]->rbytes, 8);
	assert_int_equal(m2->io->usage[0]->wbytes, 9);
}

static void test_empty_and_too_long(void **state)
{
	AUTO(buf_done) struct buf out = BUF_INIT(METRICS_MAX);
	Agent__StatsContainerResponse r = AGENT__STATS_CONTAINER_RESPONSE__INIT;

	(void)state;
	assert_ok(metrics_v1(&r, &out));
	assert_ok(metrics_v2(&r, &out));
	r.n_network_stats = METRICS_ENTRIES_MAX + 1;
	assert_err(metrics_v1(&r, &out), ERR_LIMIT);
	assert_err(metrics_v2(&r, &out), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v1),
		cmocka_unit_test(test_v2),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_empty_and_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
