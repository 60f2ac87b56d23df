/* The ext4 of a volume. */
#pragma once

#include <stdint.h>

#include <base/err.h>

enum {
	FILESYSTEM_BLOCK = 4096
};

struct filesystem {
	uint64_t size;	     /* bytes that files may have together; 0: all of the device */
	bool lasts;	     /* outlives the pod: with a journal */
	const char *options; /* further ones of mke2fs, as guest-components' mkfsOpts; NULL: none */
};

/* How large a file system is that leaves so much to files. */
struct filesystem_layout {
	uint64_t blocks;
	uint64_t inodes;
};
/*
 * `free` bytes are what df shows as available in the empty file system, rounded up to a block: the
 * tables beside it come on top. Where ext4 would leave a last group too small for its tables
 * unused, it is up to a few hundred blocks more. At least 1 MiB.
 */
RESULT filesystem_layout(uint64_t free, struct filesystem_layout *ret_layout);
/* Bytes for each inode: few files are expected only where nobody could say how large it will be. */
unsigned filesystem_inode_ratio(uint64_t size);

/* An empty file system on a device that nobody uses (mke2fs). ERR_LIMIT: the device is too small
 * for `size`. ERR_FORMAT: no block device; options other than -b, -E, -F, -i, -I, -m, -N, -O, -q.
 */
RESULT filesystem_make(const char *device, const struct filesystem *f);
