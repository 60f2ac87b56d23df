/* runtime/sandbox.h without a machine: processes are records, the agent is a server in this loop
 * that answers reads and writes of standard streams. */
#pragma once

#include <base/buf.h>
#include <runtime/sandbox.h>

enum {
	FAKE_PID = 4242
};

/* What the next sandbox does. */
struct fake {
	const char *fail;    /* operation that fails: "new", "start", "create", "exec", ... */
	unsigned boot_ms;    /* sandbox_start() pumps so long, unless aborted */
	unsigned network_ms; /* so does sandbox_network_update() */
	bool echo;	     /* what is written to standard input comes back */
	bool ends_at_once;   /* what is started has ended before that is told */
	bool linger;	     /* output does not end with the process */
	/* What was done. */
	struct buf seen;
	bool cleaned;
	struct sandbox *sandbox; /* the living one */
};
extern struct fake fake;
void fake_reset(void);

/* The process ends; its output then. */
void fake_exit(const char *id, const char *exec_id, int status);
void fake_output(const char *id, const char *exec_id, const char *text);
/* The machine is gone. */
void fake_die(void);
void fake_oom(const char *id);
