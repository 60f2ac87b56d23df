/*
 * Events for the engine, in the order they were published and one at a time: over ttrpc to its
 * events service, else by its "publish" command, else nowhere (CRI-O). Nothing blocks and nothing
 * is kept for ever: what cannot be delivered for EVENTS_KEPT_MS, or does not fit any more, is
 * dropped and logged.
 */
#pragma once

#include <containerd.pb-c.h>

#include <base/bytes.h>
#include <base/loop.h>

enum {
	EVENTS_MAX = 2048,		/* waiting */
	EVENTS_BYTES_MAX = 1024 * 1024, /* of them */
	EVENTS_SEND_MS = 5000,		/* one attempt */
	EVENTS_KEPT_MS = 60 * 1000
};

struct events;

struct events_config {
	struct loop *loop;
	const char *ns;
	const char *ttrpc_address;     /* path, or unix://PATH; NULL: none */
	const char *address, *publish; /* the engine's socket and program; "": none */
};
/* The strings are copied. */
RESULT events_new(const struct events_config *c, struct events **ret_events);
void events_freep(struct events **e);

/* `topic` ("/tasks/start") and `type` ("containerd.events.TaskStart") are constants. */
void events_publish(
	struct events *e, const char *topic, const char *type, const ProtobufCMessage *message);
bool events_idle(const struct events *e); /* everything was delivered or given up */
