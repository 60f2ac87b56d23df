/* Which devices the processes of one control group may open: version 1's controller, or a program
 * of version 2. */
#pragma once

#include "host_cgroup_parts.h"

#include <linux/bpf.h>

enum {
	HOST_DEVICES_MAX = HOST_CGROUP_DEVICES_MAX,
	DEVICE_PROGRAM_MAX = 6 + HOST_DEVICES_MAX * 8 + 2
};

/* A character device. */
struct host_device {
	unsigned major, minor;
	bool write;
};

/* ERR_LIMIT. */
RESULT device_program(
	const struct host_device *list, size_t n, struct bpf_insn *ret_program, size_t *ret_n);
/* Of a new group without processes. ERR_UNSUPPORTED: the kernel has no such programs. */
RESULT host_devices_limit(
	const struct hierarchy *h, const char *group, const struct host_device *list, size_t n);
