/* Accepts on a listening socket. */
#pragma once

#include <base/loop.h>

struct acceptor;
/* fd: connected, non-blocking, close-on-exec, the callee's. */
typedef void acceptor_fn(void *arg, int fd);

/* listen_fd becomes the acceptor's, also on failure. */
RESULT acceptor_new(
	struct loop *l, int listen_fd, acceptor_fn *fn, void *arg, struct acceptor **ret_acceptor);
void acceptor_free(struct acceptor *a);
void acceptor_freep(struct acceptor **a);
