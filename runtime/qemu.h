/* Pieces of QEMU's command line. */
#pragma once

#include "runtime/vm.h"

#include <base/json.h>

/* Adds "option" and "value". */
RESULT qemu_option(struct strv *argv, const char *option, const char *value);
/* The same with a formatted value. Commas inside a %s must have passed qemu_escape(). */
PRINTF(3, 4) RESULT qemu_optionf(struct strv *argv, const char *option, const char *fmt, ...);
/* "-device NAME-BUS,OPTIONS" with the bus of the architecture. */
PRINTF(4, 5)
RESULT qemu_device(struct strv *argv, enum vm_arch arch, const char *name, const char *fmt, ...);
/* A protected guest: QEMU's object for it, memory "ram" of a backend ("ram", "memfd,share=on") and
 * a firmware image. */
RESULT qemu_protected(
	struct strv *argv, const struct vm_config *c, const char *object, const char *backend);
/* A value inside a comma-separated list: each comma doubled. The caller frees. */
RESULT qemu_escape(const char *value, char **ret_text);
