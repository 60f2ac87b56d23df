/*
 * Bind mounts of a container. With a manifest the host names only which of the pod's volumes it
 * means: each is bound by descriptor to a place of the container's own, so that nothing which the
 * host changes afterwards (files, symbolic links) can make it another one.
 */
#pragma once

#include "agent.h"

/* Fills c->mount_sources, by index of the request's mounts. manifest.volumes. */
RESULT volumes_prepare(struct container *c);
/* Unmounts and forgets them. */
void volumes_done(struct container *c);
/* Binds `path`, which becomes the container's, instead of what was prepared for mount i. */
void volumes_replace(struct container *c, size_t i, char *path);
