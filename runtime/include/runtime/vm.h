/*
 * A virtual machine of one pod: QEMU and what it needs (swtpm). The command line of QEMU is made by
 * one pure function; a platform is one file and one row of a const table.
 */
#pragma once

#include <base/json.h>
#include <base/process.h>
#include <crypto/digest.h>
#include <measured-boot/id_block.h>
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

#define VM_MAC	       "02:5e:a1:00:00:01" /* locally administered */
#define VM_DISK_LIMITS "disk-limits"
#define VM_VSOCK_PORT  1024	    /* agent API; Kata's number */
#define VM_HOT_BUS     "hot"	    /* and a number: the buses of hot_nics */
#define VM_SHARE_TAG   "kataShared" /* of virtio-fs; Kata's name */

enum {
	VM_MEMORY_MIB = 2048, /* Kata's default */
	VM_MEMORY_MIB_MIN = MACHINE_MEMORY_MIN_MIB,
	VM_MEMORY_MIB_MAX = 1024 * 1024,
	VM_CPUS_MAX = MACHINE_CPUS_MAX
};

/* Options of a hardware platform, as bits: each platform takes its own. */
enum vm_option {
	VM_POLICY = 1u << 0,
	VM_ID_BLOCK = 1u << 1,
	VM_SESSION = 1u << 2,
	VM_CPU_MODEL = 1u << 3,
	VM_QUOTE_SOCKET = 1u << 4
};

/* What a hardware platform is told at launch beside the machine itself. */
struct vm_protection {
	bool has_policy; /* else the platform's own */
	uint64_t policy;
	/* SNP: base64 of the ID block and its authentication; empty: none. See vm_id_block_set().
	 */
	char id_block[ID_BLOCK_SIZE / 3 * 4 + 1], id_auth[(ID_AUTH_SIZE + 2) / 3 * 4 + 1];
	bool author_key;
	const char *session, *dh_cert; /* SEV: the owner's session; files, NULL: none */
	const char *cpu_model;	       /* AMD: whose signature is measured; NULL: the platform's */
	const char *quote_socket;      /* TDX: "unix:///path" or "vsock://CID:PORT"; NULL: none */
	unsigned cbitpos, reduced_phys_bits; /* AMD: of this host, by CPUID */
	struct digest_value initdata;	     /* n = 0: nothing is bound */
};

enum {
	VM_NICS_MAX = 8,
	VM_NIC_QUEUES_MAX = 4,
	VM_HOT_NICS_MAX = 4
};

/* A network interface over tap devices; the descriptors are the caller's, QEMU gets copies. */
struct vm_nic {
	const char *mac;
	uint32_t mtu;		    /* 0: default */
	int fds[VM_NIC_QUEUES_MAX]; /* one per queue */
	size_t n_fds;
};

struct vm_config {
	const char *id;
	enum vm_arch arch;
	enum vm_accel accel;
	uint64_t memory_mib, cpus;
	const char *kernel, *initrd, *append;
	const char *firmware;	   /* unused by platforms without firmware */
	const char *firmware_vars; /* this pod's copy of OVMF_VARS */
	struct vm_protection protection;
	const char *initdata; /* block image; NULL: none */
	bool net_user;	      /* user-mode network */
	struct vm_nic nics[VM_NICS_MAX];
	size_t n_nics;
	size_t hot_nics;   /* places for interfaces that come later (sandbox_nic.c) */
	const char *share; /* directory shared by virtio-fs as "kataShared"; NULL: none */
	bool scsi;	   /* a virtio-scsi controller, to which disks can be added later */
	/* Of all disks that come later together, 0: no limit; they name the throttle group. */
	uint64_t disk_bytes_per_s, disk_ops_per_s;
	bool hugepages;
	int share_fd; /* QEMU's number of virtiofsd's socket; 0: none */
	int tpm_fd;   /* QEMU's number of the swtpm control channel; 0: none */
	int vsock_fd; /* QEMU's number of /dev/vhost-vsock; 0: none */
	uint32_t guest_cid;
};

enum vm_firmware {
	VM_FIRMWARE_NONE,
	VM_FIRMWARE_FLASH, /* OVMF_CODE and a copy of OVMF_VARS */
	VM_FIRMWARE_IMAGE  /* one image that keeps nothing */
};

struct vm_platform {
	const char *name;
	unsigned archs; /* 1 << enum vm_arch of each that has it */
	enum vm_firmware firmware;
	bool tpm;
	bool hardware;	       /* needs KVM and a host that host_probe.h finds fit */
	bool sealed;	       /* the kernel file is the whole guest: no initrd, no command line */
	size_t initdata_size;  /* bytes of the launch's field that holds its digest; 0: none */
	bool initdata_append;  /* no field, but the command line is measured: it is bound there */
	unsigned options;      /* enum vm_option */
	const char *cpu;       /* -cpu, whole; NULL: by cpu_model or the accelerator */
	const char *cpu_model; /* of VM_CPU_MODEL when nobody says */
	const char *machine;   /* more of -machine, from its comma on; NULL: nothing */
	uint64_t policy;       /* of VM_POLICY when nobody says */
	uint64_t policy_must;  /* bits it must have ... */
	uint64_t policy_must_not; /* ... and must not */
	/* Appends what this platform adds to QEMU's command line. NULL: nothing. */
	RESULT (*argv)(const struct vm_platform *p, const struct vm_config *c, struct strv *argv);
};

extern const struct vm_platform vm_tdx, vm_snp, vm_sev, vm_sev_es, vm_se, vm_vtpm, vm_none;

/* The i-th platform, NULL after the last. */
const struct vm_platform *vm_platform_at(size_t i);
/* ERR_UNSUPPORTED names those that exist. */
RESULT vm_platform_find(const char *name, const struct vm_platform **ret_platform);

/* A guest policy as people write it, decimal or "0x..."; ERR_USAGE. Of SNP: firmware ABI 1.55,
 * 4.3; of SEV: SEV API 0.24, chapter 3. */
RESULT vm_policy_parse(const char *text, uint64_t *ret_policy);
/*
 * An ID block and its authentication, each raw or in base64: forms and signatures are checked as
 * the firmware would, and the policy is taken from the block. ERR_USAGE when p has another one.
 */
RESULT vm_id_block_set(struct bytes block, struct bytes auth, struct vm_protection *p);
/* ERR_USAGE names what contradicts itself or does not belong to the platform. Pure. */
RESULT vm_check(const struct vm_platform *p, const struct vm_config *c);

/* QEMU's whole command line, without the path of the program (argv[0] is its name); vm_check()ed
 * first. */
RESULT vm_argv(const struct vm_platform *p, const struct vm_config *c, struct strv *ret_argv);

/* KVM when cpuinfo (the text of /proc/cpuinfo) has vmx or svm among its flags, or sie among s390's
 * features: on a host without them (nested para-virtual KVM) a stock kernel does not boot. */
bool vm_cpuinfo_has_kvm(struct bytes cpuinfo);
/* A line that starts with `key` has `word` in it. */
bool vm_cpuinfo_has(struct bytes cpuinfo, const char *key, const char *word);
/* "kvm", "tcg" or "auto" for a guest of `arch`. `ret_why` is NULL, or why auto fell back to
 * software emulation. "kvm" for another architecture than the host's is ERR_UNSUPPORTED. */
RESULT vm_accel_choose(
	enum vm_arch arch, const char *want, enum vm_accel *ret_accel, const char **ret_why);

/* ---- a running machine ---- */
struct vm {
	struct process qemu, tpm, share; /* share: virtiofsd */
	/* This side of the virtio ports, the console and QMP; owned. -1 when taken. */
	int agent_fd, log_fd, console_fd, qmp_fd;
};
#define VM_NONE                                                                                    \
	((struct vm){ .qemu = PROCESS_NONE,                                                        \
		.tpm = PROCESS_NONE,                                                               \
		.share = PROCESS_NONE,                                                             \
		.agent_fd = -1,                                                                    \
		.log_fd = -1,                                                                      \
		.console_fd = -1,                                                                  \
		.qmp_fd = -1 })

struct vm_launch {
	const struct vm_platform *platform;
	struct vm_config config; /* tpm_fd, vsock_fd, guest_cid are filled in */
	const char *pod_dir;	 /* TPM state, qemu.log, swtpm.log */
	const char *ca_dir;	 /* see tpm.h */
	const char *virtiofsd;	 /* program; NULL: where Debian has it */
	const char *qemu_user;	 /* see vm_users_find() */
};

/* Starts swtpm where the platform has one, virtiofsd for config.share, then QEMU; all die with the
 * caller. */
RESULT vm_start(struct vm_launch *l, struct vm *ret_vm);
/* Ends whatever still runs; for AUTO. */
void vm_end(struct vm *vm);
