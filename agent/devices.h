/* Block devices that a container sees as such (Device messages; spec: kata 2.5). */
#pragma once

#include "agent.h"

typedef void devices_fn(void *arg, struct err e);
/* Waits for each and writes the guest's numbers into the request's OCI devices. `fn` is called once
 * when this succeeds, perhaps before it returns. */
RESULT devices_start(struct container *c, devices_fn *fn, void *arg);
/* Ends what is under way with that failure. */
void devices_give_up(struct container *c, struct err e);
/* For block_find(); where it stands depends on the type: Kata's agent/src/device. */
const char *device_address(const Agent__Device *d);
