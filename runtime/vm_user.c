#include "vm_user.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>

#include <base/file.h>
#include <base/random.h>
#include <sys/file.h>
#include <sys/stat.h>

enum {
	ENTRY_MAX = 16 * 1024,
	PER_POD = 2, /* QEMU and swtpm: neither can look into the other */
	TRIES = 64
};

static RESULT find_name(const char *name, struct process_user *u)
{
	AUTO(auto_free) char *room = malloc(ENTRY_MAX);
	struct passwd entry, *found = NULL;

	if (!room)
		return err_new(ERR_NOMEM, "user");
	errno = getpwnam_r(name, &entry, room, ENTRY_MAX, &found);
	if (!found)
		return err_new(ERR_NOT_FOUND,
			"qemu_user \"%s\": no such user here; make one (useradd --system) or leave "
			"it out",
			name);
	u->uid = entry.pw_uid;
	u->gid = entry.pw_gid;
	return OK;
}

/*
 * The lock is the file's, not the process's: it lasts while QEMU or swtpm has the descriptor, so
 * also when the pod's owner was killed, and ends with them without anybody's help.
 */
static bool lock_number(const char *dir, uid_t uid, int *ret_fd)
{
	AUTO(auto_free) char *path = NULL;
	struct stat st;

	if (failed(str_format(&path, "%s/%u", dir, (unsigned)uid)))
		return false;
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	/* Somebody who tidies up may have removed it in between. */
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &st) != 0 || st.st_nlink == 0)
		return false;
	*ret_fd = TAKE_FD(fd);
	return true;
}

static RESULT choose_own(const char *dir, struct vm_users *u)
{
	TRY(dir_make(dir, 0700));
	vm_users_tidy(dir);
	for (int i = 0; i < TRIES; i++) {
		uint32_t v = 0;

		TRY(random_fill((uint8_t *)&v, sizeof(v)));
		v = VM_USER_FIRST + v % ((VM_USER_LAST - VM_USER_FIRST + 1) / PER_POD) * PER_POD;
		if (!lock_number(dir, v, &u->lock_fd))
			continue;
		u->qemu = (struct process_user){ .uid = v, .gid = v };
		u->tpm = (struct process_user){ .uid = v + 1, .gid = v + 1 };
		return OK;
	}
	return err_new(ERR_SYS, "a user of the pod's own: locking a number in %s", dir);
}

RESULT vm_users_find(const char *name, const char *dir, struct vm_users *ret_users)
{
	struct vm_users u = { .lock_fd = -1 };

	if (!name && geteuid() == 0)
		name = "random";
	u.change = name && !str_equal(name, "root");
	if (u.change && str_equal(name, "random")) {
		TRY(choose_own(dir, &u));
	} else if (u.change) {
		TRY(find_name(name, &u.qemu));
		u.tpm = u.qemu;
	}
	*ret_users = u;
	return OK;
}

void vm_users_done(struct vm_users *u)
{
	auto_close(&u->lock_fd);
	u->lock_fd = -1;
}

void vm_users_tidy(const char *dir)
{
	AUTO(auto_closedir) DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		AUTO(auto_close) int fd = -1;

		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
			(void)unlinkat(dirfd(d), e->d_name, 0);
	}
}

bool vm_user_may_open(const char *path, struct process_user *u)
{
	const mode_t all = S_IROTH | S_IWOTH, group = S_IRGRP | S_IWGRP, owner = S_IRUSR | S_IWUSR;
	struct stat st;

	if (stat(path, &st) != 0 || (st.st_mode & all) == all ||
		(st.st_uid == u->uid && (st.st_mode & owner) == owner))
		return true;
	/* Root's group may far more than open this. */
	if ((st.st_mode & group) != group || st.st_gid == 0 || u->n_groups == PROCESS_GROUPS_MAX)
		return false;
	u->groups[u->n_groups++] = st.st_gid;
	return true;
}
