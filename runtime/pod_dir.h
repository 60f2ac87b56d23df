/* The layout of RUN/pods/, shared by pod.c and pod_reap.c. */
#pragma once

#include <base/err.h>

/* A directory whose state.json is not there yet: POD_HIDDEN PID "." START. */
#define POD_HIDDEN ".new."

/* Absolute, because command lines are searched for it and other programs run elsewhere. */
RESULT pod_pods_dir(const char *run_dir, char **ret_path);
RESULT path_absolute(const char *path, char **ret_path);
/* Of the running kernel. */
RESULT pod_boot_id(char **ret_id);
/* Kills QEMU, swtpm and its helpers that work in the directory or name it, or a file in it, on
 * their command line. */
void pod_kill_users(const char *dir);
