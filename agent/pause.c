/*
 * The first process of a PID namespace that the containers of a pod share. Engines have the pause
 * container for that; here the agent makes it, without image: it reaps what is left behind, sees no
 * files and may nothing.
 */
#include "requests.h"

#include <grp.h>
#include <sched.h>
#include <signal.h>

#include <base/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	NOBODY = 65535
};

/* An empty, read-only root: otherwise /proc/1/root would show the guest's files to the pod. */
static bool leave_files(const char *dir)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("pause", dir, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		       "size=4k") == 0 &&
	       chdir(dir) == 0 && syscall(SYS_pivot_root, ".", ".") == 0 &&
	       umount2(".", MNT_DETACH) == 0 && chdir("/") == 0;
}

static bool leave_rights(void)
{
	return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
	       setresuid(NOBODY, NOBODY, NOBODY) == 0 &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

/* Signals of the pod do not reach it: it has no handlers, and PID 1 needs one. */
static _Noreturn void reap_for_ever(void)
{
	sigset_t child;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, NULL);
	for (;;) {
		int signo;

		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		(void)sigwait(&child, &signo);
	}
}

static _Noreturn void be_pause(const char *dir)
{
	(void)prctl(PR_SET_NAME, "pause");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || setsid() < 0 || !leave_files(dir) ||
		!leave_rights() || syscall(SYS_close_range, 0, ~0U, 0) != 0)
		_exit(1);
	reap_for_ever();
}

static void on_ended(void *arg, int status)
{
	struct agent *a = arg;

	(void)status;
	/* All processes of the namespace have ended with it; the next container needs a new one. */
	if (a->pause.pidfd >= 0)
		(void)close(a->pause.pidfd);
	a->pause = PROCESS_NONE;
	free(TAKE(a->pid_ns));
}

static RESULT start(struct agent *a, const char *dir)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} args = { .flags = CLONE_NEWPID | CLONE_PIDFD, .exit_signal = SIGCHLD };
	int pidfd = -1;
	long pid;

	args.pidfd = (uint64_t)(uintptr_t)&pidfd;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return err_new(ERR_SYS, "PID namespace");
	if (pid == 0)
		be_pause(dir);
	a->pause = (struct process){ .pid = (pid_t)pid, .pidfd = pidfd };
	TRY(str_format(&a->pid_ns, "/proc/%ld/ns/pid", pid));
	return reaper_watch(a->reaper, a->pause.pid, on_ended, a);
}

RESULT effect_pid_namespace(struct agent *a)
{
	AUTO(auto_free) char *dir = NULL;
	struct err e;

	TRY(path_join(a->set.run_dir, "sealpod/pause", &dir));
	TRY(dir_make(dir, 0700));
	e = start(a, dir);
	if (failed(e)) {
		process_end(&a->pause);
		free(TAKE(a->pid_ns));
	}
	return e;
}

void pause_end(struct agent *a)
{
	pid_t ended;

	if (a->pause.pid < 0)
		return;
	err_ignore(process_kill(&a->pause, SIGKILL)); /* ended already: fine */
	/* It takes the rest of its namespace along, and waits until they have been reaped: by us,
	 * for those that crun started are our children. */
	do
		ended = waitpid(-1, NULL, 0);
	while (ended > 0 && ended != a->pause.pid);
	if (a->pause.pidfd >= 0)
		(void)close(a->pause.pidfd);
	a->pause = PROCESS_NONE;
}
