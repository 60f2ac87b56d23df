/*
 * A kernel started by QEMU's -kernel -initrd -append on q35 under OVMF: what QEMU changes in it,
 * and what the firmware and the kernel's EFI stub measure. (Linux, arch/x86/boot; QEMU before 10.2,
 * hw/i386/x86.c)
 */
#pragma once

#include <base/buf.h>
#include <crypto/digest.h>

enum {
	LINUX_KERNEL_MAX = 64 * 1024 * 1024,
	LINUX_MEMORY_MIN_MIB = 64
};

/* The setup header. (Linux, arch/x86/boot: The Linux/x86 Boot Protocol) */
struct linux_setup {
	uint16_t protocol; /* 0x020f is 2.15 */
	uint8_t setup_sects;
	uint8_t loadflags;
	uint16_t xloadflags;
	uint32_t initrd_addr_max;
};
/* ERR_UNSUPPORTED when it is no bzImage of protocol 2.03 or later. */
RESULT linux_setup_parse(struct bytes kernel, struct linux_setup *ret_setup);

/*
 * The kernel as QEMU hands it to the firmware, appended to `out`: loader type, heap, address of the
 * command line, and place and size of the initrd, which depend on the memory below 4 GiB.
 */
RESULT linux_qemu_kernel(
	struct bytes kernel, uint64_t memory_mib, uint64_t initrd_size, struct buf *out);

/* Memory below 4 GiB of a q35 machine with that much memory, in MiB. Equal values give equal
 * kernel digests. */
uint64_t linux_q35_memory_below_4g(uint64_t memory_mib);

/* Digest of the event LOADED_IMAGE::LoadOptions: the text in UTF-16LE with its NUL. ERR_FORMAT when
 * it is not ASCII. */
RESULT linux_load_options_digest(
	const char *text, enum digest_alg alg, struct digest_value *ret_digest);
/* The same for QEMU's -append together with -initrd, which adds " initrd=initrd". */
RESULT linux_cmdline_digest(
	const char *append, enum digest_alg alg, struct digest_value *ret_digest);
