/* What both shapes of statistics share. */
#pragma once

#include "metrics.h"

#include <base/auto.h>

/* n zeroed items and the pointers to them that protobuf-c wants. */
struct metrics_list {
	void *items;
	void **pointers;
};
RESULT metrics_list(size_t n, size_t size, const char *what, struct metrics_list *ret_list);
void metrics_list_done(struct metrics_list *l);
RESULT metrics_check_count(size_t n, const char *what);

/* A number of memory.stat: its name in this version of cgroups, and the nearest of the other. */
struct metrics_row {
	const char *name, *other;
	size_t offset; /* of a uint64_t */
};
void metrics_memory(
	const Agent__MemoryStats *m, const struct metrics_row *rows, size_t n, void *to);

/*
 * The two versions' messages differ by name and agree in most members. This defines, for messages
 * `Prefix__...` (C names `prefix`) of a `struct message`, fill_network(), fill_hugetlb() and
 * fill(); `Huge`, `huge` and `used` are what their huge pages are called, `fill_disks` the file's
 * own.
 */
#define METRICS_FILL(Prefix, prefix, Huge, huge, used, fill_disks)                                 \
	static RESULT fill_network(struct message *m, const Agent__StatsContainerResponse *s)      \
	{                                                                                          \
		size_t n = s->n_network_stats;                                                     \
                                                                                                   \
		TRY(metrics_list(n, sizeof(Prefix##__NetworkStat), "interfaces", &m->network));    \
		m->top.network = (Prefix##__NetworkStat **)(void *)m->network.pointers;            \
		m->top.n_network = n;                                                              \
		for (size_t i = 0; i < n; i++) {                                                   \
			const Agent__NetworkStats *from = s->network_stats[i];                     \
			Prefix##__NetworkStat *to = m->network.pointers[i];                        \
                                                                                                   \
			prefix##__network_stat__init(to);                                          \
			to->name = from->name;                                                     \
			to->rx_bytes = from->rx_bytes;                                             \
			to->rx_packets = from->rx_packets;                                         \
			to->rx_errors = from->rx_errors;                                           \
			to->rx_dropped = from->rx_dropped;                                         \
			to->tx_bytes = from->tx_bytes;                                             \
			to->tx_packets = from->tx_packets;                                         \
			to->tx_errors = from->tx_errors;                                           \
			to->tx_dropped = from->tx_dropped;                                         \
		}                                                                                  \
		return OK;                                                                         \
	}                                                                                          \
                                                                                                   \
	static RESULT fill_hugetlb(struct message *m, const Agent__CgroupStats *c)                 \
	{                                                                                          \
		size_t n = c->n_hugetlb_stats;                                                     \
                                                                                                   \
		TRY(metrics_list(n, sizeof(Prefix##__##Huge), "huge pages", &m->hugetlb));         \
		m->top.hugetlb = (Prefix##__##Huge **)(void *)m->hugetlb.pointers;                 \
		m->top.n_hugetlb = n;                                                              \
		for (size_t i = 0; i < n; i++) {                                                   \
			const Agent__HugetlbStats *from = c->hugetlb_stats[i]->value;              \
			Prefix##__##Huge *to = m->hugetlb.pointers[i];                             \
                                                                                                   \
			prefix##__##huge##__init(to);                                              \
			to->pagesize = c->hugetlb_stats[i]->key;                                   \
			if (!from)                                                                 \
				continue;                                                          \
			to->used = from->usage;                                                    \
			to->max = from->max_usage;                                                 \
			to->failcnt = from->failcnt;                                               \
		}                                                                                  \
		return OK;                                                                         \
	}                                                                                          \
                                                                                                   \
	static RESULT fill(struct message *m, const Agent__StatsContainerResponse *s)              \
	{                                                                                          \
		const Agent__CgroupStats *c = s->cgroup_stats;                                     \
                                                                                                   \
		TRY(fill_network(m, s));                                                           \
		if (!c)                                                                            \
			return OK;                                                                 \
		if (c->pids_stats) {                                                               \
			m->top.pids = &m->pids;                                                    \
			m->pids.current = c->pids_stats->current;                                  \
			m->pids.limit = c->pids_stats->limit;                                      \
		}                                                                                  \
		if (c->cpu_stats)                                                                  \
			fill_cpu(m, c->cpu_stats);                                                 \
		if (c->memory_stats)                                                               \
			fill_memory(m, c->memory_stats);                                           \
		if (c->blkio_stats)                                                                \
			TRY(fill_disks(m, c->blkio_stats));                                        \
		return fill_hugetlb(m, c);                                                         \
	}
