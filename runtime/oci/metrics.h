/* Statistics of the Task service as `events` prints them: the form of runc. */
#pragma once

#include <task.pb-c.h>

#include <base/json.h>

/* Reads io.containerd.cgroups.v1.Metrics and io.containerd.cgroups.v2.Metrics; others are
 * ERR_UNSUPPORTED. Appends the object; *ret_oom_kills: how often the guest's kernel has killed a
 * process of the container for want of memory. */
RESULT metrics_print(const Pb__Any *stats, struct json_writer *w, uint64_t *ret_oom_kills);
