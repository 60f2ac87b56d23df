/* The contents of a guest image, gathered from a list, the host's libraries and a kernel. */
#pragma once

#include "image_list.h"
#include "modules.h"
#include "tree.h"

#define GUEST_MODULES_DIR  "/usr/lib/modules"
#define GUEST_MODULES_FILE "/etc/sealpod/modules"

struct guest_image {
	struct tree tree;
	size_t programs, libraries, modules; /* bytes of each */
};

/* What the image is for. */
struct guest_target {
	const char *arch; /* as uname(1) prints it; "@arch@" of the lists */
	uint16_t machine; /* of its ELF files */
	const char *root; /* where its programs and libraries are found; "" is this host */
};
/* "x86_64" or "s390x"; ERR_USAGE. The root is "". */
RESULT guest_target_find(const char *arch, struct guest_target *ret_target);

/*
 * Everything the list names, with libraries (DT_NEEDED, followed to the end) and modules, and
 * GUEST_MODULES_FILE. Libdirs and dynamic loaders are looked for below the target's root; a
 * program, library or module for another machine is ERR_FORMAT. Errors name the line of the list.
 */
RESULT guest_image_gather(const struct image_list *list, const struct module_index *index,
	const struct guest_target *target, struct guest_image *ret_image);
void guest_image_done(struct guest_image *image);
