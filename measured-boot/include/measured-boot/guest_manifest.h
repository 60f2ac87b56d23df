/*
 * The manifest of a guest image: what its guests measure on every platform whose firmware is at
 * hand, for the shipped command lines. The same inputs make the same manifest; no clock, host name
 * or path goes into it.
 */
#pragma once

#include <base/json.h>
#include <measured-boot/manifest.h>
#include <measured-boot/reference.h>

enum {
	GUEST_CPU_MODELS_MAX = 32
};

struct guest_manifest_inputs {
	const char *name; /* of the image */
	uint64_t version;
	const struct boot_reference_inputs
		*boot; /* platform vtpm, when it has firmware; kernel and initrd of all */
	/* SEV-SNP with the digests of kernel, initrd and command line in the launch; empty: none */
	struct bytes snp_firmware;
	struct strv cpu_models;	   /* QEMU's names; empty: the processors that QEMU has for SNP */
	uint64_t guest_features;   /* SEV_FEATURES; 0: what KVM makes it, 0x1 and 0x21 */
	unsigned cpus;		   /* values for machines of 1 to so many processors */
	struct bytes tdx_firmware; /* empty: none */
	struct bytes se_image;	   /* Secure Execution boot image, or its header; empty: none */
};

/* Fills an empty manifest. Errors of launch.h, vtpm_boot.h and reference.h, with the platform. */
RESULT guest_manifest_make(const struct guest_manifest_inputs *in, struct manifest *ret_manifest);
