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

/* Instead of a number of processors: a volume that nothing has written into, and one of an OVMF
 * that keeps only the port of its timer there (2025.02). */
#define OVMF_CPUS_UNTOUCHED  0U
#define OVMF_CPUS_TIMER_ONLY UINT32_MAX

/*
 * EV_EFI_PLATFORM_FIRMWARE_BLOB of the PEI volume, which runs in memory and has been written to by
 * the time it is measured. OVMF of 2022.11 fills in the machine's properties: this is the digest
 * for a machine of machine.h with `cpus` processors. ERR_UNSUPPORTED when the volume has no place
 * for what is asked.
 */
RESULT ovmf_pei_digest(const struct ovmf_volumes *v, unsigned cpus, enum digest_alg alg,
	struct digest_value *ret_digest);
/* EV_S_CRTM_VERSION: PcdFirmwareVersionString in UTF-16LE with its NUL; empty in Debian 12's build,
 * the package's version in Debian 13's. */
RESULT ovmf_crtm_digest(const char *version, enum digest_alg alg, struct digest_value *ret_digest);
