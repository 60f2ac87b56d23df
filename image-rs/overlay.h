/* The root file system of a container: layers below, a writable directory above. */
#pragma once

#include <base/json.h>

struct overlay {
	const char *layers_dir;	   /* holds the layers' directories */
	const struct strv *layers; /* their names, base layer first */
	const char *overlay_dir;   /* new directories for the writable part are made here */
	const char *target;	   /* made when missing */
};
/*
 * Needs CAP_SYS_ADMIN. Uses the option by option mount calls, so that the number of layers does not
 * meet the 4 KiB limit of mount(2). Device nodes of the image do not work (nodev).
 */
RESULT overlay_mount(const struct overlay *o);
