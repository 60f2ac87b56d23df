/*
 * One layer's directory. Every name comes from the archive, so every step is taken by openat2()
 * below the directory; nothing here ever resolves a path of the whole machine.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <base/err.h>
#include <sys/types.h>

enum {
	TREE_DEPTH_MAX = 256 /* components of a name */
};

struct tree {
	int root;
	char *parent; /* whose descriptor is kept: archives list a directory's files together */
	int parent_fd;
};

#define TREE_NONE ((struct tree){ .root = -1, .parent_fd = -1 })

/* `root` is an open directory and becomes the tree's. */
void tree_init(struct tree *t, int root);
void tree_done(struct tree *t);

/*
 * "./a//b/" -> "a/b"; "" for the root itself. Refused ("image.tar-path"): absolute names, a ".."
 * component, components over 255 bytes, too many components. The caller frees.
 */
RESULT tree_clean_name(const char *name, char **ret_clean);

/* Where an entry goes: a directory inside the tree and one component of it. */
struct place {
	int dir;	  /* the tree's; valid until its next call */
	const char *name; /* points into the clean name */
};
/*
 * Opens the parent of a clean name, making missing directories 0755. A symbolic link on the way
 * must stay inside the tree: otherwise ERR_DENIED "image.tar-path" names the entry.
 */
RESULT tree_place(struct tree *t, const char *clean, struct place *ret_place);
/* The parent must exist; used for the targets of hard links. Owned descriptor. */
RESULT tree_open_parent(
	const struct tree *t, const char *clean, int *ret_fd, const char **ret_name);
/* Opens the directory itself; owned descriptor. */
RESULT tree_open_dir(const struct tree *t, const char *clean, int *ret_fd);
/* After something was removed or replaced. */
void tree_forget(struct tree *t);
