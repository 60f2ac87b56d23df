/* Files and directories. */
#pragma once

#include <base/buf.h>
#include <sys/types.h>

/* Whole file into `out` (up to out->max; ERR_LIMIT beyond); "-" is standard input. */
RESULT file_read(const char *path, struct buf *out);
RESULT file_read_at(int dirfd, const char *path, struct buf *out);
RESULT file_read_fd(int fd, const char *what, struct buf *out);
/* Temporary file beside it, fsync, rename, fsync of the directory. */
RESULT file_write_atomic(const char *path, struct bytes data, mode_t mode);
/* Plain write (devices, /proc, /sys): one write() call. */
RESULT file_write(const char *path, struct bytes data);
RESULT fd_write_all(int fd, struct bytes data);
bool file_exists(const char *path);
RESULT dir_make(const char *path, mode_t mode); /* with parents; existing is fine */
RESULT dir_remove_tree(const char *path);	/* does not follow links; absent is fine */
RESULT dir_remove_tree_at(int dirfd, const char *path);
RESULT path_join(const char *dir, const char *name, char **ret_path);
/* Opens `path` below `dirfd`: no step leaves it, by "..", absolute names or symbolic links
 * (openat2 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS). */
RESULT open_beneath(int dirfd, const char *path, int flags, mode_t mode, int *ret_fd);
