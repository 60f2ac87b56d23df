/*
 * Volumes on devices of the host. One without a key of its own is encrypted and authenticated with
 * a key that is made here, held by the kernel only, and never written anywhere: it is never found
 * again, so there is no header, and nothing that the host stores is ever parsed. One with a key is
 * LUKS2 and outlives the pod.
 */
#pragma once

#include "filesystem.h"

#include <base/buf.h>
#include <base/secret.h>

struct volume {
	const char *device;
	const char *name;		     /* of the mapping; NULL: not encrypted */
	const struct secret *key;	     /* NULL: one that is made here */
	bool plain_sectors;		     /* without tags: changes by the host go unnoticed */
	bool create;			     /* with a key: an empty device becomes the volume */
	const struct filesystem *filesystem; /* of a new volume; NULL: none */
};

/*
 * Makes or opens it; the path of the device to use. What was on the device is lost, except with a
 * key: then only a device that is empty, or whose formatting was interrupted, is written to, and
 * only with `create`. ERR_STATE: something else is on it, or nothing and no `create`.
 * ERR_UNVERIFIED: another key, or not the protection that is asked for. ERR_FORMAT, ERR_LIMIT.
 * On failure no mapping is left.
 */
RESULT volume_make(const struct volume *v, char **ret_device);
