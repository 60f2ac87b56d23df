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

/*
 * Everything the list names, with libraries (DT_NEEDED, followed to the end) and modules, and
 * GUEST_MODULES_FILE. Errors name the line of the list.
 */
RESULT guest_image_gather(const struct image_list *list, const struct module_index *index,
	struct guest_image *ret_image);
void guest_image_done(struct guest_image *image);
