#include "fd_wait.h"
#include "process_devices.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>

#include <base/file.h>
#include <base/process.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	STD_FDS = 3,
	TARGETS_MAX = STD_FDS + PROCESS_KEEP_FDS_MAX,
	EXIT_NOT_STARTED = 127
};

/* What the child could not do, sent over a pipe that a successful exec closes. */
enum step {
	STEP_SESSION,
	STEP_PARENT,
	STEP_DESCRIPTORS,
	STEP_DIRECTORY,
	STEP_DEVICES,
	STEP_CAPABILITIES,
	STEP_USER,
	STEP_PRIVILEGES,
	STEP_EXEC
};

static const char *const step_names[] = { "new session", "watching the parent", "descriptors",
	"working directory", "nodes of its devices", "dropping capabilities", "changing the user",
	"no_new_privs", "executing" };

struct failure {
	enum step step;
	int error;
};

struct start {
	const struct process_spec *spec;
	const char *path;
	int report_fd;
	int null_fd;
	pid_t parent;
};

/* ---- in the child: async-signal-safe calls only ---- */

static void default_signals(void)
{
	const struct sigaction def = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &def, NULL);
	(void)sigemptyset(&none);
	/* The child of fork() has one thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The sources may sit where other targets go: first all away, then each to its place. */
static bool place_descriptors(struct start *s)
{
	const struct process_spec *spec = s->spec;
	int from[TARGETS_MAX] = { spec->stdin_fd, spec->stdout_fd, spec->stderr_fd };
	size_t n = STD_FDS + spec->n_keep_fds;

	for (size_t i = 0; i < spec->n_keep_fds; i++)
		from[STD_FDS + i] = spec->keep_fds[i];
	s->report_fd = fcntl(s->report_fd, F_DUPFD_CLOEXEC, TARGETS_MAX);
	if (s->report_fd < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		from[i] = fcntl(from[i] < 0 ? s->null_fd : from[i], F_DUPFD_CLOEXEC, TARGETS_MAX);
		if (from[i] < 0)
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (dup2(from[i], (int)i) < 0)
			return false;
	}
	return syscall(SYS_close_range, (unsigned)n, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */) == 0;
}

/* What is not in the bounding set no program gets, not even as root; capabilities(7). */
static bool drop_capabilities(uint64_t but)
{
	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (but >> cap & 1)
			continue;
		/* EINVAL: a kernel that knows fewer. Who is not root has none to give away. */
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno != EINVAL &&
			!(errno == EPERM && geteuid() != 0))
			return false;
	}
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0;
}

static bool become(const struct process_user *u)
{
	uid_t real, effective, saved;

	if (setgroups(u->n_groups, u->groups) != 0 || setresgid(u->gid, u->gid, u->gid) != 0 ||
		setresuid(u->uid, u->uid, u->uid) != 0)
		return false;
	errno = EPERM;
	return getresuid(&real, &effective, &saved) == 0 && real == u->uid && effective == u->uid &&
	       saved == u->uid;
}

/* Only who has CAP_SYS_RESOURCE gives more than the hard limit; else the program says what it
 * lacks. */
static void allow_locking(uint64_t bytes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur >= bytes)
		return;
	limit.rlim_cur = bytes;
	limit.rlim_max = limit.rlim_max > bytes ? limit.rlim_max : bytes;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0 || getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_MEMLOCK, &limit);
}

/* STEP_EXEC: nothing is left to do. The user changes before the parent is watched: the kernel
 * forgets that wish with the user. */
static enum step give_up_rights(const struct start *s)
{
	const struct process_spec *spec = s->spec;

	allow_locking(spec->locked_memory);
	if (spec->own_devices && spec->user && !process_own_devices(spec->own_devices, spec->user))
		return STEP_DEVICES;
	if ((spec->no_capabilities || spec->user) && !drop_capabilities(spec->capabilities))
		return STEP_CAPABILITIES;
	if (spec->user && !become(spec->user))
		return STEP_USER;
	if (spec->die_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return STEP_PARENT;
	/* The parent may have gone before the kernel was told. */
	if (spec->die_with_parent && getppid() != s->parent)
		_exit(EXIT_NOT_STARTED);
	if (spec->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return STEP_PRIVILEGES;
	return STEP_EXEC;
}

static enum step prepare_and_exec(struct start *s)
{
	const struct process_spec *spec = s->spec;
	char *const *argv = (char *const *)(uintptr_t)spec->argv;
	char *const *envp = spec->envp ? (char *const *)(uintptr_t)spec->envp : environ;
	enum step step;

	default_signals();
	if (spec->new_session && setsid() < 0)
		return STEP_SESSION;
	if (!place_descriptors(s))
		return STEP_DESCRIPTORS;
	if (spec->cwd && chdir(spec->cwd) != 0)
		return STEP_DIRECTORY;
	step = give_up_rights(s);
	if (step == STEP_EXEC)
		(void)execve(s->path, argv, envp);
	return step;
}

static _Noreturn void child(struct start *s)
{
	int original = s->report_fd;
	struct failure f = { .step = prepare_and_exec(s) };
	ssize_t n;

	f.error = errno;
	n = write(s->report_fd >= 0 ? s->report_fd : original, &f, sizeof(f));
	(void)n;
	_exit(EXIT_NOT_STARTED);
}

/* ---- in the parent ---- */

static struct err find_program(const char *name, char **ret_path)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody here changes the environment */
	const char *dirs = strchr(name, '/') ? NULL : getenv("PATH");

	if (strchr(name, '/'))
		return str_dup(name, ret_path);
	while (dirs && *dirs) {
		AUTO(auto_free) char *path = NULL;
		size_t n = strcspn(dirs, ":");
		TRY(str_format(&path, "%.*s/%s", (int)n, dirs, name));
		if (n > 0 && access(path, X_OK) == 0) {
			*ret_path = TAKE(path);
			return OK;
		}
		dirs += n + (dirs[n] == ':');
	}
	return err_new(ERR_NOT_FOUND, "%s: no such program", name);
}

static struct err check_spec(const struct process_spec *spec)
{
	if (!spec->argv || !spec->argv[0])
		return err_new(ERR_STATE, "process without a program");
	if (spec->user && spec->user->n_groups > PROCESS_GROUPS_MAX)
		return err_new(ERR_LIMIT, "%s: %zu groups", spec->argv[0], spec->user->n_groups);
	if (spec->n_keep_fds > PROCESS_KEEP_FDS_MAX)
		return err_new(
			ERR_LIMIT, "%s: %zu descriptors to keep", spec->argv[0], spec->n_keep_fds);
	return OK;
}

/* Nothing in the pipe means that exec closed it. */
static struct err read_report(int fd, const struct process_spec *spec)
{
	struct failure f;
	ssize_t n;

	do
		n = read(fd, &f, sizeof(f));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return OK;
	if (n != (ssize_t)sizeof(f))
		return err_new(ERR_SYS, "%s: starting", spec->argv[0]);
	errno = f.error;
	if (f.step == STEP_EXEC && f.error == ENOENT)
		return err_new(ERR_NOT_FOUND, "%s: no such program", spec->argv[0]);
	return err_new(ERR_SYS, "%s: %s", spec->argv[0], step_names[f.step]);
}

RESULT process_start(const struct process_spec *spec, struct process *ret_process)
{
	AUTO(process_end) struct process p = PROCESS_NONE;
	AUTO(auto_close) int null_fd = -1, report = -1, report_child = -1;
	AUTO(auto_free) char *path = NULL;
	struct start s = { .spec = spec, .parent = getpid() };
	int pipe_fds[2];

	TRY(check_spec(spec));
	TRY(find_program(spec->program ? spec->program : spec->argv[0], &path));
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0 || pipe2(pipe_fds, O_CLOEXEC) != 0)
		return err_new(ERR_SYS, "%s: preparing", spec->argv[0]);
	report = pipe_fds[0];
	report_child = pipe_fds[1];
	s.path = path;
	s.null_fd = null_fd;
	s.report_fd = report_child;
	p.pid = fork();
	if (p.pid < 0)
		return err_new(ERR_SYS, "%s: forking", spec->argv[0]);
	if (p.pid == 0)
		child(&s);
	p.pidfd = (int)syscall(SYS_pidfd_open, p.pid, 0);
	if (p.pidfd < 0)
		return err_new(ERR_SYS, "%s: watching", spec->argv[0]);
	(void)close(TAKE_FD(report_child));
	TRY(read_report(report, spec));
	*ret_process = p;
	p = PROCESS_NONE;
	return OK;
}

static struct err reap(struct process *p, int *ret_status)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(p->pid, &status, 0);
	while (got < 0 && errno == EINTR);
	auto_close(&p->pidfd);
	*p = PROCESS_NONE;
	if (got < 0)
		return err_new(ERR_SYS, "waiting for a process");
	*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return OK;
}

RESULT process_wait(struct process *p, int timeout_ms, int *ret_status)
{
	if (p->pid < 0)
		return err_new(ERR_STATE, "waiting for a process that was not started");
	TRY(fd_wait(p->pidfd, timeout_ms, "process"));
	return reap(p, ret_status);
}

RESULT process_kill(const struct process *p, int signo)
{
	if (p->pid < 0 || syscall(SYS_pidfd_send_signal, p->pidfd, signo, NULL, 0) == 0 ||
		errno == ESRCH)
		return OK;
	return err_new(ERR_SYS, "signal %d", signo);
}

void process_end(struct process *p)
{
	int status;

	if (p->pid < 0)
		return;
	if (p->pidfd < 0)
		(void)kill(p->pid, SIGKILL);
	else
		err_ignore(process_kill(p, SIGKILL)); /* it is our child: only ESRCH can be */
	/* The loop may have reaped it already. */
	err_ignore(reap(p, &status));
}
