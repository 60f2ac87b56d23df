/* Block devices that become volumes. */
#pragma once

#include <stdint.h>

#include <base/err.h>

struct device {
	unsigned major, minor;
	uint64_t size; /* bytes */
};
/* For reading and writing, exclusively: one that is mounted or mapped is not taken. A plain file
 * is taken too, which only file systems and headers can be made on. ERR_FORMAT: neither. */
RESULT device_open(const char *path, struct device *ret_device, int *ret_fd);
