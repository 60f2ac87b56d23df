/* The shim as its client sees it: how it is started, and its Task service (containerd, task v2). */
#pragma once

#include <task.pb-c.h>

#include <base/loop.h>
#include <net/ttrpc.h>

struct shim_start {
	const char *program; /* NULL: containerd-shim-sealpod-v2 beside this program, or in PATH */
	const char *dir;     /* where a link named after the handler may be made */
	const char *bundle, *id, *handler;
	const char *config_path; /* NULL: the default */
};
/* Runs "... start" in the bundle and reads the address it prints; ERR_PEER with what it said. */
RESULT shim_start(const struct shim_start *s, char **ret_address);
/* Runs "... delete" there: removes what a killed shim left. */
RESULT shim_clean(const struct shim_start *s);
/* The address in what "start" prints: text or JSON (version 2 or 3, ttrpc). */
RESULT shim_address_parse(struct bytes text, char **ret_address);

/* The value of runtimeoptions.v1.Options; its type is SHIM_OPTIONS. */
RESULT shim_options(const char *config_path, struct buf *out);
#define SHIM_OPTIONS "runtimeoptions.v1.Options"

struct shim {
	struct loop *loop;
	struct ttrpc_client *client;
};
/* ERR_PEER: nobody listens there. */
RESULT shim_connect(const char *address, struct shim *ret_shim);
void shim_done(struct shim *s);

#define SHIM_TASK "containerd.task.v2.Task"

struct shim_call {
	const char *method;
	const ProtobufCMessage *request;
	uint64_t timeout_ms; /* 0: none */
};
/* ret_msg NULL: the answer is empty. */
RESULT shim_call(struct shim *s, const struct shim_call *c, const ProtobufCMessageDescriptor *d,
	ProtobufCMessage **ret_msg);

struct shim_streams {
	const char *in, *out, *err; /* "": none */
	bool terminal;
};
RESULT shim_create(struct shim *s, const char *id, const char *bundle, const char *config_path,
	const struct shim_streams *io);
/* exec_id "" is the container's first process, here and below. */
RESULT shim_start_process(struct shim *s, const char *id, const char *exec_id);
RESULT shim_exec(struct shim *s, const char *id, const char *exec_id, struct bytes process,
	const struct shim_streams *io);
RESULT shim_kill(struct shim *s, const char *id, int signo, bool all);
RESULT shim_delete(struct shim *s, const char *id, const char *exec_id);
RESULT shim_wait(struct shim *s, const char *id, uint64_t timeout_ms);
RESULT shim_status(struct shim *s, const char *id, Containerd__Status *ret_status);
RESULT shim_pause(struct shim *s, const char *id, bool pause);
/* `resources` is a JSON OCI LinuxResources. */
RESULT shim_update(struct shim *s, const char *id, struct bytes resources);
RESULT shim_stats(struct shim *s, const char *id, Task__StatsResponse **ret_stats);
RESULT shim_pids(struct shim *s, const char *id, Task__PidsResponse **ret_pids);
/* The shim ends when no container is left. */
RESULT shim_shutdown(struct shim *s, const char *id);
