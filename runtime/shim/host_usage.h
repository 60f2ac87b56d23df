/* What a pod costs this host, as statistics of a container. */
#pragma once

#include <runtime/pod_stats.h>

/* Appends packed Metrics, see metrics.h. Disks are one device of numbers 0:0. */
RESULT host_usage_pack(const struct pod_host_stats *h, bool v2, struct buf *out);
