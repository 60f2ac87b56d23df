#include "image_sandbox.h"

#include <stdlib.h>

#include <base/sandbox.h>
#include <linux/capability.h>

enum {
	PATHS_MAX = 48
};

/* A layer's process: sockets and name resolution of libcurl (its resolver is a thread), files. C
 * libraries of s390 have recv() and send() as calls of their own. */
#define LAYER_SYSCALLS                                                                             \
	"accept4", "bind", "clone", "clone3", "close_range", "connect", "eventfd2", "fallocate",   \
		"fchmod", "fchmodat", "fchown", "fchownat", "fsetxattr", "fstatfs", "ftruncate",   \
		"futex", "getpeername", "getsockname", "getsockopt", "getuid", "geteuid",          \
		"getgid", "getegid", "gettid", "ioctl", "linkat", "lseek", "mkdirat", "mknodat",   \
		"open", "openat", "openat2", "pipe2", "poll", "ppoll", "readlink", "readlinkat",   \
		"recv", "recvfrom", "recvmmsg", "recvmsg", "rseq", "sched_getaffinity",            \
		"sched_yield", "send", "sendmmsg", "sendmsg", "sendto", "set_robust_list",         \
		"setsockopt", "shutdown", "socket", "socketpair", "symlinkat", "sysinfo", "umask", \
		"uname", "unlinkat", "utimensat", "access", "faccessat", "faccessat2",             \
		"getdents64", "newfstatat", "stat", "lstat", "statx", "fcntl", "dup", "dup2",      \
		"dup3", "pread64", "prctl", "select", "pselect6", "epoll_create1", "epoll_ctl",    \
		"epoll_pwait", "epoll_wait"

/* Before it forks the layers' processes and confines them further. */
#define PULL_SYSCALLS                                                                              \
	LAYER_SYSCALLS, "capget", "capset", "fork", "fsync", "fdatasync", "getpid", "getppid",     \
		"kill", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self",  \
		"mkdir", "rename", "renameat", "renameat2", "rmdir", "seccomp", "setrlimit",       \
		"statfs", "prlimit64", "unlink", "vfork", "wait4", "waitid", "pidfd_open",         \
		"pidfd_send_signal"

static const char *const layer_syscalls[] = { LAYER_SYSCALLS, NULL };
static const char *const pull_syscalls[] = { PULL_SYSCALLS, NULL };
/* gpg and gpgconf, and GPGME which runs them. */
static const char *const gpg_syscalls[] = { PULL_SYSCALLS, "execve", "arch_prctl", "chdir", "chmod",
	"fchdir", "getcwd", "getpgrp", "getrusage", "getsid", "link", "mlock", "munlock", "pipe",
	"pwrite64", "readv", "writev", "set_tid_address", "setsid", "statfs", "times", "flock",
	"getresuid", "getresgid", "setresuid", "setresgid", "setuid", "setgid", "alarm",
	"setitimer", "getitimer", "unlinkat", "mkdirat", "sched_setaffinity", "getpriority",
	"setpriority", "inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
	NULL };

/* What unpacking sets: owners, modes, set-ID bits, device nodes and file capabilities. */
static const int layer_caps[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_MKNOD,
	CAP_SETFCAP, -1 };

/* Certificates, resolver configuration, the resolver's libraries. */
static const struct sandbox_path common_paths[] = {
	{ "/etc", SANDBOX_READ },
	{ "/usr/lib", SANDBOX_READ },
	{ "/usr/share/ca-certificates", SANDBOX_READ },
	{ "/run/systemd/resolve", SANDBOX_READ },
	{ "/dev/null", SANDBOX_READ | SANDBOX_WRITE },
	{ "/dev/urandom", SANDBOX_READ },
};
static const struct sandbox_path gpg_paths[] = {
	{ "/usr/bin", SANDBOX_READ | SANDBOX_EXEC },
	{ "/usr/lib", SANDBOX_READ | SANDBOX_EXEC },
	{ "/usr/lib64", SANDBOX_READ | SANDBOX_EXEC },
	{ "/tmp", SANDBOX_READ | SANDBOX_WRITE },
	{ "/run", SANDBOX_READ | SANDBOX_WRITE },
	{ "/proc", SANDBOX_READ },
};

struct paths {
	struct sandbox_path v[PATHS_MAX];
	size_t n;
};

/* What does not exist cannot be opened either, and one place is kept for the end. */
static RESULT add_path(struct paths *p, const char *path, unsigned access)
{
	if (p->n + 1 == PATHS_MAX)
		return err_new(ERR_LIMIT, "more than %d paths", PATHS_MAX - 1);
	p->v[p->n++] = (struct sandbox_path){ .path = path, .access = access };
	return OK;
}

static RESULT add_paths(struct paths *p, const struct sandbox_path *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		TRY(add_path(p, from[i].path, from[i].access));
	return OK;
}

RESULT image_sandbox_pull(const struct image_sandbox *s)
{
	struct paths p = { 0 };

	TRY(add_paths(&p, common_paths, ARRAY_LEN(common_paths)));
	TRY(add_path(&p, s->work_dir, SANDBOX_READ | SANDBOX_WRITE));
	if (s->gpg)
		TRY(add_paths(&p, gpg_paths, ARRAY_LEN(gpg_paths)));
	for (size_t i = 0; i < s->read_paths->n; i++)
		TRY(add_path(&p, s->read_paths->v[i], SANDBOX_READ));
	struct sandbox box = {
		.syscalls = s->gpg ? gpg_syscalls : pull_syscalls,
		.paths = p.v,
		.keep_caps = layer_caps,
		.allow_network = true,
	};
	return sandbox_enter(&box);
}

RESULT image_sandbox_layer(const char *staging)
{
	struct paths p = { 0 };

	TRY(add_paths(&p, common_paths, ARRAY_LEN(common_paths)));
	TRY(add_path(&p, staging, SANDBOX_READ | SANDBOX_WRITE));
	struct sandbox box = {
		.syscalls = layer_syscalls,
		.paths = p.v,
		.keep_caps = layer_caps,
		.allow_network = true,
	};
	return sandbox_enter(&box);
}
