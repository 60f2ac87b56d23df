/* sealpod-oci: what its commands share. */
#pragma once

#include "state.h"

#include <base/cli.h>
#include <base/process.h>

#define OCI_ROOT "/run/sealpod-oci"
#define OCI_VERSION                                                                                \
	"1.0.2" /* of the runtime specification, as Podman 4 and Buildah 1.28 write it */
#define OCI_NAMESPACE "sealpod-oci" /* the shim's */

/* The options before the command. */
struct oci_globals {
	const char *root, *log, *log_format, *rootless, *cgroup_manager, *criu;
	const char *handler, *config_path;
	bool debug, systemd_cgroup;
};
extern struct oci_globals globals;

const char *oci_root(void);
/* Of the configuration: --handler, or what follows "sealpod-oci-" in the name of the program. */
const char *oci_handler(void);

/* A line on stderr or into --log: level "error", "warning", "info", "debug". */
PRINTF(2, 3) void oci_say(const char *level, const char *fmt, ...);

/* exec without options: operands are the container and what runs in it. */
RESULT oci_exec_plain(const struct cli_args *args, int *ret_exit);

/* Prints text on standard output. */
RESULT oci_print(struct buf *out);

/* What create, run and exec share. */
RESULT oci_check_preserve_fds(uint64_t n);
RESULT oci_write_pid(const char *path, uint64_t pid); /* NULL: nowhere */
/* Forwards signals to the holder until it ends; its exit status. */
RESULT oci_wait_holder(struct process *holder, int *ret_exit);
/* The holder goes on when this process has ended: its parent is then the engine's monitor. */
void oci_leave_holder(struct process *holder);

/* The number of "9", "KILL", "SIGKILL", "RTMIN+3"; ERR_USAGE. */
RESULT oci_signal_parse(const char *text, int *ret_signo);

extern const struct cli_command cmd_create, cmd_start, cmd_run, cmd_delete, cmd_kill, cmd_state,
	cmd_exec, cmd_list, cmd_ps, cmd_features, cmd_events, cmd_spec, cmd_pause, cmd_resume,
	cmd_update, cmd_checkpoint, cmd_restore;
