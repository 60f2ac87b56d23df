/* The lists and maps of StatsContainer. Each fills storage of its own and points the message there;
 * what does not fit is left out, because the guest's kernel decides how much there is. */
#pragma once

#include "agent.h"

enum {
	STATS_KEYS_MAX = 96,
	STATS_DEVICES_MAX = 32,
	STATS_OPS = 3, /* Read, Write, Discard */
	STATS_PAGE_SIZES_MAX = 8,
	STATS_INTERFACES_MAX = 16
};

struct stats_memory {
	char names[STATS_KEYS_MAX][40];
	Agent__MemoryStats__StatsEntry entries[STATS_KEYS_MAX];
	Agent__MemoryStats__StatsEntry *list[STATS_KEYS_MAX];
};
/* Every "key value" line of memory.stat. */
void stats_memory(struct buf *file, struct stats_memory *s, Agent__MemoryStats *msg);

struct stats_blkio {
	Agent__BlkioStats msg;
	Agent__BlkioStatsEntry bytes[STATS_DEVICES_MAX * STATS_OPS];
	Agent__BlkioStatsEntry counts[STATS_DEVICES_MAX * STATS_OPS];
	Agent__BlkioStatsEntry *bytes_list[STATS_DEVICES_MAX * STATS_OPS];
	Agent__BlkioStatsEntry *counts_list[STATS_DEVICES_MAX * STATS_OPS];
};
void stats_blkio(const struct container *c, struct stats_blkio *s, Agent__CgroupStats *msg);
/* The text of io.stat: "MAJOR:MINOR rbytes=N wbytes=N rios=N wios=N dbytes=N dios=N" lines. */
void stats_blkio_parse(const char *text, struct stats_blkio *s);

struct stats_hugetlb {
	char names[STATS_PAGE_SIZES_MAX][16];
	Agent__HugetlbStats values[STATS_PAGE_SIZES_MAX];
	Agent__CgroupStats__HugetlbStatsEntry entries[STATS_PAGE_SIZES_MAX];
	Agent__CgroupStats__HugetlbStatsEntry *list[STATS_PAGE_SIZES_MAX];
};
void stats_hugetlb(const struct container *c, struct stats_hugetlb *s, Agent__CgroupStats *msg);
/* "hugepages-2048kB" is "2MB" in the names of cgroup files. */
bool stats_page_size(const char *directory, char ret_name[static 16]);

struct stats_network {
	char names[STATS_INTERFACES_MAX][16];
	Agent__NetworkStats values[STATS_INTERFACES_MAX];
	Agent__NetworkStats *list[STATS_INTERFACES_MAX];
};
/* Interfaces below `dir` ("/sys/class/net") but the loopback. */
void stats_network(const char *dir, struct stats_network *s, Agent__StatsContainerResponse *msg);
