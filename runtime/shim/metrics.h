/* Statistics of a container as engines read them: the agent's, in the shape of the cgroup version
 * of this host (containerd's "io.containerd.cgroups.v1.Metrics" and ".v2."). */
#pragma once

#include <agent.pb-c.h>

#include <base/buf.h>

#define METRICS_V1 "io.containerd.cgroups.v1.Metrics"
#define METRICS_V2 "io.containerd.cgroups.v2.Metrics"

enum {
	METRICS_MAX = 256 * 1024,
	METRICS_ENTRIES_MAX = 1024 /* of a list: devices, interfaces, page sizes */
};

/* The host has the unified hierarchy only. */
bool metrics_host_is_v2(void);
/* Appends the packed message. What the guest does not tell is absent or zero. ERR_LIMIT. */
RESULT metrics_v1(const Agent__StatsContainerResponse *stats, struct buf *out);
RESULT metrics_v2(const Agent__StatsContainerResponse *stats, struct buf *out);
