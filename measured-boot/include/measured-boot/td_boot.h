/*
 * RTMR 0 to 3 of a TDX guest that TDVF (OVMF, IntelTdxX64) starts: predicted for QEMU's direct
 * kernel boot, or taken from the log of a boot with what is known put in its place. (UEFI 2.10,
 * 38.4.1; edk2, OvmfPkg/Tcg/TdTcg2Dxe; Linux, drivers/firmware/efi/libstub)
 */
#pragma once

#include <measured-boot/launch.h>

enum {
	TD_BOOT_RTMRS = 4,
	TD_BOOT_TEXT = 64
};

/* All borrowed. */
struct td_boot_inputs {
	struct bytes firmware;	 /* n = 0: not known, beside a log */
	struct td_memory memory; /* size 0: not known */
	struct bytes kernel;	 /* as on disk; n = 0: not known */
	bool kernel_patched;	 /* by QEMU before 10.2 */
	struct bytes initrd;	 /* n = 0: none */
	const char *append;
	/* QEMU's files etc/table-loader, etc/acpi/rsdp, etc/acpi/tables; n = 0: not known */
	struct bytes acpi_loader, acpi_rsdp, acpi_tables;
};

struct td_boot_event {
	uint32_t rtmr, type;	    /* enum event_type or EV_EFI_... */
	struct digest_value digest; /* n = 0: not known */
	struct digest_value after;  /* the register once extended; n = 0: not known */
	char what[TD_BOOT_TEXT];
	const char *input; /* what it depends on, a constant: "firmware, memory" */
};

struct td_boot {
	struct td_boot_event *events; /* in the order of the log */
	size_t n_events, room;
	struct digest_value rtmr[TD_BOOT_RTMRS];   /* n = 0: not determined */
	char missing[TD_BOOT_RTMRS][TD_BOOT_TEXT]; /* why: the first event that is not known */
};
void td_boot_done(struct td_boot *b);

/*
 * A direct kernel boot with an empty variable store. RTMR 0 needs memory and ACPI files, RTMR 1 and
 * 2 the kernel; what cannot be determined stays open, with its reason. ERR_FORMAT, ERR_UNSUPPORTED:
 * the firmware or the kernel is not of the kind.
 */
RESULT td_boot_predict(const struct td_boot_inputs *in, struct td_boot *ret_boot);
/*
 * The events of a CCEL. Those of firmware, memory, ACPI files and kernel are computed where these
 * are given; all others are the log's. ERR_USAGE: a kernel is given, but the log is
 * of a boot through a loader, whose images count by themselves.
 */
RESULT td_boot_from_log(
	const struct td_boot_inputs *in, struct bytes log, struct td_boot *ret_boot);
