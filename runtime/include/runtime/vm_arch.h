/* Architectures of guests, and how QEMU spells their machines and devices. */
#pragma once

#include <base/bytes.h>
#include <base/err.h>

enum vm_arch {
	VM_ARCH_X86_64,
	VM_ARCH_S390X,
	VM_ARCHS
};

enum {
	VM_KERNEL_HEAD = 64 * 1024 + 64 /* bytes of a kernel that tell its architecture */
};

struct vm_arch_info {
	const char *name;		 /* as uname(1) prints it */
	const char *qemu;		 /* the program */
	const char *machine;		 /* -machine, without the accelerator */
	const char *cpu_tcg, *cpu_kvm;	 /* -cpu */
	const char *bus;		 /* how names of virtio devices end: "pci", "ccw" */
	const char *console;		 /* its device, of chardev "console" */
	const char *net_options;	 /* of the network device, ends in ',' */
	const char *const (*options)[2]; /* what else the machine is made with */
	size_t n_options;
	const char *append, *append_debug; /* the shipped kernel command lines */
};

const struct vm_arch_info *vm_arch_info(enum vm_arch arch);

/* By its name; ERR_USAGE names those that exist. */
RESULT vm_arch_find(const char *name, enum vm_arch *ret_arch);
/* This program's own, the only one that KVM can run here. VM_ARCHS: none of these. */
enum vm_arch vm_arch_host(void);

/*
 * What a kernel was built for, from its first VM_KERNEL_HEAD bytes (or all of a shorter file):
 * x86's boot protocol has "HdrS" at 202h, an s390 image "S390EP" at 10008h. (Linux
 * Documentation/arch/x86/boot.rst; arch/s390/boot/head.S) ERR_UNSUPPORTED: neither.
 */
RESULT vm_arch_of_kernel(struct bytes head, enum vm_arch *ret_arch);
