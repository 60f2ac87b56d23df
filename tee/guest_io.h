/* Files and devices below a driver's root. Private to tee-guest. */
#pragma once

#include <tee/tee.h>

struct guest_io {
	const struct tee_io *io;
	char *root;
};
RESULT guest_io_init(struct guest_io *g, const struct tee_guest_config *c);
void guest_io_done(struct guest_io *g);

/* Whether the file, device or directory is there; `path` below the config's root. */
bool guest_io_has(const struct tee_guest_config *c, const char *path);

/* As in struct tee_io, `path` below the root. */
RESULT guest_io_read(const struct guest_io *g, const char *path, struct buf *out);
RESULT guest_io_write(const struct guest_io *g, const char *path, struct bytes data);
RESULT guest_io_control(
	const struct guest_io *g, const char *path, unsigned long request, void *arg);
