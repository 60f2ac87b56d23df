/*
 * Whether this host can start guests of a platform: one check a row, each with what was found and
 * how to put it right. The checks are pure over struct host_facts and the files below its root, so
 * that tests run them over made-up hosts.
 */
#pragma once

#include "runtime/vm.h"

enum host_status {
	HOST_OK,
	HOST_WARN,   /* guests start; something else is missing */
	HOST_BAD,    /* no guest starts */
	HOST_SKIPPED /* not looked at */
};
const char *host_status_name(enum host_status s); /* "ok", "warning", "missing", "skipped" */

enum {
	HOST_CHECKS_MAX = 24,
	HOST_FOUND_MAX = 160,
	HOST_FIX_MAX = 224,
	HOST_OBJECTS_MAX = 64 * 1024
};

struct host_check {
	const char *what; /* a constant: "CPU" */
	enum host_status status;
	char found[HOST_FOUND_MAX];
	char fix[HOST_FIX_MAX]; /* empty when nothing needs one */
};
struct host_checks {
	struct host_check v[HOST_CHECKS_MAX];
	size_t n;
};
/* None is HOST_BAD. */
bool host_checks_pass(const struct host_checks *c);

/* AMD's CPUID leaf 8000001Fh, "encrypted memory capabilities" (APM volume 3, E.4.17). */
struct host_cpuid {
	uint32_t eax, ebx, ecx, edx; /* zero where the leaf does not exist */
};
struct host_sev {
	bool sev, sev_es, snp;
	unsigned cbitpos, reduced_phys_bits;
	uint32_t guests;	 /* encrypted ones at a time */
	uint32_t first_sev_asid; /* those below are for SEV-ES and SNP; 1: there are none */
};
struct host_sev host_sev_of(const struct host_cpuid *id);

struct host_qemu {
	bool found;
	unsigned major, minor;
	struct buf objects; /* what "-object help" prints */
};

struct host_facts {
	const char *root;  /* "" on a host; where /proc, /sys, /dev and /usr are */
	enum vm_arch arch; /* VM_ARCHS: none that guests exist for */
	unsigned kernel_major, kernel_minor;
	struct host_cpuid cpuid;
	struct host_qemu qemu[VM_ARCHS];
};
/* "QEMU emulator version 10.0.2 (...)", "6.18.44-x": ERR_FORMAT. */
RESULT host_version_parse(const char *text, unsigned *ret_major, unsigned *ret_minor);
/* Of this host; QEMU's programs of the architectures in `archs` (bits) are asked. ERR_SYS. */
RESULT host_facts_read(unsigned archs, struct host_facts *ret_facts);
void host_facts_done(struct host_facts *f);

struct host_question {
	const struct vm_platform *platform;
	const char *firmware;	  /* NULL: the platform's usual places */
	const char *quote_socket; /* TDX; NULL: the usual ones */
};
void host_probe(
	const struct host_facts *f, const struct host_question *q, struct host_checks *ret_checks);
/* OK, or ERR_UNSUPPORTED with the first check that failed and its fix. */
RESULT host_require(const struct host_facts *f, const struct host_question *q);
/* The same for this host; then fills in what a launch takes from it: the C-bit, who makes quotes.
 */
RESULT host_prepare(const struct host_question *q, struct vm_protection *p);

/* Firmware of a platform below root: the first of its usual places that has a file, appended to
 * `path` as seen from the root. ERR_NOT_FOUND. */
RESULT host_firmware(const char *root, const struct vm_platform *p, struct buf *path);
/* Where quotes of TDX are made: the usual socket if it is there, else the usual vsock address. */
const char *host_quote_socket(const char *root);
/* A program in one of the usual directories below root. */
bool host_program(const char *root, const char *name);
