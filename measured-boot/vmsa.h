/* The page that holds a processor's first registers. (AMD APM volume 2, table B-4) */
#pragma once

#include <measured-boot/launch.h>

/* What differs from one VMM, and from one processor, to another. */
struct vmsa {
	enum launch_vmm vmm;
	bool svsm;    /* flat protected mode, as COCONUT-SVSM is entered */
	uint32_t eip; /* the first instruction; VMSA_RESET_EIP for the first processor */
	uint32_t signature;
	uint64_t features;
};

#define VMSA_RESET_EIP 0xfffffff0U

void vmsa_make(const struct vmsa *v, uint8_t page[static LAUNCH_PAGE]);
