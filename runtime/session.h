/* One run of a pod: what its steps and its callbacks share. */
#pragma once

#include "launch.h"
#include "machine.h"
#include "runtime/agent_client.h"
#include "runtime/pod.h"
#include "runtime/run.h"

#include <base/loop.h>

struct session {
	const struct run_config *config;
	struct run_result *result;
	struct timeline *timeline; /* in the result */
	struct loop *loop;
	struct pod pod;
	struct launch_files files;
	struct machine machine;
	struct agent_client *agent;
	struct ttrpc_proxy *proxy;
	struct agent_stdio *stdio;
	const char *stage; /* a constant string */
	uint64_t deadline; /* monotonic ms; 0: none */
	bool started;	   /* signals go to the container */
	int signo;	   /* that came first; 0: none */
	unsigned signals;
};

void session_init(struct session *s, const struct run_config *c, struct run_result *r);
void session_done(struct session *s);

/* session_files.c: directory, initdata image, firmware variables. */
RESULT session_prepare(struct session *s, struct vm_launch *ret_launch);
RESULT session_save(struct session *s);

/* session_events.c: what the machine says meanwhile. */
RESULT session_open_logs(struct session *s);
RESULT session_signals(struct session *s);
void session_stage(struct session *s, const char *stage);
/* For agent_client: failure when the machine died, the user gave up or nothing happens. */
struct err session_check(void *session);
/* A connection that broke usually means a machine that died: waits shortly for that news. */
struct err session_explain(struct session *s, struct err e);
