/*
 * PCRs that follow from what is booted, in the bank of the digests given. (TCG PC Client Platform
 * Firmware Profile 1.06, 3.3.4; Linux, drivers/firmware/efi/libstub)
 */
#pragma once

#include <crypto/digest.h>

enum pcr_boot {
	PCR_BOOT_DISK,	/* the firmware announces its boot option, then loads images one by one */
	PCR_BOOT_DIRECT /* QEMU -kernel: the image is loaded before its boot option is announced */
};
/* PCR 4: Authenticode digests of the images in the order they start, at least one, all of one
 * algorithm. ERR_USAGE otherwise. */
RESULT pcr4_predict(enum pcr_boot boot, const struct digest_value *images, size_t n,
	struct digest_value *ret_pcr);
/* PCR 9 of a kernel that is started by its EFI stub: the digests of its load options
 * (linux_load_options_digest()) and of its initrd, NULL when it has none. */
RESULT pcr9_predict(const struct digest_value *load_options, const struct digest_value *initrd,
	struct digest_value *ret_pcr);
