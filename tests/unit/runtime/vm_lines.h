/* A machine, and the parts of its command line that all platforms share. */
#pragma once

#include "util.h"

#include <runtime/vm.h>

static const struct vm_config vm_plain = {
	.id = "calm-otter",
	.accel = VM_ACCEL_TCG,
	.memory_mib = 2048,
	.cpus = 2,
	.kernel = "/g/vmlinuz",
	.initrd = "/g/initrd",
	.append = "console=hvc0 quiet",
};

#define HEAD                                                                                       \
	"qemu-system-x86_64", "-name", "sealpod-calm-otter,debug-threads=on", "-nodefaults",       \
		"-no-user-config", "-nographic", "-no-reboot", "-sandbox",                         \
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
#define MACHINE(accel, cpu)                                                                        \
	"-machine", "q35,smm=off,max-ram-below-4g=256M,vmport=off,accel=" accel, "-global",        \
		"ICH9-LPC.disable_s3=1", "-cpu", cpu ",host-phys-bits=off,phys-bits=40", "-smp",   \
		"2", "-m", "2048M", "-rtc", "base=utc,clock=host", "-vga", "none"
#define BOOT "-kernel", "/g/vmlinuz", "-initrd", "/g/initrd", "-append", "console=hvc0 quiet"
#define PORTS                                                                                      \
	"-object", "rng-random,id=rng0,filename=/dev/urandom", "-device",                          \
		"virtio-rng-pci,rng=rng0", "-device", "virtio-serial-pci,id=serial0,max_ports=4",  \
		"-chardev", "socket,id=console,fd=5", "-device", "virtconsole,chardev=console",    \
		"-chardev", "socket,id=agent,fd=3", "-device",                                     \
		"virtserialport,chardev=agent,name=sealpod.agent", "-chardev",                     \
		"socket,id=log,fd=4", "-device", "virtserialport,chardev=log,name=sealpod.log",    \
		"-chardev", "socket,id=qmp,fd=6", "-mon", "chardev=qmp,mode=control"

static inline void assert_argv(
	const char *platform, const struct vm_config *c, const char *const *want, size_t n)
{
	AUTO(strv_done) struct strv argv = { 0 };
	const struct vm_platform *p = NULL;

	assert_ok(vm_platform_find(platform, &p));
	assert_ok(vm_argv(p, c, &argv));
	for (size_t i = 0; i < n && i < argv.n; i++)
		assert_string_equal(argv.v[i], want[i]);
	assert_int_equal(argv.n, n);
}
