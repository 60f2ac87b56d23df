/*
 * Frames over one connected descriptor, both directions, driven by the loop. Output is queued with
 * a bound; on the answering side a peer that does not read its answers is not read from.
 */
#pragma once

#include "ttrpc_frame.h"

#include <base/loop.h>

enum {
	TTRPC_OUT_HIGH = 1024 * 1024, /* queued bytes above which nothing more is read */
	TTRPC_OUT_LOW = 256 * 1024,   /* and below which reading goes on */
	TTRPC_OUT_MAX = 32 * 1024 * 1024,
	TTRPC_FIRST_MAX = 32,
	TTRPC_PORT_POLL_MS = 50 /* how often an abandoned virtio-serial port is looked at */
};

struct ttrpc_frame {
	uint32_t stream;
	uint8_t type, flags;
	bool oversize;	   /* more than TTRPC_MESSAGE_MAX: data is empty and skipped */
	struct bytes data; /* valid during the callback, whatever else happens */
};

struct ttrpc_stream;
struct ttrpc_stream_config {
	struct loop *loop;
	int fd; /* becomes the stream's, also on failure */
	bool virtio_port;
	/* Reads also while its own output waits. The side that asks must: if both ends waited for
	 * the other to read, neither ever would. */
	bool reads_always;
	void (*frame)(void *arg, const struct ttrpc_frame *f);
	/* Peer gone: once for a socket, every time for a virtio-serial port. */
	void (*closed)(void *arg);
	/* The output queue passed its high or low mark; may be NULL. Must not free the stream: it
	 * is called from within ttrpc_stream_send(). */
	void (*congested)(void *arg, bool is_congested);
	void *arg;
};
RESULT ttrpc_stream_new(const struct ttrpc_stream_config *c, struct ttrpc_stream **ret_stream);
/* Allowed within its own callbacks. */
void ttrpc_stream_free(struct ttrpc_stream *s);
void ttrpc_stream_freep(struct ttrpc_stream **s);
/* ERR_PEER: gone. ERR_LIMIT: message too large or queue full. */
RESULT ttrpc_stream_send(struct ttrpc_stream *s, struct ttrpc_header h, struct bytes payload);
/* The payload in two parts, the first at most TTRPC_FIRST_MAX bytes. */
RESULT ttrpc_stream_send_parts(
	struct ttrpc_stream *s, struct ttrpc_header h, struct bytes first, struct bytes payload);
/* Stops or resumes reading, besides what congestion does. */
void ttrpc_stream_pause(struct ttrpc_stream *s, bool paused);
bool ttrpc_stream_is_congested(const struct ttrpc_stream *s);
/* Ends a connection as if the peer had left; `closed` follows from the loop. Nothing happens to a
 * virtio-serial port: there is no other. */
void ttrpc_stream_break(struct ttrpc_stream *s);
