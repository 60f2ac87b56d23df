/* Child processes: fork + exec, no shell, nothing inherited but what is named. */
#pragma once

#include <signal.h>

#include <base/buf.h>
#include <sys/types.h>

struct process {
	pid_t pid;
	int pidfd; /* readable when the process has ended */
};
#define PROCESS_NONE ((struct process){ .pid = -1, .pidfd = -1 })

enum {
	PROCESS_KEEP_FDS_MAX = 64
};

enum {
	PROCESS_GROUPS_MAX = 8
};
struct process_user {
	uid_t uid;
	gid_t gid;
	gid_t groups[PROCESS_GROUPS_MAX]; /* besides gid; all others are dropped */
	size_t n_groups;
};

struct process_spec {
	const char *const *argv;	    /* argv[0] is searched in PATH when it has no '/' */
	const char *program;		    /* what is executed; NULL: argv[0] */
	const char *const *envp;	    /* NULL: the caller's environment */
	const char *cwd;		    /* NULL: unchanged */
	int stdin_fd, stdout_fd, stderr_fd; /* < 0: /dev/null. Use PROCESS_SPEC() for 0,1,2. */
	int keep_fds[PROCESS_KEEP_FDS_MAX]; /* become 3, 4, ... in the child; ended by n_keep_fds */
	size_t n_keep_fds;
	bool die_with_parent; /* PR_SET_PDEATHSIG SIGKILL, race-free */
	bool new_session;     /* setsid(): out of reach of the terminal's signals */
	bool no_new_privs;
	bool no_capabilities;		 /* none, now or by any program that it executes, ... */
	uint64_t capabilities;		 /* ... but these of root's: bits 1 << CAP_* */
	uint64_t locked_memory;		 /* bytes that it may lock at least, if we may */
	const char *const *own_devices;	 /* with `user`: only it may open them; NULL ends; NULL */
	const struct process_user *user; /* NULL: this process's; implies no_capabilities */
};

#define PROCESS_SPEC(args)                                                                         \
	((struct process_spec){ .argv = (args), .stdin_fd = 0, .stdout_fd = 1, .stderr_fd = 2 })

/* exec failures are reported here (ERR_NOT_FOUND, ERR_SYS), not by the child's exit status. */
RESULT process_start(const struct process_spec *spec, struct process *ret_process);
/* Exit status, 128 + signal when killed. timeout_ms < 0 waits for ever; ERR_TIMEOUT. */
RESULT process_wait(struct process *p, int timeout_ms, int *ret_status);
RESULT process_kill(const struct process *p, int signo); /* through the pidfd; ended is fine */
/* SIGKILL and wait when it still runs; for AUTO. */
void process_end(struct process *p);
/* Runs to the end; standard output and error into the buffers (NULL: /dev/null). Input may be
 * BYTES_NONE. A status other than 0 is not an error here. */
RESULT process_run(const char *const *argv, struct bytes input, struct buf *out, struct buf *errors,
	int *ret_status);
/* As process_run(), but a status other than 0 is ERR_PEER with the first line of its stderr. */
RESULT process_run_ok(const char *const *argv, struct bytes input, struct buf *out);
