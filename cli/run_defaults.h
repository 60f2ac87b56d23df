/* Where things are when nobody says. */
#pragma once

#include <base/err.h>

/* Beside an installed program PREFIX/share/sealpod/guest, in a build tree build/release/guest. */
RESULT run_guest_dir(char **ret_dir);
/* The first of OVMF's usual places that exists. */
const char *run_firmware(void);
/* The variables that belong to a firmware: CODE in its name becomes VARS. ERR_USAGE. */
RESULT run_firmware_vars(const char *firmware, char **ret_path);
