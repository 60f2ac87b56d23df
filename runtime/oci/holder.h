/*
 * The holder: a process of this host that stands for a process in the guest. Its pid is what the
 * engine gets; it owns the inherited standard streams, lives in the container's network namespace,
 * and exits with the container's exit status. It is this program, executed again with HOLDER_WORD
 * as its first argument.
 */
#pragma once

#include "shim.h"

#include <base/process.h>

#define HOLDER_WORD "holder-of-a-container" /* no command line of an engine begins so */

enum {
	HOLDER_PATH_MAX = 256,
	HOLDER_DIR_MAX = HOLDER_PATH_MAX - 16
};

struct holder_config {
	const char *dir;	  /* exists, at most HOLDER_DIR_MAX; FIFOs are made in it */
	const char *state_dir;	  /* where state.json is */
	const char *id, *exec_id; /* exec_id "": the container's first process */
	const char *netns;	  /* path, "new", or "": the engine's own */
	int tty_fd;		  /* becomes all three streams; -1: those of this process */
	bool terminal;
	bool foreground; /* stays in this session: its terminal's signals are meant */
};
/* Returns when it is in its namespace and its FIFOs are there. */
RESULT holder_start(const struct holder_config *c, struct process *ret_holder);
/* The process is there in the shim: SIGUSR1; the holder reads state.json, waits and copies. */
RESULT holder_go(const struct process *holder);
/* What the shim is given for the streams of the holder; "" for /dev/null. */
struct holder_streams {
	char in[HOLDER_PATH_MAX], out[HOLDER_PATH_MAX], err[HOLDER_PATH_MAX];
};
void holder_paths(pid_t pid, const char *dir, struct holder_streams *ret_streams);

/* The process itself; argv as holder_start() makes it. */
int holder_main(int argc, char **argv);
