/* Pieces of QEMU's command line. */
#pragma once

#include <base/json.h>

/* Adds "option" and "value". */
RESULT qemu_option(struct strv *argv, const char *option, const char *value);
/* The same with a formatted value. Commas inside a %s must have passed qemu_escape(). */
PRINTF(3, 4) RESULT qemu_optionf(struct strv *argv, const char *option, const char *fmt, ...);
/* A value inside a comma-separated list: each comma doubled. The caller frees. */
RESULT qemu_escape(const char *value, char **ret_text);
