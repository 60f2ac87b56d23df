/* The users that a pod's QEMU and swtpm run as. */
#pragma once

#include <base/process.h>

#define VM_USERS_DIR "/run/sealpod/users"

enum {
	/* Above what containers are given and below what is no user: nobody hands these out.
	 * (systemd, docs/UIDS-GIDS) */
	VM_USER_FIRST = 0x70000000,
	VM_USER_LAST = 0x77ffffff
};

struct vm_users {
	bool change;		       /* false: both stay this process's user */
	struct process_user qemu, tpm; /* one number each where they are the pod's own */
	int lock_fd; /* while anybody has it open no other pod gets these numbers; -1: none */
};

/*
 * By the name of the configuration: "random" numbers that no other pod of this host has, which is
 * also what NULL is for root; "root" or NULL for anybody else: no change; else a user of this host
 * (ERR_NOT_FOUND). `dir` holds one file for each pair in use. vm_users_done() afterwards.
 */
RESULT vm_users_find(const char *name, const char *dir, struct vm_users *ret_users);
/* Closes lock_fd; the numbers are free when the processes that got copies of it have ended. */
void vm_users_done(struct vm_users *u);
/* Removes the files of numbers that nobody has any more. */
void vm_users_tidy(const char *dir);
/* As everybody, or with the file's group, which `u` then gets. What is not there is nobody's
 * fault: true. False: only its owner may read and write it. */
bool vm_user_may_open(const char *path, struct process_user *u);
