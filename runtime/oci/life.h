/* A container from its creation to its end. */
#pragma once

#include "bundle.h"
#include "shim.h"
#include "state.h"

#include <base/process.h>

struct life_create {
	const char *id, *bundle, *config;
	const char *console_socket;
	bool foreground; /* of `run`: the holder stays in this session */
};
/* On failure nothing is left. The container is locked. */
RESULT life_create(const struct life_create *q, struct oci_container *ret_container,
	struct process *ret_holder);
/* ERR_STATE unless it is created. */
RESULT life_start(struct oci_container *c);
/* Ends whatever runs of it, then removes it; what is not there any more is no failure. */
RESULT life_destroy(struct oci_container *c);
/* What the container is now; a shim that does not answer to its address means stopped. */
RESULT life_status(const struct oci_container *c, enum oci_status *ret_status);
/* ERR_STATE names what it is instead. */
RESULT life_need(const struct oci_container *c, enum oci_status want, const char *what);
/* Ends and removes what killed commands, holders and shims have left; says what it found. */
void life_reap(const char *root);

/* ---- parts, for the above ---- */

/* The container's process in the shim: starts the shim unless it is another one's, then Create. */
RESULT life_boot(struct oci_container *c);
RESULT life_hooks(const struct oci_container *c, const char *kind, enum oci_status status);
/* How the shim of the container is started and cleaned up after. */
struct life_shim {
	struct shim_start start;
	char *bundle;
};
RESULT life_shim(const struct oci_container *c, struct life_shim *ret_shim);
void life_shim_done(struct life_shim *s);
/* Locks what containers share: joining and ending a machine. Goes with the descriptor. */
RESULT life_lock_root(int *ret_fd);
