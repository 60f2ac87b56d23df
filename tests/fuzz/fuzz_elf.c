#include "elf_file.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	AUTO(elf_needs_done) struct elf_needs needs = { 0 };
	AUTO(strv_done) struct strv values = { 0 };

	err_ignore(elf_needs_read(in, &needs));
	err_ignore(elf_modinfo(in, "depends", &values));
	return 0;
}
