#include "vm_user.h"

#include <errno.h>
#include <pwd.h>

#include <base/random.h>
#include <sys/stat.h>

enum {
	ENTRY_MAX = 16 * 1024,
	/* Above what containers are given and below what is no user; systemd's table of them. */
	RANDOM_FIRST = 0x70000000,
	RANDOM_MASK = 0x07ffffff
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
			"qemu_user \"%s\": no such user here; make one (useradd --system) or set "
			"\"random\"",
			name);
	u->uid = entry.pw_uid;
	u->gid = entry.pw_gid;
	return OK;
}

static RESULT choose_random(struct process_user *u)
{
	uint32_t v = 0;

	TRY(random_fill((uint8_t *)&v, sizeof(v)));
	u->uid = u->gid = RANDOM_FIRST + (v & RANDOM_MASK);
	return OK;
}

/* A device that everybody or only root may open needs no group. */
static void add_group_of(const char *device, struct process_user *u)
{
	struct stat st;

	if (stat(device, &st) != 0 || (st.st_mode & S_IRGRP) == 0 || st.st_gid == 0 ||
		u->n_groups == PROCESS_GROUPS_MAX)
		return;
	u->groups[u->n_groups++] = st.st_gid;
}

RESULT vm_user_find(const char *name, struct process_user *ret_user)
{
	struct process_user u = { 0 };

	TRY(str_equal(name, "random") ? choose_random(&u) : find_name(name, &u));
	add_group_of("/dev/kvm", &u);
	add_group_of("/dev/sev", &u);
	*ret_user = u;
	return OK;
}
