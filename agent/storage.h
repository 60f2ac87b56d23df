/*
 * Volumes of the pod: what the host's Storage messages name is mounted, counted per mount point,
 * and unmounted when nobody uses it any more (Kata's drivers; spec: kata 2.5).
 */
#pragma once

#include "agent.h"

/* Called exactly once for each successful start, perhaps before that returns. */
typedef void storage_fn(void *arg, struct err e);

/* The storages of CreateSandbox; they live until storage_sandbox_remove(). `list` must live until
 * `fn` is called. On failure those that this call made are gone again. */
RESULT storage_sandbox_add(
	struct agent *a, Agent__Storage *const *list, size_t n, storage_fn *fn, void *arg);
/* The storages of the container's request, without image_guest_pull. */
RESULT storage_container_add(struct container *c, storage_fn *fn, void *arg);
/* Gives back what only this container used. */
void storage_container_remove(struct container *c);
/* The agent ends: what is still being made is given up; every waiting `fn` is called. */
void storage_forget(struct agent *a);
/* Unmounts everything. */
void storage_sandbox_remove(struct agent *a);

/* Names of the drivers, ended by NULL. */
const char *const *storage_handlers(void);

enum storage_kind {
	STORAGE_MEMORY,	   /* memory of the guest */
	STORAGE_ENCRYPTED, /* device of the host, key of the guest */
	STORAGE_HOST	   /* content is the host's */
};
struct storage;
/* NULL when nothing is mounted at exactly this place. */
struct storage *storage_at(const struct agent *a, const char *mount_point);
/* This path is a mount point, or below one. */
bool storage_over(const struct agent *a, const char *path);
/* This path is a mount point, or one is below it: it cannot be removed. */
bool storage_under(const struct agent *a, const char *path);
/*
 * Claims the storage as volume `name` of the manifest: later claims must be the same, and no other
 * storage may be it, so that the host cannot make one volume of two or two of one.
 * manifest.volumes.
 */
RESULT storage_claim(const struct agent *a, struct storage *s, const char *name);
