#include "fd_wait.h"

#include <errno.h>

#include <base/ipc.h>
#include <base/reader.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
	TYPE_SIZE = 2 /* the type comes first, little endian */
};

/* Aligned as the kernel wants it. */
union control {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(IPC_FDS_MAX * sizeof(int))];
};

void ipc_message_done(struct ipc_message *m)
{
	for (size_t i = 0; i < m->n_fds; i++)
		auto_close(&m->fds[i]);
	buf_done(&m->body);
	*m = (struct ipc_message){ 0 };
}

RESULT ipc_pair(int ret_fds[static 2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) != 0)
		return err_new(ERR_SYS, "pair of sockets");
	return OK;
}

RESULT ipc_send_fds(int fd, uint16_t type, struct bytes body, const int *fds, size_t n_fds)
{
	uint8_t head[TYPE_SIZE] = { (uint8_t)type, (uint8_t)(type >> 8) };
	struct iovec parts[] = { { .iov_base = head, .iov_len = sizeof(head) },
		{ .iov_base = (void *)(uintptr_t)body.p, .iov_len = body.n } };
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts) };
	union control control = { 0 };
	ssize_t n;

	if (body.n > IPC_MESSAGE_MAX || n_fds > IPC_FDS_MAX)
		return err_new(
			ERR_LIMIT, "message %u: %zu bytes, %zu descriptors", type, body.n, n_fds);
	if (n_fds > 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	do
		n = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_new(ERR_SYS, "message %u: sending", type);
	return OK;
}

RESULT ipc_send(int fd, uint16_t type, struct bytes body)
{
	return ipc_send_fds(fd, type, body, NULL, 0);
}

/* Descriptors are taken before anything is judged, so that a bad message leaks none. */
static void take_fds(struct msghdr *m, struct ipc_message *to)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (to->n_fds < IPC_FDS_MAX)
				to->fds[to->n_fds++] = fd;
			else
				(void)close(fd);
		}
	}
}

static struct err receive(int fd, struct ipc_message *m)
{
	uint8_t *room = buf_grow(&m->body, IPC_MESSAGE_MAX);
	uint8_t head[TYPE_SIZE];
	struct iovec parts[] = { { .iov_base = head, .iov_len = sizeof(head) },
		{ .iov_base = room, .iov_len = IPC_MESSAGE_MAX } };
	union control control;
	struct msghdr h = { .msg_iov = parts,
		.msg_iovlen = ARRAY_LEN(parts),
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n;

	if (!room)
		return buf_end(&m->body, "message");
	do
		n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return err_new(ERR_NOT_FOUND, "peer closed");
	if (n < 0)
		return err_new(ERR_SYS, "message: receiving");
	take_fds(&h, m);
	if (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return err_new(ERR_LIMIT, "message: too many bytes or descriptors");
	if (n < TYPE_SIZE)
		return err_new(ERR_FORMAT, "message: without a type");
	m->type = (uint16_t)(head[0] | head[1] << 8);
	m->body.n = (size_t)n - TYPE_SIZE;
	return OK;
}

RESULT ipc_recv(int fd, int timeout_ms, struct ipc_message *ret_message)
{
	AUTO(ipc_message_done) struct ipc_message m = { .body = BUF_INIT(IPC_MESSAGE_MAX) };

	TRY(fd_wait(fd, timeout_ms, "message"));
	TRY(receive(fd, &m));
	*ret_message = m;
	m = (struct ipc_message){ 0 };
	return OK;
}
