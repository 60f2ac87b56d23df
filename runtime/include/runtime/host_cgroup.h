/*
 * The control groups of this host that a pod's processes are in: shim, QEMU, virtiofsd, swtpm.
 * Hierarchies of version 1, version 2 and both at once. (cgroups(7); Kata's host cgroups)
 */
#pragma once

#include "runtime/cpu_list.h"

#include <sys/types.h>

#define HOST_CGROUP_ROOT "/sys/fs/cgroup"

enum {
	HOST_CGROUP_DEVICES_MAX = 8
};

struct host_cgroup;

struct host_cgroup_spec {
	/* linux.cgroupsPath: "/kubepods/pod1/ID", or "SLICE:PREFIX:NAME" for systemd. NULL or "":
	 * "/sealpod/ID". ERR_FORMAT: steps out of the hierarchy. */
	const char *path;
	const char *id; /* of the pod */
	bool only;	/* sandbox_cgroup_only; else all but vCPUs are in "/sealpod-overhead/ID" */
	const char *root; /* NULL: HOST_CGROUP_ROOT */
};
/* Makes the groups. ERR_UNSUPPORTED: there is no hierarchy at the root. */
RESULT host_cgroup_new(const struct host_cgroup_spec *spec, struct host_cgroup **ret_group);
/* A process (0: this one) and what it starts from now on: call before anything is started. */
RESULT host_cgroup_enter(struct host_cgroup *g, pid_t pid);
/* QEMU, once it runs: out of the overhead into the pod's group. Nothing when `only`. */
RESULT host_cgroup_enter_vm(struct host_cgroup *g, pid_t qemu);
/* Processes that talk to the guest, and what they may open. */
struct host_cgroup_vmm {
	pid_t pids[2]; /* 0: none */
	struct {
		const char *path; /* NULL ends the list; one that is not there is left out */
		bool write;
	} devices[HOST_CGROUP_DEVICES_MAX];
};
/*
 * Puts them into a group below the pod's, in the one hierarchy that can limit devices; what they
 * have open stays open. Call once. `*ret_confined` is false where the kernel has no such
 * controller; a controller that refuses is an error.
 */
RESULT host_cgroup_confine(
	struct host_cgroup *g, const struct host_cgroup_vmm *vmm, bool *ret_confined);
/* Union over the pod's containers; empty sets are left as they are. */
RESULT host_cgroup_set_cpus(
	struct host_cgroup *g, const struct cpu_list *cpus, const struct cpu_list *nodes);

/* Leaves the groups and removes them, with parents that were made for them. Those that others
 * still use stay. NULL is fine. */
void host_cgroup_freep(struct host_cgroup **g);
/* What an owner that was killed left; processes in it are not touched. */
void host_cgroup_clean(const struct host_cgroup_spec *spec);
/* Path below each hierarchy's root, without '/' at its start; the caller frees. */
RESULT host_cgroup_path(const struct host_cgroup_spec *spec, char **ret_path);

struct host_cgroup_usage {
	uint64_t cpu_ns, memory_bytes, processes;
	uint64_t read_bytes, write_bytes; /* of block devices */
};
/* Of both groups of a running pod together, by whoever asks; a hierarchy without the controller
 * counts 0. ERR_NOT_FOUND, ERR_UNSUPPORTED: there are none. */
RESULT host_cgroup_usage(const struct host_cgroup_spec *spec, struct host_cgroup_usage *ret_usage);
