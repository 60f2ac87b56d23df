#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <base/auto.h>
#include <base/buf.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static RESULT open_pair(int *ret_master, int *ret_slave)
{
	AUTO(auto_close) int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	AUTO(auto_close) int slave = -1;

	if (master < 0 || unlockpt(master) != 0)
		return err_new(ERR_SYS, "new terminal");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_new(ERR_SYS, "new terminal");
	*ret_master = TAKE_FD(master);
	*ret_slave = TAKE_FD(slave);
	return OK;
}

static RESULT send_fd(int sock, int fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char name[] = "/dev/ptmx";
	struct iovec data = { .iov_base = name, .iov_len = sizeof(name) - 1 };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(sock, &m, MSG_NOSIGNAL) < 0)
		return err_new(ERR_SYS, "sending the terminal");
	return OK;
}

RESULT console_send(const char *path, int *ret_slave)
{
	AUTO(auto_close) int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO(auto_close) int master = -1;
	AUTO(auto_close) int slave = -1;
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path))
		return err_new(ERR_LIMIT, "--console-socket: longer than %zu characters",
			sizeof(a.sun_path) - 1);
	memcpy(a.sun_path, path, strlen(path));
	if (sock < 0 || connect(sock, (const struct sockaddr *)&a, sizeof(a)) != 0)
		return err_new(ERR_SYS, "--console-socket %s", path);
	TRY(open_pair(&master, &slave));
	TRY(send_fd(sock, master));
	*ret_slave = TAKE_FD(slave);
	return OK;
}

RESULT console_check(bool terminal, const char *console_socket, bool detach, bool have_tty)
{
	if (!terminal && console_socket)
		return err_new(ERR_USAGE,
			"--console-socket without a terminal (process.terminal is false)");
	if (terminal && !console_socket && (detach || !have_tty))
		return err_new(ERR_USAGE,
			"process.terminal needs --console-socket, or standard input to be a "
			"terminal");
	return OK;
}
