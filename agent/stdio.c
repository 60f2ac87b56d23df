#include "agent.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <sys/socket.h>
#include <sys/un.h>

static RESULT pipe_for(int *ours, int *theirs, bool ours_reads)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_new(ERR_SYS, "pipe");
	/* As much as one answer takes; a user's share of pipes may be used up, then less does. */
	if (ours_reads)
		(void)fcntl(fds[1], F_SETPIPE_SZ, AGENT_READ_MAX);
	*ours = fds[ours_reads ? 0 : 1];
	*theirs = fds[ours_reads ? 1 : 0];
	/* Only our end: the process expects to block. */
	if (fcntl(*ours, F_SETFL, O_NONBLOCK) != 0)
		return err_new(ERR_SYS, "pipe");
	return OK;
}

/* Names of ids would not fit into a socket's address. */
static RESULT console_listen(struct agent *a, struct stdio *s)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int n;

	TRY(str_format(&s->console_path, "%s/sealpod/console-%u", a->set.run_dir, a->n_consoles++));
	n = snprintf(address.sun_path, sizeof(address.sun_path), "%s", s->console_path);
	if (n < 0 || (size_t)n >= sizeof(address.sun_path))
		return err_new(ERR_LIMIT, "console: name too long");
	s->console = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->console < 0 ||
		bind(s->console, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
		listen(s->console, 1) != 0)
		return err_new(ERR_SYS, "console socket");
	return OK;
}

RESULT stdio_open(struct task *t, struct stdio *ret_stdio)
{
	AUTO(stdio_done) struct stdio s = STDIO_NONE;

	if (t->terminal) {
		TRY(console_listen(t->container->agent, &s));
	} else {
		TRY(pipe_for(&t->in.fd, &s.in, false));
		TRY(pipe_for(&t->out.fd, &s.out, true));
		TRY(pipe_for(&t->err.fd, &s.err, true));
	}
	*ret_stdio = s;
	s = STDIO_NONE;
	return OK;
}

static RESULT receive_fd(int fd, int *ret_fd)
{
	char data[64];
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	if (recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0)
		return err_new(ERR_PEER, "crun sent no terminal");
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
		c->cmsg_len != CMSG_LEN(sizeof(int)))
		return err_new(ERR_PEER, "crun sent no terminal");
	memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	return OK;
}

/* A copy each, because the loop watches a descriptor for one purpose only. */
static RESULT share_terminal(struct task *t, int terminal)
{
	if (fcntl(terminal, F_SETFL, O_NONBLOCK) != 0)
		return err_new(ERR_SYS, "terminal");
	t->in.fd = fcntl(terminal, F_DUPFD_CLOEXEC, 0);
	t->out.fd = fcntl(terminal, F_DUPFD_CLOEXEC, 0);
	t->window_fd = fcntl(terminal, F_DUPFD_CLOEXEC, 0);
	if (t->in.fd < 0 || t->out.fd < 0 || t->window_fd < 0)
		return err_new(ERR_SYS, "terminal");
	return OK;
}

RESULT stdio_take_console(struct task *t, const struct stdio *s)
{
	AUTO(auto_close) int connection = -1;
	AUTO(auto_close) int terminal = -1;

	if (s->console < 0)
		return OK;
	connection = accept4(s->console, NULL, NULL, SOCK_CLOEXEC);
	if (connection < 0)
		return err_new(ERR_SYS, "console: crun did not connect");
	TRY(receive_fd(connection, &terminal));
	return share_terminal(t, terminal);
}

void stdio_done(struct stdio *s)
{
	const int fds[] = { s->in, s->out, s->err, s->console };

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	if (s->console_path)
		(void)unlink(s->console_path);
	free(s->console_path);
	*s = STDIO_NONE;
}
