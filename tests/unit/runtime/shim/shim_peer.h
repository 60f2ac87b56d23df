/* An engine for tests: it calls the shim and writes down the events it hears of. */
#pragma once

#include "fake_sandbox.h"
#include "shim.h"
#include "util.h"

struct peer {
	struct loop *loop;
	struct ttrpc_server *engine; /* that events go to */
	struct ttrpc_server *server; /* of the shim */
	struct ttrpc_client *client;
	struct events *events;
	struct shim *shim;
	struct buf seen; /* "create:c1 start:c1 exit:c1/e1=3 ..." */
	bool ended;
	bool fills_network; /* between Create and Start, as Docker; for peer_bundle() */
	char *bundle;
};
void peer_open(struct peer *p);
void peer_done(struct peer *p);
/* A bundle whose annotations say `role`: NULL (single), "sandbox" or "container". */
void peer_bundle(struct peer *p, const char *role);

/* Service "containerd.task.v2.Task". The answer goes into `out` (NULL: not wanted). */
struct err peer_call(
	struct peer *p, const char *method, const ProtobufCMessage *q, struct buf *out);
struct err peer_sandbox_call(
	struct peer *p, const char *method, const ProtobufCMessage *q, struct buf *out);
/* Some rounds of the loop, until nothing more happens. */
void peer_run(struct peer *p);
/* Compares the events since the last time, after they arrived. */
void peer_expect(struct peer *p, const char *events);

/* Requests in short. exec NULL: none. */
struct err peer_create(struct peer *p, const char *id);
struct err peer_start(struct peer *p, const char *id, const char *exec);
struct err peer_exec(struct peer *p, const char *id, const char *exec);
struct err peer_kill(struct peer *p, const char *id, const char *exec, unsigned signo);
struct err peer_delete(struct peer *p, const char *id, const char *exec, unsigned *ret_status);
struct err peer_wait(struct peer *p, const char *id, const char *exec, unsigned *ret_status);
/* Status as containerd numbers it, 0 when it fails. */
unsigned peer_state(struct peer *p, const char *id, const char *exec);
struct err peer_simple(struct peer *p, const char *method, const char *id);
