/* Paths that the host names, resolved inside a directory that they cannot leave. */
#pragma once

#include <base/buf.h>
#include <sys/types.h>

/* Absolute, no empty, "." or ".." step, shorter than PATH_MAX. ERR_FORMAT "<what>: ...". */
RESULT path_check(const char *path, const char *what);

enum {			   /* `rules` */
	PATH_NO_LINKS = 1, /* any symbolic link is an error; else they count from the root */
	PATH_NO_MOUNTS = 2 /* so is whatever is mounted below */
};
/* Opens `path` ("a/b", "" is the root itself) below root_fd; never follows magic links. */
RESULT path_open(int root_fd, const char *path, int flags, unsigned rules, int *ret_fd);
/* mkdir -p below root_fd; the directory's O_PATH descriptor. `ret_made` (may be NULL): the last
 * step was not there. */
RESULT path_make_dirs(
	int root_fd, const char *path, mode_t mode, unsigned rules, bool *ret_made, int *ret_fd);
