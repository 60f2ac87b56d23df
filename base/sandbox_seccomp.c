#include "sandbox_parts.h"

#include <errno.h>

#include <seccomp.h>

#include <base/auto.h>

const char *const sandbox_base_syscalls[] = {
	"brk",
	"clock_gettime",
	"clock_nanosleep",
	"close",
	"dup",
	"dup2",
	"dup3",
	"exit",
	"exit_group",
	"fcntl",
	"fstat",
	"futex",
	"getegid",
	"geteuid",
	"getgid",
	"getpid",
	"getppid",
	"getrandom",
	"gettid",
	"gettimeofday",
	"getuid",
	"lseek",
	"madvise",
	"membarrier",
	"mlock",
	"mlock2",
	"mmap",
	"mprotect",
	"mremap",
	"munlock",
	"munmap",
	"nanosleep",
	"newfstatat",
	"poll",
	"ppoll",
	"prlimit64",
	"read",
	"readv",
	"restart_syscall",
	"rseq",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sched_yield",
	"set_robust_list",
	"sigaltstack",
	"tgkill",
	"time",
	"uname",
	"write",
	"writev",
#ifdef __SANITIZE_ADDRESS__ /* what the sanitizers' own runtime does */
	"clone",
	"getdents64",
	"openat",
	"prctl",
	"ptrace",
	"readlink",
	"readlinkat",
	"sched_getaffinity",
	"wait4",
#endif
	NULL,
};

static void filter_free(scmp_filter_ctx *c)
{
	if (*c)
		seccomp_release(*c);
}

static RESULT allow_all(scmp_filter_ctx filter, const char *const *names)
{
	for (; names && *names; names++) {
		int number = seccomp_syscall_resolve_name(*names);
		/* A negative number is not on this machine, or, as s390's socket(), part of a call
		 * that multiplexes several: libseccomp knows which. */
		if (number == __NR_SCMP_ERROR)
			continue;
		int failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
		if (failure != 0 && failure != -EEXIST)
			return err_new(ERR_STATE, "seccomp rule for %s: %d", *names, failure);
	}
	return OK;
}

RESULT sandbox_seccomp(const char *const *syscalls)
{
	AUTO(filter_free) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int failure;

	if (!filter)
		return err_new(ERR_NOMEM, "seccomp filter");
	TRY(allow_all(filter, sandbox_base_syscalls));
	TRY(allow_all(filter, syscalls));
	failure = seccomp_load(filter);
	if (failure != 0)
		return err_new(ERR_STATE, "seccomp filter is not taken: %d", failure);
	return OK;
}
