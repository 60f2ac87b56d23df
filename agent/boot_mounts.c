#include "boot.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

struct boot_mount {
	const char *type, *at;
	unsigned long flags;
	const char *data;
	bool optional; /* a kernel without it is fine */
};

#define CLOSED (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static const struct boot_mount mounts[] = {
	{ "proc", "/proc", CLOSED, NULL, false },
	{ "sysfs", "/sys", CLOSED, NULL, false },
	{ "devtmpfs", "/dev", MS_NOSUID, "mode=0755", false },
	{ "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "ptmxmode=0666,mode=0620,gid=5", false },
	{ "tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777", false },
	{ "tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755", false },
	{ "tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777", false },
	{ "cgroup2", "/sys/fs/cgroup", CLOSED, "nsdelegate", false },
	{ "securityfs", "/sys/kernel/security", CLOSED, NULL, true },
};

#define NEW_ROOT "/mnt"

static RESULT move_root(void)
{
	if (mkdir(NEW_ROOT, 0755) != 0 && errno != EEXIST)
		return err_new(ERR_SYS, "%s", NEW_ROOT);
	if (mount("/", NEW_ROOT, NULL, MS_BIND | MS_REC, NULL) != 0)
		return err_new(ERR_SYS, "binding the root");
	if (chdir(NEW_ROOT) != 0)
		return err_new(ERR_SYS, "%s", NEW_ROOT);
	if (mount(NEW_ROOT, "/", NULL, MS_MOVE, NULL) != 0)
		return err_new(ERR_SYS, "moving the root");
	if (chroot(".") != 0 || chdir("/") != 0)
		return err_new(ERR_SYS, "entering the root");
	return OK;
}

static RESULT mount_one(const struct boot_mount *m)
{
	if (mkdir(m->at, 0755) != 0 && errno != EEXIST && !m->optional)
		return err_new(ERR_SYS, "%s", m->at);
	/* The kernel mounts devtmpfs itself when it is built so. */
	if (mount(m->type, m->at, m->type, m->flags, m->data) != 0 && errno != EBUSY &&
		!m->optional)
		return err_new(ERR_SYS, "mounting %s", m->at);
	return OK;
}

RESULT boot_mount_configfs(void)
{
	static const struct boot_mount configfs = { "configfs", "/sys/kernel/config", CLOSED, NULL,
		true };

	return mount_one(&configfs);
}

/* Every controller for the containers' cgroups. */
static RESULT enable_controllers(void)
{
	static const char *const wanted[] = { "+cpu", "+cpuset", "+io", "+memory", "+pids",
		"+hugetlb" };

	TRY(dir_make("/sys/fs/cgroup/sealpod", 0755));
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		/* A kernel without one still runs containers, without that limit. */
		err_ignore(
			file_write("/sys/fs/cgroup/cgroup.subtree_control", bytes_str(wanted[i])));
		err_ignore(file_write(
			"/sys/fs/cgroup/sealpod/cgroup.subtree_control", bytes_str(wanted[i])));
	}
	return OK;
}

static RESULT link_ptmx(void)
{
	if ((unlink("/dev/ptmx") != 0 && errno != ENOENT) || symlink("pts/ptmx", "/dev/ptmx") != 0)
		return err_new(ERR_SYS, "/dev/ptmx");
	return OK;
}

RESULT boot_mounts(void)
{
	(void)umask(0022);
	TRY(move_root());
	for (size_t i = 0; i < ARRAY_LEN(mounts); i++)
		TRY(mount_one(&mounts[i]));
	/* Containers must not see each other's mounts come and go. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return err_new(ERR_SYS, "private mounts");
	TRY(link_ptmx());
	return enable_controllers();
}
