/*
 * What a running pod uses: its containers as the guest counts them, and the processes of the host
 * that make its machine. The guest's numbers are the guest's word.
 */
#pragma once

#include "runtime/host_cgroup.h"
#include "runtime/pod.h"

struct pod_container_stats {
	const char *id; /* of the pod's state */
	bool known;	/* else the guest did not tell */
	uint64_t cpu_ns, memory, memory_limit, pids;
	uint64_t rx_bytes, tx_bytes, read_bytes, write_bytes;
};
struct pod_process_stats {
	const char *name;			    /* of the pod's state: "owner", "qemu" */
	uint64_t pid, user_ns, system_ns, resident; /* bytes */
	uint64_t read_bytes, write_bytes; /* of disks; 0 also where the kernel does not tell */
};
struct pod_host_stats {
	struct pod_process_stats processes[POD_PROCESSES_MAX + 1];
	size_t n_processes;
	/* The whole: of the pod's control groups, which count page cache and processes that have
	 * ended too; without groups the sum of the processes. */
	struct host_cgroup_usage all;
	bool grouped;
};

enum {
	POD_STATS_TIMEOUT_MS = 3000 /* of each answer of the guest */
};

struct pod_stats {
	struct pod_container_stats containers[POD_CONTAINERS_MAX];
	size_t n_containers;
	struct pod_host_stats host;
};
/* Processes at once, containers over the pod's agent.sock; `container` (an id) NULL: all. What the
 * guest does not tell, as its manifest may have it, is not known. ERR_NOMEM, ERR_SYS. */
RESULT pod_stats_read(const struct pod *p, const char *container, struct pod_stats *ret_stats);

/* The host's side alone. Names are the state's. */
void pod_host_stats_read(const struct pod_state *s, struct pod_host_stats *ret_stats);

/* CPU time in nanoseconds and resident bytes, of lines of /proc/PID/stat and statm. ERR_FORMAT. */
RESULT pod_process_stats_parse(struct bytes stat, struct bytes statm, struct pod_process_stats *s);
