#include "process_devices.h"

#include <sched.h>
#include <stdio.h>

#include <sys/mount.h>
#include <sys/stat.h>

/* Any directory that every host has; what is there is covered for a moment, for this process. */
#define STAGE	   "/sys"
#define STAGE_NODE STAGE "/device"

static bool own_device(const char *path, const struct process_user *u)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISCHR(st.st_mode) &&
	       mknod(STAGE_NODE, S_IFCHR | S_IRUSR | S_IWUSR, st.st_rdev) == 0 &&
	       chown(STAGE_NODE, u->uid, u->gid) == 0 &&
	       mount(STAGE_NODE, path, NULL, MS_BIND, NULL) == 0 && unlink(STAGE_NODE) == 0;
}

bool process_own_devices(const char *const *paths, const struct process_user *u)
{
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0 ||
		mount("sealpod", STAGE, "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k,mode=0700") != 0)
		return false;
	for (size_t i = 0; paths[i]; i++) {
		if (!own_device(paths[i], u))
			return false;
	}
	return umount2(STAGE, MNT_DETACH) == 0;
}
