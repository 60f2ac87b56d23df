#include "kbs_sandbox.h"

#include <libgen.h>
#include <string.h>

#include <base/sandbox.h>

/* Beyond sandbox_base_syscalls: the loop, accepted connections, and SQLite's files. connect,
 * socket, execve, clone are not among them. */
static const char *const syscalls[] = {
	"accept",
	"accept4",
	"access",
	"epoll_create1",
	"epoll_ctl",
	"epoll_pwait",
	"epoll_wait",
	"faccessat",
	"faccessat2",
	"fchmod",
	"fchown",
	"fdatasync",
	"fstatfs",
	"fsync",
	"ftruncate",
	"getcwd",
	"getpeername",
	"getsockname",
	"getsockopt",
	"ioctl",
	"lstat",
	"openat",
	"pread64",
	"pwrite64",
	"readlink",
	"recvfrom",
	"recvmsg",
	"sendfile",
	"sendmsg",
	"sendto",
	"setsockopt",
	"shutdown",
	"stat",
	"statx",
	"timerfd_create",
	"timerfd_settime",
	"unlink",
	"unlinkat",
	NULL,
};

#ifdef __SANITIZE_ADDRESS__
/* The leak checker traces the process at its end: what this sandbox is there to forbid. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static RESULT directory_of(const char *file, char **ret_dir)
{
	AUTO(auto_free) char *copy = NULL;

	TRY(str_dup(file, &copy));
	return str_dup(dirname(copy), ret_dir);
}

RESULT kbs_sandbox_enter(const struct kbs_config *c)
{
	AUTO(auto_free) char *store = NULL;
	AUTO(auto_free) char *audit = NULL;

	TRY(directory_of(c->store.path, &store));
	TRY(directory_of(c->audit ? c->audit : c->store.path, &audit));
	const struct sandbox_path paths[] = {
		{ store, SANDBOX_READ | SANDBOX_WRITE },
		{ audit, SANDBOX_READ | SANDBOX_WRITE },
		{ "/dev/urandom", SANDBOX_READ },
		{ c->collateral.store, SANDBOX_READ }, /* ends the list when there is none */
		{ 0 },
	};
	struct sandbox box = { .syscalls = syscalls, .paths = paths, .allow_network = true };
	struct err e = sandbox_enter(&box);
	return failed(e) ? err_add(e, "entering the sandbox") : OK;
}
