/* Where things are when nobody says. */
#pragma once

#include <runtime/vm_arch.h>

/* Beside an installed program PREFIX/share/sealpod/guest, in a build tree build/release/guest; that
 * of another architecture than x86_64 ends in "-" and its name. */
RESULT guest_files_dir(enum vm_arch arch, char **ret_dir);
/*
 * The architecture asked for, else that of the kernel, else the first of `archs` (a set of bits as
 * in struct vm_platform). Either may be NULL. ERR_USAGE when the kernel is for another one.
 */
RESULT guest_files_arch(
	const char *want, const char *kernel, unsigned archs, enum vm_arch *ret_arch);
/* The variables that belong to a firmware: CODE in its name becomes VARS. ERR_USAGE. */
RESULT guest_files_firmware_vars(const char *firmware, char **ret_path);
