/*
 * OVMF's code image, and what it measures of itself into PCR 0. (UEFI PI 1.8 volume 3: firmware
 * volumes, files, sections)
 */
#pragma once

#include <base/buf.h>
#include <crypto/digest.h>

enum {
	OVMF_CODE_MAX = 16 * 1024 * 1024,
	OVMF_UNPACKED_MAX = 64 * 1024 * 1024
};

/* The volumes that OVMF unpacks into memory and measures, inside of `unpacked`. */
struct ovmf_volumes {
	struct buf unpacked; /* the contents of the LZMA section */
	struct bytes pei, dxe;
};
RESULT ovmf_volumes_read(struct bytes code, struct ovmf_volumes *ret_volumes);
void ovmf_volumes_done(struct ovmf_volumes *v);

/* The events of PCR 0, in their order, without the closing separator. */
struct ovmf_measurement {
	struct digest_value crtm_version; /* EV_S_CRTM_VERSION */
	struct digest_value pei, dxe;	  /* EV_EFI_PLATFORM_FIRMWARE_BLOB */
};
/* `version` is PcdFirmwareVersionString: empty in Debian's build. */
RESULT ovmf_measure(struct bytes code, const char *version, enum digest_alg alg,
	struct ovmf_measurement *ret_measurement);
