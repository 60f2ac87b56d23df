#include "streams.h"

#include "logger.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <sys/stat.h>

enum {
	LOG_MODE = 0644, /* containerd's, of file:// */
	LOG_DIR_MODE = 0755
};

struct streams {
	struct loop *loop;
	struct loop_source *soon;
	streams_ready_fn *ready;
	void *ready_arg;
	int in, in_writer; /* both ends of the FIFO; the writer until CloseIO */
	int out, err;
	bool terminal, close_in, ended;
	struct logger *logger;
	struct agent_stdio *carried;
	void (*ended_fn)(void *arg);
	void *ended_arg;
};

static void close_fd(int *fd)
{
	auto_close(fd);
	*fd = -1;
}

static RESULT open_fd(const char *path, int flags, mode_t mode, const char *what, int *ret_fd)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY, mode);

	if (fd < 0 && errno == ENOENT)
		return err_new(ERR_NOT_FOUND, "%s: %.200s does not exist", what, path);
	if (fd < 0)
		return err_new(ERR_SYS, "%s: %.200s", what, path);
	*ret_fd = fd;
	return OK;
}

static bool is_fifo(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

static RESULT open_in(struct streams *s, const char *text)
{
	AUTO(stdio_uri_done) struct stdio_uri u = { 0 };

	TRY(stdio_uri_parse(text, "stdin", &u));
	if (u.kind == STDIO_NONE)
		return OK;
	if (u.kind != STDIO_FIFO)
		return err_new(ERR_UNSUPPORTED, "stdin: '%.80s': only a FIFO can be read", text);
	TRY(open_fd(u.path, O_RDONLY | O_NONBLOCK, 0, "stdin", &s->in));
	if (is_fifo(s->in))
		TRY(open_fd(u.path, O_WRONLY | O_NONBLOCK, 0, "stdin", &s->in_writer));
	return OK;
}

static RESULT make_parent(const char *path)
{
	AUTO(auto_free) char *dir = NULL;

	TRY(str_dup(path, &dir));
	*strrchr(dir, '/') = '\0'; /* absolute: there is one */
	return dir[0] ? dir_make(dir, LOG_DIR_MODE) : OK;
}

static RESULT open_path(const struct stdio_uri *u, const char *what, int *ret_fd)
{
	AUTO(auto_close) int fd = -1;

	if (u->kind == STDIO_FILE) {
		TRY(make_parent(u->path));
		return open_fd(u->path, O_WRONLY | O_APPEND | O_CREAT, LOG_MODE, what, ret_fd);
	}
	/* For reading too: writes fail at no time for lack of a reader. */
	TRY(open_fd(u->path, O_RDWR | O_NONBLOCK | O_APPEND, 0, what, &fd));
	*ret_fd = TAKE_FD(fd);
	return OK;
}

static void on_logger(void *arg, struct err e)
{
	struct streams *s = arg;

	s->ready(s->ready_arg, e);
}

static RESULT open_logger(
	struct streams *s, const struct streams_config *c, const struct stdio_uri *u)
{
	struct logger_config lc = {
		.loop = c->loop, .uri = u, .ns = c->ns, .id = c->id, .ready = on_logger, .arg = s
	};

	TRY(logger_new(&lc, &s->logger));
	s->out = fcntl(logger_out_fd(s->logger), F_DUPFD_CLOEXEC, 0);
	s->err = fcntl(logger_err_fd(s->logger), F_DUPFD_CLOEXEC, 0);
	if (s->out < 0 || s->err < 0)
		return err_new(ERR_SYS, "pipe of the logger");
	return OK;
}

static RESULT open_outputs(struct streams *s, const struct streams_config *c)
{
	AUTO(stdio_uri_done) struct stdio_uri out = { 0 };
	AUTO(stdio_uri_done) struct stdio_uri err = { 0 };

	TRY(stdio_uri_parse(c->out, "stdout", &out));
	TRY(stdio_uri_parse(c->terminal ? "" : c->err, "stderr", &err));
	if (out.kind == STDIO_BINARY)
		return open_logger(s, c, &out);
	if (err.kind == STDIO_BINARY)
		return err_new(ERR_UNSUPPORTED, "stderr: a logger takes stdout too");
	if (out.kind != STDIO_NONE)
		TRY(open_path(&out, "stdout", &s->out));
	if (err.kind != STDIO_NONE)
		TRY(open_path(&err, "stderr", &s->err));
	return OK;
}

static void on_soon(void *arg)
{
	struct streams *s = arg;

	loop_remove(s->soon);
	s->soon = NULL;
	s->ready(s->ready_arg, OK);
}

RESULT streams_open(const struct streams_config *c, streams_ready_fn *fn, void *arg,
	struct streams **ret_streams)
{
	AUTO(streams_freep) struct streams *s = calloc(1, sizeof(*s));

	if (!s)
		return err_new(ERR_NOMEM, "standard streams");
	s->loop = c->loop;
	s->ready = fn;
	s->ready_arg = arg;
	s->terminal = c->terminal;
	s->in = s->in_writer = s->out = s->err = -1;
	TRY(open_in(s, c->in));
	TRY(open_outputs(s, c));
	if (!s->logger)
		TRY(loop_add_timer(c->loop, 0, 0, on_soon, s, &s->soon));
	*ret_streams = TAKE(s);
	return OK;
}

/* Readers see the end as soon as there is no more. */
static void close_outputs(struct streams *s)
{
	close_fd(&s->out);
	close_fd(&s->err);
	if (s->logger)
		logger_end_input(s->logger);
}

static void on_ended(void *arg)
{
	struct streams *s = arg;

	s->ended = true;
	close_outputs(s);
	s->ended_fn(s->ended_arg);
}

RESULT streams_start(struct streams *s, struct agent_client *a, const char *container_id,
	const char *exec_id, void (*ended)(void *arg), void *arg)
{
	s->ended_fn = ended;
	s->ended_arg = arg;
	TRY(agent_stdio_new(a,
		&(struct agent_stdio_config){
			.container_id = container_id,
			.exec_id = exec_id,
			.stdin_fd = s->in,
			.stdout_fd = s->out,
			.stderr_fd = s->err,
			.terminal = s->terminal,
			.ended = on_ended,
			.arg = s,
		},
		&s->carried));
	return OK;
}

void streams_close_in(struct streams *s, void (*fn)(void *arg), void *arg)
{
	close_fd(&s->in_writer);
	if (s->carried && s->in >= 0 && !s->close_in) {
		s->close_in = true;
		agent_stdio_close_stdin(s->carried, fn, arg);
		return;
	}
	/* Before the start the end of the FIFO tells; a second time there is nothing to do. */
	fn(arg);
}

bool streams_has_ended(const struct streams *s)
{
	return s->ended;
}

uint64_t streams_written(const struct streams *s)
{
	return s->carried ? agent_stdio_written(s->carried) : 0;
}

void streams_cut(struct streams *s)
{
	agent_stdio_freep(&s->carried);
	s->ended = true;
	close_outputs(s);
}

void streams_freep(struct streams **streams)
{
	struct streams *s = *streams;

	*streams = NULL;
	if (!s)
		return;
	loop_remove(s->soon);
	streams_cut(s);
	logger_close(TAKE(s->logger));
	close_fd(&s->in);
	close_fd(&s->in_writer);
	free(s);
}
