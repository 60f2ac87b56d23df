/* A block device that a storage driver assigned to a mount: mountInfo.json of Kata's direct
 * volumes, written by kata-ctl or by CSI drivers. */
#pragma once

#include <base/json.h>

struct direct_volume { /* owned */
	char *device, *fstype;
	struct strv options;
	bool create, encrypted;
	uint32_t fs_group;
};
/* ERR_FORMAT, ERR_UNSUPPORTED (types that are no block device) name the member. */
RESULT direct_volume_parse(struct bytes text, struct direct_volume *ret_volume);
/* Of the mount whose source this is. */
RESULT direct_volume_load(const char *source, struct direct_volume *ret_volume);
void direct_volume_done(struct direct_volume *v);
