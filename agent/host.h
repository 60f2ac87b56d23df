/* What a plain host has to be asked about before the agent works there. */
#pragma once

#include <base/buf.h>

/* `listen`, else server_addr of Kata's configuration file, else Kata's default. Either may be NULL.
 */
RESULT host_address(const char *listen, const char *config, char **ret_address);
/*
 * "cgroupfs" where /sys/fs/cgroup is cgroup v2. Elsewhere "disabled", and this process goes on in a
 * mount namespace of its own with an unused cgroup v2 tree there, because crun looks for one.
 */
RESULT host_cgroups(const char **ret_manager);
/* Where the containers' cgroups are: crun's, or the agent's own, which several agents may have. */
RESULT host_cgroup_dir(const char *manager, char **ret_dir);
