/* What the files of the host's control groups share. */
#pragma once

#include "runtime/host_cgroup.h"

enum {
	HIERARCHIES_MAX = 32
};

struct hierarchy {
	char *dir;  /* where it is mounted */
	char *home; /* the group that this process came from; NULL: unknown */
	bool v2;
	bool has_pod, has_overhead;
	size_t made_pod, made_overhead; /* see make_group() */
};

struct host_cgroup {
	struct hierarchy hierarchies[HIERARCHIES_MAX];
	size_t n;
	char *pod, *overhead, *vmm; /* paths below each */
	bool only;
	bool entered; /* this process is in it */
};

/* Paths and hierarchies, nothing made; cgroup_forget() also what is found of a failure. */
RESULT cgroup_find(const struct host_cgroup_spec *spec, struct host_cgroup *g);
void cgroup_forget(struct host_cgroup *g); /* removes nothing */
/* `group` "" is the root. The caller frees. */
RESULT cgroup_file(const char *dir, const char *group, const char *name, char **ret_path);
RESULT cgroup_write(const char *dir, const char *group, const char *name, const char *value);

/* ---- host_cgroup_home.c ---- */
/* Where this process is now, to go back there. */
void cgroup_remember(struct host_cgroup *g);
/* Back, else to the root. */
void cgroup_leave(struct host_cgroup *g);
