/*
 * Reference values of platform vtpm: the digests of every event that a guest of ours may log, and
 * the PCRs that follow. Written by the image build, loaded into the broker
 * (docs/protocols/guest.md).
 */
#pragma once

#include <base/buf.h>
#include <crypto/digest.h>

enum {
	REFERENCE_LAYOUTS_MAX = 16,
	REFERENCE_CMDLINES_MAX = 8,
	REFERENCE_JSON_MAX = 64 * 1024
};

/* What goes into a boot. */
struct reference_inputs {
	struct bytes firmware; /* OVMF_CODE_4M.fd */
	struct bytes kernel;
	struct bytes initrd;
	const char *kernel_version; /* "6.12.117+deb12" */
};

struct reference_kernel {
	uint64_t memory_mib;
	struct digest_value digest; /* Authenticode, as QEMU patches it for this memory */
	struct digest_value pcr4;
};

struct reference_cmdline {
	const char *name, *text;    /* of cmdline.h */
	struct digest_value digest; /* of the LoadOptions event */
	struct digest_value pcr9;
};

/* All SHA-256. */
struct reference_values {
	struct digest_value crtm, firmware[2], initrd;
	struct reference_kernel kernels[REFERENCE_LAYOUTS_MAX];
	size_t n_kernels;
	struct reference_cmdline cmdlines[REFERENCE_CMDLINES_MAX];
	size_t n_cmdlines;
	struct digest_value pcr0; /* from the firmware alone */
};

/* The memory sizes (MiB, ended by 0) for which the shipped reference values hold; from 2816 MiB on
 * every size is laid out like 2048. */
extern const uint64_t reference_memory_mib[];

RESULT reference_compute(const struct reference_inputs *in, struct reference_values *ret_values);

/* reference-values.json, deterministic. */
RESULT reference_print(
	const struct reference_inputs *in, const struct reference_values *values, struct buf *json);

/* value = H(value || event), from zeroes when value->n is 0. */
RESULT pcr_extend(struct digest_value *value, const struct digest_value *event);
