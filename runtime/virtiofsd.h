/* The daemon that shows a directory of the host to one guest (virtio-fs): QEMU's own in C, or the
 * one in Rust, which takes the same options. */
#pragma once

#include <base/process.h>

/*
 * Shows `dir`, also what is mounted below it later when its mount is shared. ret_fd is QEMU's end.
 * Its words go to log_fd. program NULL: where Debian has it. ERR_NOT_FOUND names the package.
 */
RESULT virtiofsd_start(
	const char *program, const char *dir, int log_fd, struct process *ret_process, int *ret_fd);
