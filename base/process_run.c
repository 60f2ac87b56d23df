#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include <base/file.h>
#include <base/process.h>
#include <sys/mman.h>

enum {
	CHUNK = 16 * 1024,
	ERRORS_MAX = 4 * 1024,
	FIRST_LINE_MAX = 200
};

/* One stream of the child that goes into a buffer. */
struct stream {
	int fd;
	struct buf *to;
	bool cut; /* what does not fit is dropped instead of failing */
	bool full;
};

static void stream_done(struct stream *s)
{
	auto_close(&s->fd);
}

static struct err open_stream(struct stream *s, int *ret_child_fd)
{
	int fds[2];

	if (!s->to)
		return OK;
	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_new(ERR_SYS, "pipe");
	s->fd = fds[0];
	*ret_child_fd = fds[1];
	if (fcntl(s->fd, F_SETFL, O_NONBLOCK) != 0)
		return err_new(ERR_SYS, "pipe");
	return OK;
}

/* A file in memory, so that nobody has to write while the child does not read. */
static struct err open_input(struct bytes input, int *ret_fd)
{
	AUTO(auto_close) int fd = -1;

	if (input.n == 0)
		return OK;
	fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0)
		return err_new(ERR_SYS, "input");
	TRY(fd_write_all(fd, input));
	if (lseek(fd, 0, SEEK_SET) != 0)
		return err_new(ERR_SYS, "input");
	*ret_fd = TAKE_FD(fd);
	return OK;
}

static void keep(struct stream *s, struct bytes data)
{
	size_t room = s->to->max - s->to->n;

	if (data.n > room) {
		data.n = room;
		s->full = true;
	}
	buf_put(s->to, data);
}

/* All there is now; closes the stream at its end. */
static struct err drain(struct stream *s)
{
	uint8_t chunk[CHUNK];

	while (s->fd >= 0) {
		ssize_t n = read(s->fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EAGAIN)
			return OK;
		if (n < 0 && errno != EINTR)
			return err_new(ERR_SYS, "output");
		if (n == 0)
			(void)close(TAKE_FD(s->fd));
		if (n > 0)
			keep(s, bytes_of(chunk, (size_t)n));
		if (s->full && !s->cut)
			return err_new(ERR_LIMIT, "output: more than %zu bytes", s->to->max);
	}
	return OK;
}

/* Until the child has ended. A grandchild that keeps the pipes open is not waited for. */
static struct err collect(const struct process *p, struct stream *out, struct stream *errors)
{
	bool ended = false;

	while (!ended) {
		struct pollfd fds[] = { { .fd = p->pidfd, .events = POLLIN },
			{ .fd = out->fd, .events = POLLIN },
			{ .fd = errors->fd, .events = POLLIN } };
		if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
			return err_new(ERR_SYS, "output");
		ended = fds[0].revents != 0;
		TRY(drain(out));
		TRY(drain(errors));
	}
	return OK;
}

static struct err start(struct process_spec *spec, struct bytes input, struct stream *out,
	struct stream *errors, struct process *ret_process)
{
	AUTO(auto_close) int in_fd = -1, out_fd = -1, errors_fd = -1;

	TRY(open_input(input, &in_fd));
	TRY(open_stream(out, &out_fd));
	TRY(open_stream(errors, &errors_fd));
	spec->stdin_fd = in_fd;
	spec->stdout_fd = out_fd;
	spec->stderr_fd = errors_fd;
	return process_start(spec, ret_process);
}

RESULT process_run(const char *const *argv, struct bytes input, struct buf *out, struct buf *errors,
	int *ret_status)
{
	AUTO(stream_done) struct stream o = { .fd = -1, .to = out };
	AUTO(stream_done) struct stream e = { .fd = -1, .to = errors, .cut = true };
	AUTO(process_end) struct process p = PROCESS_NONE;
	struct process_spec spec = { .argv = argv, .die_with_parent = true };
	struct err failure;

	TRY(start(&spec, input, &o, &e, &p));
	failure = collect(&p, &o, &e);
	if (failed(failure))
		return err_add(failure, "%s", argv[0]);
	return process_wait(&p, -1, ret_status);
}

RESULT process_run_ok(const char *const *argv, struct bytes input, struct buf *out)
{
	AUTO(buf_done) struct buf errors = BUF_INIT(ERRORS_MAX);
	size_t n = 0;
	int status = 0;

	TRY(process_run(argv, input, out, &errors, &status));
	if (status == 0)
		return OK;
	while (n < errors.n && n < FIRST_LINE_MAX && errors.p[n] >= ' ')
		n++;
	return err_new(ERR_PEER, "%s: exit status %d%s%.*s", argv[0], status, n ? ": " : "", (int)n,
		n ? (const char *)errors.p : "");
}
