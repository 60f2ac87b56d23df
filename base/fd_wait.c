#include "fd_wait.h"

#include <errno.h>
#include <poll.h>

#include <base/clock.h>

RESULT fd_wait(int fd, int timeout_ms, const char *what)
{
	uint64_t end = clock_monotonic_ms() + (timeout_ms > 0 ? (uint64_t)timeout_ms : 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int left = timeout_ms;

	for (;;) {
		int n = poll(&p, 1, left);
		if (n > 0)
			return OK;
		if (n == 0)
			return err_new(ERR_TIMEOUT, "%s: nothing for %d ms", what, timeout_ms);
		if (errno != EINTR)
			return err_new(ERR_SYS, "%s: waiting", what);
		uint64_t now = clock_monotonic_ms();
		if (timeout_ms >= 0)
			left = now < end ? (int)(end - now) : 0;
	}
}
