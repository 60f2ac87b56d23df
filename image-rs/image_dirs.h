/* What lies in a work directory: verified layers, layers being unpacked, writable parts of mounts.
 */
#pragma once

#include <base/err.h>

#define LAYERS_DIR  "layers"
#define STAGING_DIR "staging"
#define OVERLAY_DIR "overlay"

enum {
	LAYER_NAME_CHARS = 64
};

/* 64 hexadecimal digits of SHA-256(digest || diff_id): a directory of that name passed both. */
RESULT layer_name(const char *digest, const char *diff_id, char to[static LAYER_NAME_CHARS + 1]);
bool layer_name_ok(const char *name);

/* A new directory for a layer that this process (or a child it will fork) unpacks. */
RESULT staging_make(const char *work_dir, char **ret_path);
/* Removes what processes left there that are gone: after kill -9. */
RESULT staging_sweep(const char *work_dir);
