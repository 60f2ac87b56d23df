/* Pseudo-terminals, and the socket on which engines get their master side. */
#pragma once

#include <base/err.h>

/* A new terminal; the master goes over the socket at `path` (SCM_RIGHTS, its name as the message,
 * as engines expect it), the slave is returned, close-on-exec. */
RESULT console_send(const char *path, int *ret_slave);
/* terminal and console_socket fit together: ERR_USAGE tells what is missing. `have_tty`: standard
 * input may be the terminal. */
RESULT console_check(bool terminal, const char *console_socket, bool detach, bool have_tty);
