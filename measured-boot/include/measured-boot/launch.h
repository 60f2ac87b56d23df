/*
 * What hardware measures of a guest before its first instruction: the launch digests of AMD SEV,
 * SEV-ES and SEV-SNP, and MRTD of Intel TDX, computed from the firmware and the machine that a VMM
 * makes of it. (SEV-SNP firmware ABI 1.55, 8.17; AMD APM volume 2, table B-4; Intel TDX module base
 * specification, 12.2; TDVF design guide, 11)
 */
#pragma once

#include <base/buf.h>
#include <crypto/digest.h>
#include <measured-boot/ovmf.h>

enum {
	LAUNCH_PAGE = 4096,
	LAUNCH_PAGES_MAX = 64 * 1024, /* of the metadata's sections, all together */
	LAUNCH_VCPUS_MAX = 4096
};

/* ---- what was measured, piece by piece ---- */

struct launch_step {
	const char *what;  /* "firmware", "processor" */
	const char *input; /* what of the inputs it depends on: "kernel, initrd, append" */
	const char *type;  /* "NORMAL", "VMSA", "ADD+EXTEND"; "": there are no kinds */
	uint64_t gpa, size;
	struct digest_value contents; /* n = 0: only the place counts */
	struct digest_value after;    /* the launch digest so far; n = 0: known at the end only */
};
/* Told of each step in order; a failure ends the measurement and is its result. */
struct launch_log {
	RESULT (*step)(void *arg, const struct launch_step *s);
	void *arg;
};

/* ---- AMD ---- */

/* They start processors with slightly different registers, and one orders pages differently. */
enum launch_vmm {
	LAUNCH_QEMU,
	LAUNCH_EC2,
	LAUNCH_EC2_RDX_0, /* as some tools have EC2: RDX is zero and not 0x600 */
	LAUNCH_GCE
};
/* "qemu", "ec2", "ec2-rdx-0", "gce"; ERR_USAGE names these. */
RESULT launch_vmm_parse(const char *name, enum launch_vmm *ret_vmm);

/* EAX of CPUID leaf 1. */
uint32_t launch_cpu_signature(unsigned family, unsigned model, unsigned stepping);
/* The same by QEMU's name of a model ("EPYC-Milan-v2"); ERR_USAGE names those that are known. */
RESULT launch_cpu_signature_by_name(const char *name, uint32_t *ret_signature);

/* What QEMU puts into the guest with kernel-hashes=on: files as they are on disk. */
struct launch_kernel {
	struct bytes kernel;
	struct bytes initrd; /* empty: none */
	const char *append;  /* NULL: none, which is the same as "" */
};

/* COCONUT-SVSM below the firmware and its variables; it then starts every processor. */
struct launch_svsm {
	struct bytes image;
	uint64_t vars_size; /* bytes between it and the firmware, whole pages */
};

struct launch_machine {
	enum launch_vmm vmm;
	struct bytes firmware; /* whole pages that end at 4 GiB; borrowed like all the rest */
	const struct launch_kernel *kernel; /* NULL: the guest loads its own */
	unsigned vcpus;
	uint32_t cpu_signature;
	uint64_t guest_features; /* SEV_FEATURES of SNP: 1, or 0x21 where KVM swaps debug registers
				  */
	/* SNP: launch_snp_firmware_digest() of a firmware of which only the last page is at hand;
	 * 48 bytes, or none. */
	struct bytes firmware_digest;
	const struct launch_svsm *svsm; /* SNP under QEMU; NULL: none */
	const struct launch_log *log;	/* NULL: nobody listens */
};

/*
 * MEASUREMENT of an SNP report, 48 bytes. ERR_FORMAT: the firmware's tables, named with what is
 * wrong in them; ERR_UNSUPPORTED: the firmware has no place for what is asked (a kernel, a second
 * processor); ERR_LIMIT; ERR_USAGE: the machine contradicts itself.
 */
RESULT launch_snp_digest(const struct launch_machine *m, struct digest_value *ret_digest);
/* The launch digest after the firmware's own pages. */
RESULT launch_snp_firmware_digest(struct bytes firmware, struct digest_value *ret_digest);

/* Which machine of several has this digest. */
struct launch_match {
	const char *cpu_model;
	unsigned vcpus;
	uint64_t guest_features;
};
/*
 * Tries every known CPU model, guest features 1 and 0x21, and 1 to m->vcpus processors; those
 * members of `m` are only limits or ignored. ERR_NOT_FOUND when none has the digest.
 */
RESULT launch_snp_match(
	const struct launch_machine *m, struct bytes wanted, struct launch_match *ret_match);

/* Launch digests that LAUNCH_MEASURE binds, SHA-256. Errors as above. */
RESULT launch_sev_es_digest(const struct launch_machine *m, struct digest_value *ret_digest);
RESULT launch_sev_digest(const struct launch_machine *m, struct digest_value *ret_digest);

/* ---- Intel ---- */

/* How a VMM orders the build of a section. */
enum mrtd_order {
	MRTD_SINGLE_PASS, /* each page is added, then measured (KVM of Linux 6.16, QEMU 10.1) */
	MRTD_TWO_PASS	  /* all are added, then all measured (the QEMU that preceded it) */
};
/* MRTD, SHA-384. ERR_FORMAT, ERR_LIMIT: the firmware's metadata. */
RESULT mrtd_digest(struct bytes firmware, enum mrtd_order order, struct digest_value *ret_digest);
/* The same, step by step. */
RESULT mrtd_explain(struct bytes firmware, enum mrtd_order order, const struct launch_log *log,
	struct digest_value *ret_digest);

/* Memory of a machine of QEMU's q35. */
struct td_memory {
	uint64_t size;	       /* bytes */
	uint64_t max_below_4g; /* bytes, the machine's max-ram-below-4g; 0: q35's own split */
};
/*
 * The list of hand-off blocks that QEMU writes for a guest of this memory, without the block that
 * ends it, appended to `hob`; its SHA-384 is the first event of RTMR 0. ERR_USAGE: memory that is
 * not whole pages or does not hold the sections.
 */
RESULT td_hob_make(const struct tdvf *tdvf, struct td_memory memory, struct buf *hob);
RESULT td_hob_digest(
	struct bytes firmware, struct td_memory memory, struct digest_value *ret_digest);
