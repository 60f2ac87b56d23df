/* The checks of one platform, from what it needs. */
#pragma once

#include "runtime/host_probe.h"

struct host_version {
	unsigned major, minor;
};

/* What a firmware image must say of itself. */
enum host_firmware_kind {
	HOST_FIRMWARE_NONE, /* boots without */
	HOST_FIRMWARE_ANY,
	HOST_FIRMWARE_SEV,    /* a place for the hashes of kernel, command line, initrd */
	HOST_FIRMWARE_SEV_ES, /* and where further processors start */
	HOST_FIRMWARE_SNP,    /* and metadata with a page for the hashes */
	HOST_FIRMWARE_TDX     /* a TDVF descriptor */
};

struct host_need {
	const char *module;	    /* of KVM */
	struct host_version kernel; /* 0.0: any */
	struct host_version qemu;
	const char *object; /* QEMU's; NULL: none */
	/* Writes what was found; false when guests cannot run on it. */
	bool (*cpu)(const struct host_facts *f, char *found, size_t size);
	const char *cpu_fix;
	const char *parameter, *parameter_fix; /* a file that must say Y or 1; NULL: none */
	const char *device;		       /* beside /dev/kvm; NULL: none */
	enum host_firmware_kind firmware;
	const char *firmware_fix;
	const char *program; /* beside QEMU; NULL: none */
	bool soft;	     /* runs without KVM, slowly */
	bool quotes;	     /* asks a service for them */
};

void host_check_all(const struct host_facts *f, const struct host_question *q,
	const struct host_need *need, struct host_checks *out);

/* The next row; the last one is written over again when there were too many. */
PRINTF(4, 5)
struct host_check *host_add(
	struct host_checks *out, const char *what, enum host_status status, const char *fmt, ...);
PRINTF(2, 3) void host_fix(struct host_check *c, const char *fmt, ...);
/* Cuts the first line off, without its end. `rest` must not be empty. */
struct bytes host_line(struct bytes *rest);

/* host_firmware.c */
void host_check_firmware(const struct host_facts *f, const struct host_question *q,
	const struct host_need *need, struct host_checks *out);

/* host_cpu.c */
bool host_cpu_any(const struct host_facts *f, char *found, size_t size);
bool host_cpu_sev(const struct host_facts *f, char *found, size_t size);
bool host_cpu_sev_es(const struct host_facts *f, char *found, size_t size);
bool host_cpu_snp(const struct host_facts *f, char *found, size_t size);
bool host_cpu_tdx(const struct host_facts *f, char *found, size_t size);
bool host_cpu_se(const struct host_facts *f, char *found, size_t size);
