/*
 * Container engines told of Sealpod: their configuration is edited as one transaction. What an
 * engine would not take is never put in place; what does not come up is taken back; what was
 * interrupted is repaired by the next call.
 */
#pragma once

#include "runtime/config.h"

enum engine_kind {
	ENGINE_CONTAINERD,
	ENGINE_CRIO,
	ENGINE_DOCKER,
	ENGINE_PODMAN,
	ENGINES
};
const char *engine_name(enum engine_kind e); /* "containerd", "crio", "docker", "podman" */
/* ERR_USAGE names those that exist. */
RESULT engine_find(const char *name, enum engine_kind *ret_engine);

enum {
	ENGINE_CONFIG_MAX = 1024 * 1024 /* bytes of an engine's file */
};

/* ---- pure: the text of an engine's file ---- */
struct engine_text {
	const struct strv *handlers;
	const char *bin_dir; /* of the shim and sealpod-oci */
	const char *config;  /* of Sealpod; NULL: its own default */
	unsigned version;    /* major one of the engine; 0: unknown */
};
/* `old` (BYTES_NONE: no file) with the handlers, instead of those that engine_add() put there.
 * ERR_FORMAT: not a file of that engine; ERR_STATE: somebody else put a handler there. */
RESULT engine_add(
	enum engine_kind e, struct bytes old, const struct engine_text *t, struct buf *ret_text);
/* Without what engine_add() put there. Nothing: the file was all ours. */
RESULT engine_remove(
	enum engine_kind e, struct bytes old, const struct strv *handlers, struct buf *ret_text);

/* ---- the host ---- */
struct engine_change {
	enum engine_kind engine;
	const char *root;	     /* "" on a host; else nothing is started or asked there */
	const char *file;	     /* NULL: the engine's usual one */
	const char *bin_dir;	     /* as seen below the root; NULL: this program's */
	const char *config;	     /* NULL: Sealpod's default */
	const struct strv *handlers; /* of engine_install() */
	bool dry_run, no_restart;
	/* A line for people of what is done, or would be. May be NULL. */
	void (*say)(void *arg, const char *line);
	void *arg;
};
struct engine_result {
	bool changed;
	char *file;
	struct buf diff; /* unified; empty when nothing changes */
};
void engine_result_done(struct engine_result *r);
/* ERR_NOT_FOUND: the engine or our programs are not installed; ERR_PEER: the engine refuses the
 * configuration, or did not come up with it: then everything is as before. */
RESULT engine_install(const struct engine_change *c, struct engine_result *ret_result);
RESULT engine_uninstall(const struct engine_change *c, struct engine_result *ret_result);

/* Of Kubernetes (node.k8s.io/v1), YAML, with the overhead of a pod: what the guest needs beside its
 * containers, and what QEMU and its helpers need. */
void engine_runtime_class(const struct runtime_config *c, struct buf *out);
