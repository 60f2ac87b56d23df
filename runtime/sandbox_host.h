/* What the processes of a pod may use of this host: control groups and processors. */
#pragma once

#include "runtime/host_cgroup.h"

#include <agent.pb-c.h>

struct sandbox;
struct vm_launch;

/* What a container is limited to; empty: nothing. */
struct sandbox_cpus {
	struct cpu_list cpus, nodes;
};

struct sandbox_host {
	struct host_cgroup *group; /* NULL: this host has none for us */
	bool confined;		   /* to the devices that a machine needs */
};

/* Before anything of the pod is started: this process and what it starts are in its groups. */
RESULT sandbox_host_begin(struct sandbox *s);
/* The machine runs. */
RESULT sandbox_host_started(struct sandbox *s, const struct vm_launch *l);
/* A container's processors, before it is created or changed; the machine has the union over all
 * containers. What `r` (may be NULL) does not say stays. ERR_FORMAT, or the kernel's refusal. */
RESULT sandbox_host_limit(struct sandbox *s, struct sandbox_cpus *of, const Oci__LinuxResources *r);
void sandbox_host_end(struct sandbox *s);
