/* One run of a pod: what its steps and its callbacks share. */
#pragma once

#include "qmp.h"
#include "runtime/agent_client.h"
#include "runtime/pod.h"
#include "runtime/run.h"

#include <base/loop.h>

enum {
	SESSION_CONSOLE_MAX = 4 * 1024 * 1024 /* bytes of console.log */
};

struct session {
	const struct run_config *config;
	struct run_result *result;
	struct timeline *timeline; /* in the result */
	struct loop *loop;
	struct pod pod;
	char *append; /* with the digest of initdata, where a platform binds it so; else NULL */
	struct vm vm;
	struct agent_client *agent;
	struct ttrpc_proxy *proxy;
	struct agent_stdio *stdio;
	struct qmp qmp;
	struct guest_lines log_lines;
	struct loop_source *log_source, *console_source, *qmp_source, *qemu_source, *tpm_source;
	int log_file, console_file;
	uint64_t log_bytes, console_bytes;
	char tail[RUN_CONSOLE_TAIL]; /* last bytes of the console */
	size_t tail_n;
	const char *stage; /* a constant string */
	uint64_t deadline; /* monotonic ms; 0: none */
	bool started;	   /* signals go to the container */
	int signo;	   /* that came first; 0: none */
	unsigned signals;
	const char *dead; /* the program that ended: "QEMU", "swtpm" */
	int dead_status;
};

void session_init(struct session *s, const struct run_config *c, struct run_result *r);
void session_done(struct session *s);

/* session_files.c: directory, initdata image, firmware variables. */
RESULT session_prepare(struct session *s, struct vm_launch *ret_launch);
void session_launch_done(struct vm_launch *l);
RESULT session_open_logs(struct session *s);
RESULT session_save(struct session *s);

/* session_events.c: what the machine says meanwhile. */
RESULT session_watch(struct session *s);
RESULT session_signals(struct session *s);
void session_stage(struct session *s, const char *stage);
/* For agent_client: failure when the machine died, the user gave up or nothing happens. */
struct err session_check(void *session);
/* A connection that broke usually means a machine that died: waits shortly for that news. */
struct err session_explain(struct session *s, struct err e);
