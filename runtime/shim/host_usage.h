/* What a process of this host uses, as statistics of a container. */
#pragma once

#include <base/buf.h>

/* CPU time and resident memory from /proc/PID; ERR_NOT_FOUND when it is gone. Appends packed
 * Metrics, see metrics.h. */
RESULT host_usage_pack(uint32_t pid, bool v2, struct buf *out);
/* User and system time, in ticks, of a line of /proc/PID/stat; the name in it may hold anything. */
RESULT host_usage_parse(struct bytes line, uint64_t *ret_user, uint64_t *ret_system);
