/*
 * Sealed secrets: what Kubernetes holds is a signed reference, the hub gets the secret from the
 * broker. Variables whose value begins with "sealed." and files of volumes that the manifest calls
 * `sealed` are unsealed before the container starts; one that cannot be is why it does not start.
 */
#pragma once

#include "agent.h"

typedef void sealed_fn(void *arg, struct err e);
/* For a container with plan and volumes; `fn` is called once when this succeeds, perhaps before it
 * returns. */
RESULT sealed_start(struct container *c, sealed_fn *fn, void *arg);
/* Puts the secrets in place of their references, for the process about to start. */
RESULT sealed_apply(const struct container *c, struct strv *env);
void sealed_done(struct container *c);

/* A value or the content of a file: where the reference ends, line ends left out. False: none. */
bool sealed_find(struct bytes text, struct bytes *ret_reference);

/* ---- sealed_files.c ---- */
typedef RESULT sealed_found_fn(void *arg, struct bytes reference);
/* Every reference in the files of the tree `root`. */
RESULT sealed_scan(const char *root, sealed_found_fn *fn, void *arg);
/* The secret of a reference; NULL: it is not known. */
typedef const struct secret *sealed_lookup_fn(void *arg, struct bytes reference);
/*
 * Makes `to` the tree `root` again, with the secrets: what is new or changed is written, symbolic
 * links last, then what is gone is removed; what is the same stays untouched. `to` may be a
 * container's, who may change it meanwhile.
 */
RESULT sealed_sync(const char *root, const char *to, sealed_lookup_fn *lookup, void *arg);
/* The same for a file. */
RESULT sealed_copy_file(const char *from, const char *to, sealed_lookup_fn *lookup, void *arg);

/* ---- sealed_update.c ---- */
/* A directory of sealed files, and its copy in the container. */
struct sealed_volume {
	struct sealed_volume *next;
	char *from, *to;
};
/* The files of the host have changed: what is sealed in them is unsealed and copied anew, soon. A
 * container whose new files cannot be unsealed keeps what it has, and the log says why. */
void sealed_changed(struct agent *a);
/* Gives up what is under way for this container. */
void sealed_update_end(struct container *c);
