/* What the processes of a pod may use of this host: control groups and processors. */
#pragma once

#include "runtime/host_cgroup.h"

#include <agent.pb-c.h>

struct sandbox;

struct sandbox_host {
	struct host_cgroup *group; /* NULL: this host has none for us */
	struct cpu_list cpus, nodes;
};

/* Before anything of the pod is started: this process and what it starts are in its groups. */
RESULT sandbox_host_begin(struct sandbox *s);
/* The machine runs. */
RESULT sandbox_host_started(struct sandbox *s);
/* A container's processors, before it is created. ERR_FORMAT, or the kernel's refusal. */
RESULT sandbox_host_container(struct sandbox *s, const Oci__Spec *spec);
void sandbox_host_end(struct sandbox *s);
