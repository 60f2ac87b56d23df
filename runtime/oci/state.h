/*
 * Containers of this host: a directory each below --root, with
 *
 *	state.json	struct oci_state, written as a whole
 *	bundle/		config.json as the shim gets it, and what the shim leaves beside it
 *	hooks.json	the specification's hooks
 *	io/		FIFOs between the holder and the shim
 *	exec/ID/	the same of further processes
 */
#pragma once

#include <runtime/pod.h>

enum {
	OCI_ID_MAX = 76,	    /* what the sandbox takes */
	OCI_STATE_MAX = 1024 * 1024 /* annotations are the most of it */
};

enum oci_status {
	OCI_CREATING,
	OCI_CREATED,
	OCI_RUNNING,
	OCI_PAUSED,
	OCI_STOPPED
};
const char *oci_status_name(enum oci_status s); /* "creating" ... */

struct oci_state {
	uint64_t version; /* 1 */
	char *id;
	char *bundle, *rootfs; /* the engine's */
	char *stage; /* what commands have done: "creating", "created", "started", "stopped" */
	char *handler;
	char *address; /* of the shim; "" before there is one and after it was found dead */
	char *sandbox; /* the container in whose machine this one runs; its own id: this one's */
	char *created; /* RFC 3339 */
	bool terminal;
	bool deferred; /* the machine starts with `start`: the network is not there before */
	struct pod_process creator, holder;
	struct json_map annotations;
};
/* ERR_FORMAT on anything that oci_state_print() does not write. */
RESULT oci_state_parse(struct bytes text, struct oci_state *ret_state);
RESULT oci_state_print(const struct oci_state *s, struct buf *out);
void oci_state_done(struct oci_state *s);
/* Replaces a string. */
RESULT oci_state_set(char **member, const char *value);
/* This process id with its start time. */
RESULT oci_process_set(struct pod_process *p, const char *name, pid_t pid);

struct oci_container {
	struct oci_state s;
	char *dir;
	int lock; /* -1: none */
};
#define OCI_CONTAINER_NONE ((struct oci_container){ .lock = -1 })
void oci_container_done(struct oci_container *c);

/* 1 to OCI_ID_MAX of [A-Za-z0-9._-], not beginning with '.' or '-'; ERR_USAGE. */
RESULT oci_id_check(const char *id);
/* A new directory, locked, stage "creating", this process its creator. ERR_STATE: the id is taken.
 */
RESULT oci_container_new(const char *root, const char *id, struct oci_container *ret_container);
/* Locked against other commands that change it. ERR_NOT_FOUND. */
RESULT oci_container_load(const char *root, const char *id, struct oci_container *ret_container);
/* Without a lock, to look at it; what is half written is not seen. */
RESULT oci_container_peek(const char *root, const char *id, struct oci_container *ret_container);
/* As load, but no container (dir NULL) while another command has it or when it is gone. A directory
 * that a killed command left without a state is removed. */
RESULT oci_container_try(const char *root, const char *id, struct oci_container *ret_container);
RESULT oci_container_save(const struct oci_container *c);
void oci_container_remove(struct oci_container *c);
/* Ids, sorted; none when there is no such directory. */
RESULT oci_container_list(const char *root, struct strv *ret_ids);
/* It runs and is no zombie. */
bool oci_process_alive(const struct pod_process *p);
