/*
 * OVMF's code image: what it measures of itself into PCR 0 (UEFI PI 1.8 volume 3: firmware volumes,
 * files, sections), and what it tells the VMM in the table at its end (edk2,
 * OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm).
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
	struct bytes pei; /* n = 0: firmware of TDX, which has no PEI phase, may hold one volume */
	struct bytes dxe;
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

/* ---- the table at the end of the image ---- */

enum {
	OVMF_SECTIONS_MAX = 64
};

/* Place in the guest's memory. */
struct ovmf_area {
	uint32_t gpa, size;
};

/* Of AMD's metadata. */
enum ovmf_sev_type {
	OVMF_SEV_MEMORY = 1,
	OVMF_SEV_SECRETS = 2,
	OVMF_SEV_CPUID = 3,
	OVMF_SEV_SVSM_CAA = 4,
	OVMF_SEV_KERNEL_HASHES = 0x10
};
struct ovmf_sev_section {
	struct ovmf_area area; /* whole pages */
	uint32_t type;	       /* enum ovmf_sev_type */
};

/* What an image says of itself. All zero when it has no such table. */
struct ovmf_table {
	struct ovmf_area hashes; /* for the digests of kernel, initrd, command line; size 0: none */
	struct ovmf_area secret; /* for a launch secret */
	bool has_reset_eip, has_svsm_entry;
	uint32_t reset_eip;  /* where SEV-ES starts the second and later processors */
	uint32_t svsm_entry; /* from the start of an SVSM image */
	struct ovmf_sev_section sections[OVMF_SECTIONS_MAX];
	size_t n_sections;
	uint32_t tdx_offset; /* of the TDVF descriptor from the end; 0: none */
};
/* ERR_FORMAT names the part that does not lie inside of the image; ERR_LIMIT. */
RESULT ovmf_table_parse(struct bytes image, struct ovmf_table *ret_table);

/* Sections of a TDX firmware. (TDVF design guide, 11.2) */
enum tdvf_type {
	TDVF_BFV,
	TDVF_CFV,
	TDVF_TD_HOB,
	TDVF_TEMP_MEM,
	TDVF_PERM_MEM,
	TDVF_PAYLOAD,
	TDVF_PAYLOAD_PARAM,
	TDVF_TD_INFO,
	TDVF_TD_PARAMS,
	TDVF_TYPES
};
enum {
	TDVF_EXTEND_MR = 1u << 0, /* contents are measured */
	TDVF_PAGE_AUG = 1u << 1	  /* added at run time: not measured */
};
struct tdvf_section {
	uint32_t data_offset, raw_size; /* in the image */
	uint64_t gpa, mem_size;		/* whole pages; zeroes after raw_size */
	uint32_t type, attributes;
};
struct tdvf {
	struct tdvf_section sections[OVMF_SECTIONS_MAX];
	size_t n;
};
/* ERR_UNSUPPORTED when it is no TDX firmware; ERR_FORMAT by the design guide's rules: sizes,
 * places, one TD HOB, nothing overlaps; ERR_LIMIT beyond 256 MiB. */
RESULT tdvf_parse(struct bytes image, struct tdvf *ret_tdvf);
