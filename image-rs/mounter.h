/*
 * The process that may mount: forked before anything hostile is read, it keeps CAP_SYS_ADMIN, waits
 * for one list of layers and mounts them. It never sees a byte of an image.
 */
#pragma once

#include <base/json.h>
#include <sys/types.h>

struct mounter {
	int fd;
	pid_t pid;
};
#define MOUNTER_NONE ((struct mounter){ .fd = -1, .pid = -1 })

/* `work_dir` and `bundle` are what it will use: what comes later over `fd` are names only. */
RESULT mounter_start(const char *work_dir, const char *bundle, struct mounter *ret_mounter);
/* Names of directories below <work_dir>/layers, base layer first; mounts <bundle>/rootfs. */
RESULT mounter_mount(struct mounter *m, const struct strv *layers);
void mounter_done(struct mounter *m);
