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
