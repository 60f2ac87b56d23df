/* What a pod's QEMU is handed open: it runs as a user that need not reach any path. */
#pragma once

#include <base/json.h>
#include <base/process.h>

enum {
	VM_FILES_MAX = 24
};

struct vm_files {
	int fds[PROCESS_KEEP_FDS_MAX]; /* QEMU's side, in the order of its numbers */
	size_t n;
	char names[VM_FILES_MAX][32]; /* what stands for paths on its command line */
	size_t n_names;
	struct strv options; /* more of the command line */
};

/* Closes this side; for AUTO. */
void vm_files_done(struct vm_files *f);
/* Takes the descriptor in any case; QEMU's number of it. ERR_LIMIT. */
RESULT vm_files_add(struct vm_files *f, int fd, int *ret_number);
/* For what QEMU's block layer opens: *path becomes a name of the open file. NULL stays. */
RESULT vm_files_add_disk(struct vm_files *f, const char **path, bool writable);
/* For what QEMU opens as any program does: as above. A file that not everybody may read is copied
 * into memory first. */
RESULT vm_files_add_path(struct vm_files *f, const char **path);
