#include <stddef.h>
#include <stdint.h>

#include <measured-boot/td_boot.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A log whose events are partly replaced, and the same bytes as firmware. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct td_boot_inputs inputs = { .initrd = bytes_str("initrd"),
		.acpi_loader = bytes_str("loader"),
		.acpi_rsdp = bytes_str("rsdp"),
		.acpi_tables = bytes_str("tables") };
	AUTO(td_boot_done) struct td_boot from_log = { 0 };
	AUTO(td_boot_done) struct td_boot predicted = { 0 };

	err_ignore(td_boot_from_log(&inputs, in, &from_log));
	inputs.firmware = in;
	inputs.memory.size = UINT64_C(1) << 31;
	err_ignore(td_boot_predict(&inputs, &predicted));
	return 0;
}
