/* The kernel's device mapper, by its own interface (linux/dm-ioctl.h): no library, no udev. */
#pragma once

#include <stdint.h>

#include <base/buf.h>

struct dm_target {
	uint64_t sectors;   /* of 512 bytes, from 0 */
	const char *type;   /* "crypt" */
	const char *params; /* as in the kernel's documentation of the target */
	bool secret;	    /* params are wiped by the kernel too */
};
/* Makes the mapping and starts it; `*ret_minor`: it is /dev/dm-<minor>. */
RESULT dm_make(const char *name, const struct dm_target *t, unsigned *ret_minor);
/* The target's status line into `text`. */
RESULT dm_status(const char *name, struct buf *text);
/* Now, or when its last user is gone. A mapping that is not there is fine. */
RESULT dm_remove(const char *name);
/* "0 2048 -" of target integrity: sectors that its user has. ERR_FORMAT. */
RESULT dm_integrity_sectors(const char *status, uint64_t *ret_sectors);
