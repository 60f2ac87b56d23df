/*
 * Standard streams of a process: the agent's ends of its pipes or of its terminal. Output is read
 * only when the host asks, so a host that does not read slows the process down instead of filling
 * the guest's memory.
 */
#pragma once

#include <base/buf.h>
#include <base/loop.h>
#include <net/ttrpc.h>

struct stream_out {
	struct loop *loop;
	int fd; /* -1: none, or closed after its end; belongs to the process when shared */
	struct loop_source *source;
	struct ttrpc_call *waiting;
	uint32_t want;
	bool ended;
	bool last; /* the process has ended: no data now means none any more */
};

struct stream_in {
	struct loop *loop;
	int fd;
	struct loop_source *source;
	struct ttrpc_call *waiting;
	struct buf left; /* what the process did not take yet */
	size_t size;	 /* of the whole write, for the answer */
	bool close_after;
};

/* Answers with at most `want` bytes, now or when there are some; empty at the end. */
void stream_read(struct stream_out *s, struct ttrpc_call *call, uint32_t want);
/* The process is gone and had its grace: whoever waits without data gets the end. */
void stream_last(struct stream_out *s);
void stream_out_done(struct stream_out *s);

/* Answers when everything is written. */
void stream_write(struct stream_in *s, struct ttrpc_call *call, struct bytes data);
/* After what is being written. */
void stream_close(struct stream_in *s);
void stream_in_done(struct stream_in *s);
