/* Typed messages between our processes over SOCK_SEQPACKET; one message, one datagram. */
#pragma once

#include <base/buf.h>

enum {
	IPC_MESSAGE_MAX = 64 * 1024,
	IPC_FDS_MAX = 4
};

struct ipc_message {
	uint16_t type;
	struct buf body; /* owned; .max is IPC_MESSAGE_MAX */
	int fds[IPC_FDS_MAX];
	size_t n_fds; /* owned until taken */
};
void ipc_message_done(struct ipc_message *m); /* for AUTO */

RESULT ipc_pair(int ret_fds[static 2]); /* close-on-exec */
RESULT ipc_send(int fd, uint16_t type, struct bytes body);
RESULT ipc_send_fds(int fd, uint16_t type, struct bytes body, const int *fds, size_t n_fds);
/* Blocks up to timeout_ms (< 0: for ever). ERR_NOT_FOUND "peer closed" at the end. */
RESULT ipc_recv(int fd, int timeout_ms, struct ipc_message *ret_message);
