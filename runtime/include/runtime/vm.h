/*
 * A virtual machine of one pod: QEMU and what it needs (swtpm). The command line of QEMU is made by
 * one pure function; a platform is one file and one row of a const table.
 */
#pragma once

#include <base/json.h>
#include <base/process.h>
#include <measured-boot/machine.h>
#include <runtime/vm_arch.h>

enum vm_accel {
	VM_ACCEL_TCG,
	VM_ACCEL_KVM
};

/* Descriptors as QEMU sees them: process_start() numbers kept descriptors from 3. */
enum {
	VM_FD_AGENT = 3,
	VM_FD_LOG,
	VM_FD_CONSOLE,
	VM_FD_QMP,
	VM_FD_MORE /* TPM control channel, vhost-vsock: as the platform and the host want */
};

#define VM_MAC	      "02:5e:a1:00:00:01" /* locally administered */
#define VM_VSOCK_PORT 1024		  /* agent API; Kata's number */

enum {
	VM_MEMORY_MIB = 2048, /* Kata's default */
	VM_MEMORY_MIB_MIN = MACHINE_MEMORY_MIN_MIB,
	VM_MEMORY_MIB_MAX = 1024 * 1024,
	VM_CPUS_MAX = MACHINE_CPUS_MAX
};

struct vm_config {
	const char *id;
	enum vm_arch arch;
	enum vm_accel accel;
	uint64_t memory_mib, cpus;
	const char *kernel, *initrd, *append;
	const char *firmware;	   /* OVMF_CODE image; unused by platforms without firmware */
	const char *firmware_vars; /* this pod's copy of OVMF_VARS */
	const char *initdata;	   /* block image; NULL: none */
	bool net_user;		   /* user-mode network, else no network device */
	int tpm_fd;		   /* QEMU's number of the swtpm control channel; 0: none */
	int vsock_fd;		   /* QEMU's number of /dev/vhost-vsock; 0: none */
	uint32_t guest_cid;
};

struct vm_platform {
	const char *name;
	unsigned archs; /* 1 << enum vm_arch of each that has it */
	bool firmware;	/* boots through OVMF */
	bool tpm;
	/* Appends what this platform adds to QEMU's command line. */
	RESULT (*argv)(const struct vm_config *c, struct strv *argv);
};

extern const struct vm_platform vm_vtpm, vm_none;

/* ERR_UNSUPPORTED names those that exist. */
RESULT vm_platform_find(const char *name, const struct vm_platform **ret_platform);

/* QEMU's whole command line, without the path of the program (argv[0] is its name). */
RESULT vm_argv(const struct vm_platform *p, const struct vm_config *c, struct strv *ret_argv);

/* KVM when cpuinfo (the text of /proc/cpuinfo) has vmx or svm among its flags, or sie among s390's
 * features: on a host without them (nested para-virtual KVM) a stock kernel does not boot. */
bool vm_cpuinfo_has_kvm(struct bytes cpuinfo);
/* "kvm", "tcg" or "auto" for a guest of `arch`. `ret_why` is NULL, or why auto fell back to
 * software emulation. "kvm" for another architecture than the host's is ERR_UNSUPPORTED. */
RESULT vm_accel_choose(
	enum vm_arch arch, const char *want, enum vm_accel *ret_accel, const char **ret_why);

/* ---- a running machine ---- */
struct vm {
	struct process qemu, tpm;
	/* This side of the virtio ports, the console and QMP; owned. -1 when taken. */
	int agent_fd, log_fd, console_fd, qmp_fd;
};
#define VM_NONE                                                                                    \
	((struct vm){ .qemu = PROCESS_NONE,                                                        \
		.tpm = PROCESS_NONE,                                                               \
		.agent_fd = -1,                                                                    \
		.log_fd = -1,                                                                      \
		.console_fd = -1,                                                                  \
		.qmp_fd = -1 })

struct vm_launch {
	const struct vm_platform *platform;
	struct vm_config config; /* tpm_fd, vsock_fd, guest_cid are filled in */
	const char *pod_dir;	 /* TPM state, qemu.log, swtpm.log */
	const char *ca_dir;	 /* see tpm.h */
};

/* Starts swtpm where the platform has one, then QEMU. Both die with the caller. */
RESULT vm_start(struct vm_launch *l, struct vm *ret_vm);
/* Ends whatever still runs; for AUTO. */
void vm_end(struct vm *vm);
