/* Which processors a machine's virtual ones run on. */
#pragma once

#include "runtime/cpu_list.h"

#include <sys/types.h>

/*
 * As many processors as virtual ones: each its own, in order; else all of them on all of `cpus`
 * (empty: nothing is changed). Threads are found by the names that QEMU gives them with
 * -name debug-threads=on. `*ret_pinned` is how many were; a thread that has just ended is fine.
 */
RESULT host_pin_vcpus(pid_t qemu, size_t vcpus, const struct cpu_list *cpus, size_t *ret_pinned);
