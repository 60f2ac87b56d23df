#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include <base/clock.h>
#include <base/ipc.h>
#include <base/process.h>
#include <linux/nsfs.h>
#include <net/netns.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	JOB_MS = 60 * 1000,
	MESSAGE_FDS = 1
};

/* Both processes see it; the child writes, and only a finished child's words are taken. */
struct shared {
	size_t size; /* of the mapping */
	bool done;
	struct err_saved failure;
	_Alignas(16) uint8_t result[];
};

static void shared_freep(struct shared **s)
{
	if (*s)
		(void)munmap(*s, (*s)->size);
}

void netns_fds_done(struct netns_fds *f)
{
	for (size_t i = 0; i < f->n; i++)
		auto_close(&f->fd[i]);
	f->n = 0;
}

RESULT netns_fds_add(struct netns_fds *f, int fd)
{
	if (f->n == NETNS_FDS_MAX)
		return err_new(ERR_LIMIT, "more than %d descriptors", NETNS_FDS_MAX);
	f->fd[f->n++] = fd;
	return OK;
}

static RESULT open_namespace(const char *path, int *ret_fd)
{
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ESRCH))
		return err_new(ERR_NOT_FOUND, "network namespace %s: there is none", path);
	if (fd < 0)
		return err_new(ERR_SYS, "network namespace %s", path);
	/* The file of a bind mount that is gone is a plain one. */
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return err_new(ERR_NOT_FOUND, "%s is no network namespace", path);
	*ret_fd = TAKE_FD(fd);
	return OK;
}

bool netns_exists(const char *path)
{
	AUTO(auto_close) int fd = -1;

	return !failed(open_namespace(path, &fd));
}

static RESULT open_own(int *ret_fd)
{
	*ret_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? err_new(ERR_SYS, "this process's network namespace") : OK;
}

RESULT netns_enter(int fd, int *ret_back)
{
	AUTO(auto_close) int back = -1;

	TRY(open_own(&back));
	if (setns(fd, CLONE_NEWNET) != 0)
		return err_new(ERR_SYS, "entering a network namespace");
	*ret_back = TAKE_FD(back);
	return OK;
}

RESULT netns_new(int *ret_fd)
{
	AUTO(auto_close) int here = -1, there = -1;
	struct err e;

	TRY(open_own(&here));
	if (unshare(CLONE_NEWNET) != 0)
		return err_new(ERR_SYS, "new network namespace");
	e = open_own(&there);
	if (setns(here, CLONE_NEWNET) != 0)
		return err_new(ERR_SYS, "back to the first network namespace");
	TRY(e);
	*ret_fd = TAKE_FD(there);
	return OK;
}

/* ---- in the child ---- */

static RESULT work(const struct netns_job *job, int namespace_fd, struct shared *s, int to_parent)
{
	struct netns_fds fds = { 0 }; /* closed by the end of this process */

	if (setns(namespace_fd, CLONE_NEWNET) != 0)
		return err_new(ERR_SYS, "entering network namespace %s", job->path);
	TRY(job->fn(job->arg, s->result, &fds));
	for (size_t i = 0; i < fds.n; i += IPC_FDS_MAX) {
		size_t n = fds.n - i < IPC_FDS_MAX ? fds.n - i : IPC_FDS_MAX;

		TRY(ipc_send_fds(to_parent, MESSAGE_FDS, BYTES_NONE, fds.fd + i, n));
	}
	return OK;
}

static _Noreturn void child(
	const struct netns_job *job, int namespace_fd, struct shared *s, int to_parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	err_save(work(job, namespace_fd, s, to_parent), &s->failure);
	s->done = true;
	_exit(0);
}

/* ---- in the parent ---- */

/* Until the child has closed its end, which it does by ending. */
static RESULT receive(int from_child, struct netns_fds *fds)
{
	uint64_t end = clock_monotonic_ms() + JOB_MS;

	for (;;) {
		AUTO(ipc_message_done) struct ipc_message m = { 0 };
		uint64_t now = clock_monotonic_ms();
		struct err e = ipc_recv(from_child, now < end ? (int)(end - now) : 0, &m);

		if (e.code == ERR_NOT_FOUND)
			return OK;
		TRY(e);
		for (; m.n_fds > 0; m.n_fds--) {
			TRY(netns_fds_add(fds, m.fds[0]));
			memmove(m.fds, m.fds + 1, (m.n_fds - 1) * sizeof(m.fds[0]));
		}
	}
}

static RESULT map_shared(const struct netns_job *job, const void *result, struct shared **ret)
{
	size_t size = sizeof(struct shared) + job->result_size;
	struct shared *s =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED)
		return err_new(ERR_NOMEM, "network namespace %s", job->path);
	s->size = size;
	if (job->result_size > 0)
		memcpy(s->result, result, job->result_size);
	*ret = s;
	return OK;
}

RESULT netns_run(const struct netns_job *job, void *result, struct netns_fds *ret_fds)
{
	AUTO(shared_freep) struct shared *s = NULL;
	AUTO(netns_fds_done) struct netns_fds fds = { 0 };
	AUTO(auto_close) int ns = -1, here = -1, there = -1;
	AUTO(process_end) struct process p = PROCESS_NONE;
	int pair[2];

	TRY(open_namespace(job->path, &ns));
	TRY(map_shared(job, result, &s));
	TRY(ipc_pair(pair));
	here = pair[0];
	there = pair[1];
	p.pid = fork();
	if (p.pid < 0)
		return err_new(ERR_SYS, "network namespace %s: forking", job->path);
	if (p.pid == 0)
		child(job, ns, s, there);
	(void)close(TAKE_FD(there));
	TRY(receive(here, &fds));
	process_end(&p);
	if (!s->done)
		return err_new(ERR_PEER, "network namespace %s: the child ended early", job->path);
	if (s->failure.code != ERR_OK)
		return err_restore(&s->failure);
	if (job->result_size > 0)
		memcpy(result, s->result, job->result_size);
	if (ret_fds) {
		*ret_fds = fds;
		fds.n = 0;
	}
	return OK;
}
