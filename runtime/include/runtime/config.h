/*
 * How pods are run: /etc/sealpod/config.toml, then every file of config.d/ beside it in the order
 * of names, then what annotations of the pod may change. One table a handler:
 *
 *	[runtime]			paths and the user that QEMU runs as, for all handlers
 *	[handler.sealpod-vtpm]		what containerd-shim-sealpod-vtpm-v2 runs; members below
 *
 * Without any file the built-in handlers hold: sealpod (platform none), sealpod-vtpm, sealpod-snp,
 * sealpod-tdx, sealpod-sev, sealpod-se. docs/configuration.md has every member.
 */
#pragma once

#include "runtime/vm.h"

#include <base/json.h>

#define RUNTIME_CONFIG	"/etc/sealpod/config.toml"
#define RUNTIME_HANDLER "sealpod" /* when nobody says */

enum runtime_shared_fs {
	SHARED_FS_NONE,	   /* images are pulled in the guest, files are copied */
	SHARED_FS_VIRTIOFS /* root file systems and volumes of the host; never for hardware
			      platforms */
};

enum runtime_empty_dir {
	EMPTY_DIR_GUEST,     /* memory of the guest, sizeLimit honoured */
	EMPTY_DIR_ENCRYPTED, /* a sparse file of the host, encrypted by the guest with a key of its
				own */
	EMPTY_DIR_SHARED     /* the host's directory; needs a shared file system */
};

enum runtime_network {
	NETWORK_TCFILTER,
	NETWORK_NONE
};

/* Owned; runtime_config_done(). Paths are absolute. */
struct runtime_config {
	char *handler;
	/* [runtime] */
	char *run_dir, *state_dir;
	char *qemu_user; /* NULL: root */
	char *virtiofsd; /* NULL: where Debian has it */
	/* [handler.NAME] */
	const struct vm_platform *platform;
	enum vm_arch arch;
	char *accel;					  /* "kvm", "tcg", "auto" */
	char *kernel, *initrd, *firmware, *firmware_vars; /* NULL where the platform has none */
	char *initrd_open;   /* of pods whose files are the host's; NULL: `initrd` was named */
	char *cmdline;	     /* NULL: the shipped one */
	char *kernel_params; /* appended to it; NULL: nothing. Platform none only */
	bool debug;	     /* the shipped command line for people */
	uint64_t vcpus, memory_mib;			    /* without limits in the pod */
	uint64_t overhead_vcpus_milli, overhead_memory_mib; /* beside the pod's limits */
	enum runtime_shared_fs shared_fs;
	enum runtime_empty_dir empty_dir;
	enum runtime_network network;
	uint64_t network_queues;
	uint64_t rx_bytes_per_s, tx_bytes_per_s, disk_bytes_per_s, disk_ops_per_s; /* 0: no limit */
	bool hugepages, pin_vcpus;
	bool sandbox_cgroup_only;
	uint64_t timeout_s; /* without any sign of progress while a pod or a container starts */
	struct strv annotations; /* names after io.katacontainers.config.hypervisor. that pods may
				    use */
	char *initdata;		 /* TOML file for pods that bring none; NULL: none */
	struct vm_protection protection; /* policy, ID block, CPU model, quote socket */
	char *cpu_model, *quote_socket, *id_block, *id_auth; /* what protection points to or was
								made from */
};
void runtime_config_done(struct runtime_config *c);

enum {
	RUNTIME_CONFIG_MAX = 256 * 1024, /* bytes of one file */
	RUNTIME_DROP_INS_MAX = 64,
	RUNTIME_HANDLERS_MAX = 64,
	RUNTIME_HANDLER_MAX = 40 /* characters of [a-z0-9-] */
};

/* file NULL: RUNTIME_CONFIG, which may be missing; a named one may not. handler NULL:
 * RUNTIME_HANDLER. ERR_FORMAT names file, table and member; ERR_NOT_FOUND the handlers there are.
 */
RESULT runtime_config_load(
	const char *file, const char *handler, struct runtime_config *ret_config);

/* The same without looking for files of the guest: those that nobody named stay NULL. */
RESULT runtime_config_read(
	const char *file, const char *handler, struct runtime_config *ret_config);
/* Guest image and firmware of what is NULL, the architecture by the kernel. ERR_NOT_FOUND. */
RESULT runtime_config_find(struct runtime_config *c);

/* Names of the handlers: the built-in ones, then those of the files; or only what files name. */
RESULT runtime_config_handlers(const char *file, bool built_in, struct strv *ret_handlers);
/* The configuration as a file of ours that says everything: [runtime] and one [handler.NAME]. */
RESULT runtime_config_print(const struct runtime_config *c, struct buf *out);

struct host_facts;
struct host_checks;
/* Whether pods of this handler can start on a host: its files, its user, what the platform needs,
 * each row with what to do. runtime_config_find() is not needed before. */
void runtime_config_fit(
	const struct host_facts *f, const struct runtime_config *c, struct host_checks *ret_checks);

/* What an existing configuration.toml of Kata Containers (Go or Rust runtime) says, as ours. */
struct config_import {
	const char *file;     /* with config.d/ beside it */
	const char *handler;  /* NULL: the built-in one of the platform */
	const char *platform; /* NULL: as the file has it */
};
struct config_import_result {
	struct runtime_config config;
	struct buf toml;   /* only what the file said, with the rest as comments */
	struct buf unused; /* JSON array of {"key", "value", "why"} */
};
RESULT runtime_config_import(const struct config_import *i, struct config_import_result *ret);
void config_import_result_done(struct config_import_result *r);

/*
 * Applies io.katacontainers.config.{hypervisor,runtime,agent}.* of a pod: those of the handler's
 * allow-list change the configuration, others are refused (ERR_DENIED, code config.annotation) with
 * the name of the list to add them to. cc_init_data is not handled here. `annotations` are of the
 * OCI spec.
 */
RESULT runtime_config_annotate(struct runtime_config *c, const struct json_map *annotations);
