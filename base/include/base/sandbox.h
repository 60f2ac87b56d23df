/*
 * Irreversible: no_new_privs, capabilities dropped and the drop verified, Landlock when the kernel
 * has it, and a libseccomp allow-list whose default is to kill the process. A second, tighter
 * sandbox inside the first works when the first allows seccomp, prctl, capget and capset.
 */
#pragma once

#include <base/err.h>

enum {
	SANDBOX_READ = 1u << 0,	 /* files and directories below */
	SANDBOX_WRITE = 1u << 1, /* create, write, remove below */
	SANDBOX_EXEC = 1u << 2
};

struct sandbox_path {
	const char *path;
	unsigned access;
};

struct sandbox {
	const char *const
		*syscalls; /* names, ended by NULL; a name this machine lacks is skipped */
	const struct sandbox_path *paths; /* ended by .path NULL; NULL: no file system at all */
	const int *keep_caps;		  /* CAP_* ended by -1; NULL: none */
	bool allow_network;		  /* Landlock leaves TCP alone */
	bool mounts;			  /* no Landlock: the kernel forbids mount(2) inside it */
};

/* The calls that every process of ours makes (memory, time, read/write, exit, signals). Included
 * automatically; here so that a test can print it. */
extern const char *const sandbox_base_syscalls[];

RESULT sandbox_enter(const struct sandbox *s);
