/* The root directory of the holder: the container's. Engines enter the mount namespace of the
 * process that they were told of ("podman cp") and take its root for the container's; it must never
 * be the host's. */
#pragma once

#include "state.h"

/* A mount namespace of its own with the container's rootfs as its root and the bind mounts of its
 * specification in it. From then on no path of the host is reachable. */
RESULT holder_enter_root(const char *state_dir, const struct oci_state *s);
/* The holder `pid` is there; ERR_STATE when it ended before, ERR_TIMEOUT. */
RESULT holder_wait_root(pid_t pid);
