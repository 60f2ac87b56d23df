/* Mounts below a pod's directory: nothing of it may be removed while one is there, for its files
 * are somebody else's. */
#pragma once

#include <base/json.h>

/* Mount points of a text of /proc/PID/mountinfo that are `dir` or below it, in the order they were
 * mounted; to be freed by strv_done(). ERR_FORMAT, ERR_LIMIT. (proc_pid_mountinfo(5)) */

RESULT pod_mounts_parse(struct bytes mountinfo, const char *dir, struct strv *ret_points);
/* Takes them all away, last first; ERR_STATE when one stays. */
RESULT pod_unmount_below(const char *dir);
