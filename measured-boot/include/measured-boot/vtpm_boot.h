/*
 * One boot of platform vtpm, event by event: what OVMF (2022.11), QEMU's direct kernel boot and the
 * kernel's EFI stub measure into a TPM, and the registers that follow. (TCG PC Client Platform
 * Firmware Profile 1.06, 3.3.4; edk2, DxeTpm2MeasureBootLib and Tcg2Dxe; Linux,
 * drivers/firmware/efi)
 */
#pragma once

#include <base/buf.h>
#include <crypto/digest.h>

enum {
	VTPM_BOOT_EVENTS_MAX = 32,
	VTPM_BOOT_PCRS = 10 /* PCR 0 to 9; the kernel's own measurements begin at 10 */
};

/* All borrowed. The machine is that of machine.h. */
struct vtpm_boot_inputs {
	struct bytes firmware;	      /* OVMF_CODE image; its variables are an empty store */
	const char *firmware_version; /* built into OVMF; NULL: none, as in Debian 12 */
	struct bytes kernel;
	struct bytes initrd; /* empty: none */
	const char *append;
	uint64_t memory_mib;	      /* from MACHINE_MEMORY_MIN_MIB on: any gives the same */
	unsigned cpus;		      /* 1 to MACHINE_CPUS_MAX */
	struct bytes initdata_digest; /* the agent extends PCR 8 with it; n = 0: no initdata */
	enum digest_alg alg;	      /* the TPM's bank */
};

struct vtpm_boot_event {
	uint32_t pcr;
	uint32_t type; /* enum event_type or EV_EFI_...; of PCR 8: EV_NO_ACTION, it is in no log */
	struct digest_value digest;
	struct digest_value after; /* the register once extended */
	const char *what;	   /* "PEI volume" */
	const char *input; /* what of the inputs it depends on: "firmware, vcpus"; "": nothing */
};

struct vtpm_boot {
	struct vtpm_boot_event events[VTPM_BOOT_EVENTS_MAX]; /* in the order of the log */
	size_t n_events;
	struct digest_value pcr[VTPM_BOOT_PCRS]; /* zeroes: never extended */
	bool has_pcr1; /* false: the firmware's boot menu was not found, its boot variables are
			  unknown */
};

/*
 * ERR_UNSUPPORTED: a firmware or kernel that is not of the kind that can be predicted; ERR_FORMAT:
 * its structures, named; ERR_LIMIT, ERR_USAGE: the machine.
 */
RESULT vtpm_boot_predict(const struct vtpm_boot_inputs *in, struct vtpm_boot *ret_boot);
