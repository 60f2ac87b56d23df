/*
 * The cgroup (v2) of a container: made by crun, or by the agent itself on a plain host where crun
 * may not use cgroups. Such a one has no controllers, but can be frozen and killed.
 */
#pragma once

#include "agent.h"

/* Its file; what cannot be read (controller off, no cgroup) is empty. */
void cgroup_read(const struct container *c, const char *name, struct buf *out);
/* "max" and what cannot be read are 0. */
uint64_t cgroup_number(const struct container *c, const char *name);
/* Value of the line "key value" in a flat keyed file, else 0. */
uint64_t cgroup_keyed(struct buf *file, const char *key);
RESULT cgroup_write(const struct container *c, const char *name, const char *value);
/* <dir>/<id>/<name>; `name` may be "". */
RESULT cgroup_path(const struct container *c, const char *name, char **ret_path);
/* Every process in it. ERR_NOT_FOUND when the kernel or the container has no such thing. */
RESULT cgroup_kill(const struct container *c);
/* Where crun makes none: puts a process into the container's. */
void cgroup_add(const struct container *c, pid_t pid);
void cgroup_remove(const struct container *c);
/* The directory of all, when the agent made it. */
void cgroup_remove_all(const struct agent *a);

/* freeze.c */
void freeze_pause(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void freeze_resume(struct agent *a, struct ttrpc_call *call, struct bytes payload);
