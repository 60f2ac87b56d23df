/*
 * The standard streams of one process: what the engine named is opened here, agent_stdio carries
 * bytes between it and the guest. FIFOs are held at both ends, so that neither a reader that comes
 * back (an engine restarted) nor a writer that left ends anything.
 */
#pragma once

#include "stdio_uri.h"

#include <base/loop.h>
#include <runtime/agent_client.h>

struct streams;

struct streams_config {
	struct loop *loop;
	const char *ns, *id;	    /* for loggers */
	const char *in, *out, *err; /* as the engine names them */
	bool terminal;
};

typedef void streams_ready_fn(void *arg, struct err e);

/*
 * Opens. Unless it fails, fn is called once from the loop, when a logger is ready or at once from
 * the next round; not after streams_freep(). ERR_NOT_FOUND, ERR_UNSUPPORTED name the stream.
 */
RESULT streams_open(const struct streams_config *c, streams_ready_fn *fn, void *arg,
	struct streams **ret_streams);
/*
 * Begins to carry, once the process runs. ended: both outputs ended and are closed here; from the
 * loop, or from within.
 */
RESULT streams_start(struct streams *s, struct agent_client *a, const char *container_id,
	const char *exec_id, void (*ended)(void *arg), void *arg);
/* CloseIO: what is in the FIFO is still sent. fn once, possibly at once. Before streams_start() it
 * is remembered and fn called at once. */
void streams_close_in(struct streams *s, void (*fn)(void *arg), void *arg);
bool streams_has_ended(const struct streams *s);
uint64_t streams_written(const struct streams *s);
/* The guest is gone: nothing is carried any more, the agent client may be freed. */
void streams_cut(struct streams *s);
void streams_freep(struct streams **s);
