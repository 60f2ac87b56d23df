/* The digests of kernel, initrd and command line that QEMU adds to the launch. (QEMU,
 * target/i386/sev.c, kernel-hashes=on) */
#pragma once

#include <measured-boot/launch.h>

enum {
	KERNEL_HASHES_SIZE = 176
};

RESULT launch_kernel_hashes(
	const struct launch_kernel *k, uint8_t table[static KERNEL_HASHES_SIZE]);
