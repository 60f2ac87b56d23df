#pragma once

#include <base/err.h>

/* Until `fd` is readable or hung up; timeout_ms < 0 waits for ever. ERR_TIMEOUT names `what`. */
RESULT fd_wait(int fd, int timeout_ms, const char *what);
