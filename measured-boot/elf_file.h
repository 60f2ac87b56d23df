/* What the image builder wants from ELF files: needed libraries, and the notes of kernel modules.
 */
#pragma once

#include <base/json.h>

struct elf_needs {
	uint16_t machine;
	char *interpreter;     /* NULL: static, or a library */
	struct strv libraries; /* DT_NEEDED, in the file's order */
};

/* A file that is not ELF at all is ERR_UNSUPPORTED; a broken one is ERR_FORMAT. 64 bits, either
 * byte order. (System V gABI, chapters 4 and 5) */
RESULT elf_needs_read(struct bytes file, struct elf_needs *ret_needs);
void elf_needs_done(struct elf_needs *n);

/* The values of `key` in the module's .modinfo section, in order; none is no error. */
RESULT elf_modinfo(struct bytes file, const char *key, struct strv *ret_values);
