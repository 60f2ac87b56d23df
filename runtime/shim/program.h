/* What the program does, by the word on its command line. */
#pragma once

#include "flags.h"

#include <base/buf.h>

#define SHIM_CONFIG_FILE "shim.config" /* in the bundle: the configuration "start" was told */

enum {
	SHIM_LISTEN_FD = 3 /* of the server, from "start" */
};

/* "start": a server for the sandbox, or the address of the one there is; the answer for standard
 * output. argv0 is this program's. */
RESULT shim_start(const struct shim_flags *f, const char *argv0, struct buf *out);
/* "delete": what a killed shim left of this container is removed; packed DeleteResponse. */
RESULT shim_delete(const struct shim_flags *f, const char *argv0, struct buf *out);
/* The server, until Shutdown. */
RESULT shim_serve(const struct shim_flags *f);
/* "-info": packed RuntimeInfo. */
RESULT shim_info(const char *handler, struct buf *out);

/* What start and delete share. */
struct shim_place {
	char *bundle;
	char *sandbox_id; /* of the pod; the container's own id unless it joins one */
	bool joins;
};
void shim_place_done(struct shim_place *p);
/* config.json of the bundle, "" is the working directory. */
RESULT shim_place_find(const struct shim_flags *f, struct shim_place *ret_place);
RESULT shim_handler(const struct shim_flags *f, const char *argv0, char to[static SHIM_ID_MAX + 1]);
