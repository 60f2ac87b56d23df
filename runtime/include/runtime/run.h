/* One pod from start to end: machine, agent, one container, its output and its exit status. */
#pragma once

#include "runtime/timeline.h"
#include "runtime/vm.h"

#include <base/json.h>

enum {
	RUN_TIMEOUT_S = 120, /* without any sign of progress while starting */
	RUN_CONSOLE_TAIL = 2048
};

struct run_progress {
	const char *stage; /* of the timeline, or "running" */
	/* While layers are pulled; 0: not told. */
	uint64_t layer, layers, done, total;
	uint64_t elapsed_ms;
};

struct run_config {
	const char *run_dir, *state_dir;
	const char *qemu_user; /* see vm_launch */
	const struct vm_platform *platform;
	enum vm_arch arch;
	enum vm_accel accel;
	uint64_t memory_mib, cpus;
	const char *kernel, *initrd, *append;
	const char *firmware, *firmware_vars; /* as the platform wants them; NULL: not */
	struct vm_protection protection;      /* initdata is filled in */
	bool net_user;
	struct bytes initdata; /* TOML; empty: none */
	const char *name;      /* of the pod; NULL: random */
	const char *container; /* of the manifest's entry; NULL: found by the image */
	const char *image;
	char *const *argv;
	size_t n_argv;
	const struct strv *env;
	uint64_t timeout_s;
	int stdin_fd, stdout_fd, stderr_fd; /* of the container; see agent_stdio_config */
	void (*progress)(void *arg, const struct run_progress *p); /* may be NULL */
	void *arg;
};

struct run_result {
	struct timeline_record record; /* of whatever was reached, also after a failure */
	/* For a machine that died: the end of its console, printable. */
	char console[RUN_CONSOLE_TAIL + 1];
	bool interrupted;    /* by a signal, before the container ended */
	char *stdin_failure; /* why standard input did not arrive; NULL: it did */
};
void run_result_done(struct run_result *r);

/*
 * Runs to the end. Interrupted (SIGINT, SIGTERM, SIGHUP): while starting at once, later by handing
 * the signal to the container; a second one ends the machine. record.exit_status is the container's
 * or 128 + signal. A refusal by the guest is ERR_DENIED or ERR_UNVERIFIED with its denial. Nothing
 * is left behind but the kept timeline. `ret_result` is filled in any case.
 */
RESULT run_pod(const struct run_config *c, struct run_result *ret_result);

/* ---- in a running pod ---- */
struct run_exec {
	const char *run_dir, *id;
	const char *container; /* see pod_container_find() */
	char *const *argv;
	size_t n_argv;
	const struct strv *env;
	const char *cwd; /* NULL: the container's */
	int stdin_fd, stdout_fd, stderr_fd;
};
RESULT run_exec(const struct run_exec *e, int *ret_status);
