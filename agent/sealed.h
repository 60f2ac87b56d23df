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
/* The tree again at `to`, with the secrets. */
RESULT sealed_copy(const char *root, const char *to, sealed_lookup_fn *lookup, void *arg);
