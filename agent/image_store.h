/*
 * Kata's trusted image storage (spec: kata 2.5): a block device by the name /dev/trusted_store is
 * where images are unpacked, encrypted with a key that is made here and gone with the guest.
 */
#pragma once

#include "agent.h"

/*
 * Takes that device out of the request's devices and adds the storage that is made of it; nothing
 * without one, or when the image is not pulled here. manifest.devices when it is named, but no
 * device came.
 */
RESULT image_store_take(struct container *c);
