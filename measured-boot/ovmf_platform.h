/* The variables that OVMF writes into its own PEI volume before it measures that. */
#pragma once

#include <base/buf.h>

/*
 * Fills in EFI_HOB_PLATFORM_INFO (edk2-stable202211, OvmfPkg/Include/Library/PlatformInitLib.h) for
 * a machine of machine.h with so many processors. ERR_UNSUPPORTED when the volume has no place for
 * it, as in later versions, which do not keep it there.
 */
RESULT ovmf_platform_fill(struct buf *pei, unsigned cpus);

/* Fills in the port of the ACPI timer (edk2-stable202502, OvmfPkg/Library/AcpiTimerLib), the first
 * variable of the PEI core. ERR_UNSUPPORTED as above. */
RESULT ovmf_timer_fill(struct buf *pei);
