/* The holder as its parent sees it. */
#include "holder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>

#include <base/file.h>
#include <sys/stat.h>

enum {
	READY_MS = 30 * 1000,
	READY_MAX = 512
};

static RESULT make_fifos(const char *dir)
{
	static const char *const names[] = { "stdin", "stdout", "stderr" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(auto_free) char *path = NULL;

		TRY(path_join(dir, names[i], &path));
		if (mkfifo(path, 0600) != 0 && errno != EEXIST)
			return err_new(ERR_SYS, "%s: making it", path);
	}
	return OK;
}

/* One byte 'R' when it is ready, else the reason, then the end. */
static RESULT wait_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[READY_MAX];
	ssize_t n = 0;
	int ready;

	do
		ready = poll(&p, 1, READY_MS);
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return err_new(ERR_TIMEOUT, "the holder is not ready after %d s", READY_MS / 1000);
	n = read(fd, text, sizeof(text) - 1);
	if (n == 1 && text[0] == 'R')
		return OK;
	text[n > 0 ? n : 0] = '\0';
	return err_new(ERR_PEER, "holder: %s", n > 0 ? text : "it ended at once");
}

RESULT holder_start(const struct holder_config *c, struct process *ret_holder)
{
	AUTO(process_end) struct process p = PROCESS_NONE;
	AUTO(auto_close) int ready = -1, ready_child = -1;
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int fds[2];

	if (strlen(c->dir) > HOLDER_DIR_MAX)
		return err_new(ERR_LIMIT, "%s: longer than %d: choose a shorter --root", c->dir,
			HOLDER_DIR_MAX);
	if (n <= 0 || pipe2(fds, O_CLOEXEC) != 0)
		return err_new(ERR_SYS, "starting the holder");
	self[n] = '\0';
	ready = fds[0];
	ready_child = fds[1];
	TRY(make_fifos(c->dir));
	const char *argv[] = { self, HOLDER_WORD, c->dir, c->state_dir, c->id, c->exec_id, c->netns,
		c->foreground ? "foreground" : "session", c->terminal ? "terminal" : "plain",
		NULL };
	struct process_spec spec = PROCESS_SPEC(argv);
	if (c->tty_fd >= 0)
		spec.stdin_fd = spec.stdout_fd = spec.stderr_fd = c->tty_fd;
	spec.keep_fds[spec.n_keep_fds++] = ready_child;
	spec.new_session = !c->foreground;
	TRY(process_start(&spec, &p));
	(void)close(TAKE_FD(ready_child));
	TRY(wait_ready(ready));
	*ret_holder = p;
	p = PROCESS_NONE;
	return OK;
}

RESULT holder_go(const struct process *holder)
{
	return process_kill(holder, SIGUSR1);
}

static bool is_null(const struct stat *st)
{
	struct stat null;

	return S_ISCHR(st->st_mode) && stat("/dev/null", &null) == 0 && st->st_rdev == null.st_rdev;
}

/* A pipe is given to the shim as it is, so that output is not copied twice; all else goes through a
 * FIFO: sockets cannot be opened by their path, files would be written from their start. */
static void stream_path(pid_t pid, int fd, const char *fifo, char to[static HOLDER_PATH_MAX])
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	to[0] = '\0';
	if (stat(path, &st) != 0 || is_null(&st))
		return;
	(void)snprintf(to, HOLDER_PATH_MAX, "%s", fd && S_ISFIFO(st.st_mode) ? path : fifo);
}

void holder_paths(pid_t pid, const char *dir, struct holder_streams *ret_streams)
{
	char fifo[HOLDER_PATH_MAX];

	(void)snprintf(fifo, sizeof(fifo), "%s/stdin", dir);
	stream_path(pid, 0, fifo, ret_streams->in);
	(void)snprintf(fifo, sizeof(fifo), "%s/stdout", dir);
	stream_path(pid, 1, fifo, ret_streams->out);
	(void)snprintf(fifo, sizeof(fifo), "%s/stderr", dir);
	stream_path(pid, 2, fifo, ret_streams->err);
}
