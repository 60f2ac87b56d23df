/*
 * Numbers of devices: a request has the host's, rules and limits of the guest need its own. In the
 * open world only; a manifest's devices have the guest's numbers already (spec_check_devices_here).
 */
#pragma once

#include <oci.pb-c.h>

#include <base/err.h>
#include <sys/types.h>

struct device_pair {
	bool block;
	int64_t from_major, from_minor; /* of the request */
	int64_t major, minor;		/* here */
};

struct device_map {
	struct device_pair *v; /* one for each of Linux.Devices that has numbers */
	size_t n;
};
void device_map_done(struct device_map *m);

/* Where a device was waited for: its OCI device and what it is here. */
struct device_found {
	const Oci__LinuxDevice *device;
	dev_t number;
};

/*
 * Gives Linux.Devices the numbers of this machine, in place: what was found, else those of the
 * character device of the same name. `l` may be NULL.
 */
RESULT device_map_make(Oci__Linux *l, const struct device_found *found, size_t n_found,
	struct device_map *ret_map);
/*
 * The same for rules and limits by device, in place. With `guest`, what is about disks or drivers
 * of the host that the container was not given goes: here those numbers are something else's.
 */
void device_map_apply(const struct device_map *m, bool guest, Oci__LinuxResources *r);
