/*
 * The parts of a QEMU command line that the firmware's measurements depend on. The reference values
 * hold for machines made with these; anything else may vary freely.
 */
#pragma once

/*
 * All memory beyond the first 256 MiB lies above 4 GiB, so that the address QEMU writes into the
 * measured kernel header is the same for every size of memory from 256 MiB on.
 */
#define QEMU_MACHINE "q35,smm=off,max-ram-below-4g=256M"

/* OVMF measures a volume that holds its platform data: whether the machine can sleep, and how many
 * address bits it has (QEMU's own default, named because the CPUs of hosts differ). */
#define QEMU_GLOBAL_NO_SLEEP "ICH9-LPC.disable_s3=1"
#define QEMU_CPU_ADDRESS     "host-phys-bits=off,phys-bits=40"

enum {
	MACHINE_MEMORY_MIN_MIB = 256,
	MACHINE_CPUS_MAX = 16 /* one reference value of the firmware for each number */
};
