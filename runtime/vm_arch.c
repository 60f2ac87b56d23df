#include "runtime/vm_arch.h"

#include <base/buf.h>
#include <measured-boot/cmdline.h>
#include <measured-boot/machine.h>

static const char *const x86_options[][2] = {
	{ "-global", QEMU_GLOBAL_NO_SLEEP },
};

static const struct vm_arch_info archs[VM_ARCHS] = {
	[VM_ARCH_X86_64] = {
		.name = "x86_64",
		.qemu = "qemu-system-x86_64",
		.machine = QEMU_MACHINE ",vmport=off",
		/* The address width is measured: never the host's. */
		.cpu_tcg = "max," QEMU_CPU_ADDRESS,
		.cpu_kvm = "host," QEMU_CPU_ADDRESS,
		.bus = "pci",
		.console = "virtconsole,chardev=console",
		/* No network boot, and no option ROM for the firmware to measure. */
		.net_options = "romfile=,",
		.options = x86_options,
		.n_options = ARRAY_LEN(x86_options),
		.append = LINUX_CMDLINE_DEFAULT,
		.append_debug = LINUX_CMDLINE_DEBUG,
	},
	[VM_ARCH_S390X] = {
		.name = "s390x",
		.qemu = "qemu-system-s390x",
		.machine = "s390-ccw-virtio",
		/* Without vectors: QEMU before 8.1 computes VECTOR CHECKSUM wrong, and with it every
		 * TCP checksum of the guest. */
		.cpu_tcg = "max,vx=off",
		.cpu_kvm = "host",
		.bus = "ccw",
		/* Needs no driver from the initrd, so the kernel's own messages reach it. */
		.console = "sclpconsole,chardev=console",
		.net_options = "",
		.append = LINUX_CMDLINE_S390X_DEFAULT,
		.append_debug = LINUX_CMDLINE_S390X_DEBUG,
	},
};

const struct vm_arch_info *vm_arch_info(enum vm_arch arch)
{
	return &archs[arch];
}

RESULT vm_arch_find(const char *name, enum vm_arch *ret_arch)
{
	for (unsigned i = 0; i < VM_ARCHS; i++) {
		if (!str_equal(archs[i].name, name))
			continue;
		*ret_arch = (enum vm_arch)i;
		return OK;
	}
	return err_new(ERR_USAGE, "architecture '%s': x86_64 or s390x", name);
}

enum vm_arch vm_arch_host(void)
{
#if defined(__x86_64__)
	return VM_ARCH_X86_64;
#elif defined(__s390x__)
	return VM_ARCH_S390X;
#else
	return VM_ARCHS;
#endif
}

RESULT vm_arch_of_kernel(struct bytes head, enum vm_arch *ret_arch)
{
	static const struct {
		size_t at;
		const char *mark;
	} marks[VM_ARCHS] = {
		[VM_ARCH_X86_64] = { 0x202, "HdrS" },
		[VM_ARCH_S390X] = { 0x10008, "S390EP" },
	};

	for (unsigned i = 0; i < VM_ARCHS; i++) {
		size_t n = strlen(marks[i].mark);

		if (head.n < marks[i].at + n ||
			!bytes_equal(bytes_of(head.p + marks[i].at, n), bytes_str(marks[i].mark)))
			continue;
		*ret_arch = (enum vm_arch)i;
		return OK;
	}
	return err_new(ERR_UNSUPPORTED, "the kernel is neither for x86_64 nor for s390x");
}
