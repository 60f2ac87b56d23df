/* The file tree of a guest image, and its one and only encoding as cpio. */
#pragma once

#include <base/buf.h>
#include <sys/types.h>

enum {
	TREE_ENTRIES_MAX = 4096,
	TREE_SIZE_MAX = 256 * 1024 * 1024 /* bytes of cpio */
};

struct tree_entry {
	char *path;  /* absolute, without trailing '/' */
	mode_t mode; /* type and permission bits */
	unsigned major, minor;
	struct buf data; /* of a file; the target of a link */
};

struct tree {
	struct tree_entry *v;
	size_t n;
};

void tree_done(struct tree *t);
/* Adding makes missing parents (0755, as everything owned by root). A path that is there already is
 * ERR_STATE, unless both are directories. */
RESULT tree_add_dir(struct tree *t, const char *path, mode_t mode);
RESULT tree_add_file(struct tree *t, const char *path, mode_t mode, struct buf *take_data);
RESULT tree_add_link(struct tree *t, const char *path, const char *target);
/* kind is S_IFCHR or S_IFBLK. */
RESULT tree_add_node(
	struct tree *t, const char *path, mode_t kind_and_mode, unsigned major, unsigned minor);
/* NULL when absent. */
const struct tree_entry *tree_get(const struct tree *t, const char *path);
/*
 * The tree as a newc archive (Linux, driver-api/early-userspace/buffer-format): sorted by path,
 * owner 0, no times, inode numbers in order; so equal trees make equal bytes. Sorts `t`.
 */
RESULT tree_to_cpio(struct tree *t, struct buf *out);
