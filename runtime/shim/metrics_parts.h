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

/* The messages differ by name and agree in their members. */
#define METRICS_COPY_NETWORK(to, from)                                                             \
	do {                                                                                       \
		(to)->name = (from)->name;                                                         \
		(to)->rx_bytes = (from)->rx_bytes;                                                 \
		(to)->rx_packets = (from)->rx_packets;                                             \
		(to)->rx_errors = (from)->rx_errors;                                               \
		(to)->rx_dropped = (from)->rx_dropped;                                             \
		(to)->tx_bytes = (from)->tx_bytes;                                                 \
		(to)->tx_packets = (from)->tx_packets;                                             \
		(to)->tx_errors = (from)->tx_errors;                                               \
		(to)->tx_dropped = (from)->tx_dropped;                                             \
	} while (0)
