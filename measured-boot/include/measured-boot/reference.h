/*
 * Reference values of platform vtpm: the digests of every event that a guest of ours may log, and
 * the PCRs that follow; guest_manifest.h puts them into the image's manifest.
 */
#pragma once

#include <base/buf.h>
#include <crypto/digest.h>
#include <measured-boot/machine.h>

enum {
	REFERENCE_CMDLINES_MAX = 8
};

/* What goes into a boot. */
struct boot_reference_inputs {
	struct bytes firmware; /* OVMF_CODE_4M.fd */
	struct bytes kernel;
	struct bytes initrd;
	const char *kernel_version;   /* "6.12.117+deb12" */
	const char *firmware_version; /* of the package; NULL: unknown */
};

/* The PEI volume of a machine with so many processors. */
struct boot_reference_machine {
	unsigned cpus;
	struct digest_value pei;
	struct digest_value pcr0;
};

struct boot_reference_cmdline {
	const char *name, *text;    /* of cmdline.h */
	struct digest_value digest; /* of the LoadOptions event */
	struct digest_value pcr9;
};

/* All SHA-256, for machines of machine.h. */
struct boot_reference_values {
	struct digest_value crtm, crtm_version; /* without a version, and with it */
	struct digest_value dxe;
	struct digest_value pei;       /* as it is in the file: for an OVMF that leaves it alone */
	struct digest_value pei_timer; /* n = 0 when the OVMF has no place for it */
	struct boot_reference_machine machines[MACHINE_CPUS_MAX];
	size_t n_machines; /* 0 when the OVMF is not known to write into the volume */
	struct digest_value kernel, pcr4; /* Authenticode, as QEMU patches it */
	struct digest_value initrd;
	struct boot_reference_cmdline cmdlines[REFERENCE_CMDLINES_MAX];
	size_t n_cmdlines;
};

RESULT boot_reference_compute(
	const struct boot_reference_inputs *in, struct boot_reference_values *ret_values);
