/* Standard streams between the holder's descriptors and the FIFOs that the shim reads and writes.
 */
#pragma once

#include <base/buf.h>
#include <base/loop.h>

/* Into the container: a descriptor that may be a file, a pipe, a socket or a terminal. Read only
 * when there is something and the FIFO has room. */
struct relay_in {
	struct loop *loop;
	struct loop_source *source, *room;
	int from, fifo;
	bool plain_file, ended;
	struct buf pending;
	void (*end)(void *arg); /* all of it is in the FIFO; once */
	void *arg;
};
RESULT relay_in_start(struct relay_in *r, struct loop *l, int from, const char *fifo);
void relay_in_stop(struct relay_in *r);

/* Out of the container. A reader that left does not stop it: what comes is thrown away. */
struct relay_out {
	struct loop_source *source;
	int fifo, to;
	bool deaf;
};
RESULT relay_out_start(struct relay_out *r, struct loop *l, const char *fifo, int to);
/* What is still in the FIFO; after the shim has ended its side. */
void relay_out_drain(struct relay_out *r);
void relay_out_stop(struct relay_out *r);
