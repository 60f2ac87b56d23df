/*
 * A pod on this host: one virtual machine with its network and shared files, and the containers in
 * it. One thread, one loop. Only sandbox_start(), sandbox_network_update() and sandbox_stop() pump
 * the loop; everything else answers later by its callback, in any order, and may be called while
 * others are under way. Callbacks are called once each, never from within the call that was given
 * them.
 */
#pragma once

#include "runtime/agent_client.h"
#include "runtime/config.h"
#include "runtime/pod_stats.h"
#include "runtime/run.h"

#include <agent.pb-c.h>

struct sandbox;

struct sandbox_config {
	struct loop *loop;
	const struct runtime_config *runtime; /* lives longer than the sandbox */
	const char *id;	    /* of the pod, as the engine names it: up to 76 of [A-Za-z0-9._-] */
	const char *bundle; /* directory with config.json of the sandbox or single container */
	const char *netns;  /* path; NULL: none, then there is no network device */
	/* Without a path: a new namespace, which QEMU is in. Whoever asked for the pod fills it
	 * later, and sandbox_network_update() takes what is there. */
	bool new_netns;
	bool gives_files; /* resolv.conf and hostname of `bundle` are mounted in the containers */
	/* What the sandbox says by itself. Any may be NULL. */
	void (*progress)(void *arg, const struct run_progress *p);
	void (*oom)(void *arg, const char *container_id);
	/* The machine or its agent ended without being asked to; once. */
	void (*died)(void *arg, struct err why);
	void *arg;
};
/* Everything that must be known before the VM: sizes, initdata, annotations. The strings are
 * copied. ERR_FORMAT, ERR_DENIED: config.json and its annotations. */
RESULT sandbox_new(const struct sandbox_config *c, struct sandbox **ret_sandbox);
/* Machine, network, agent, CreateSandbox. On failure nothing is left. Pumps. */
RESULT sandbox_start(struct sandbox *s);
/* Gives the machine the interfaces that came into its namespace since it started (Docker makes them
 * between Create and Start). A failure leaves the pod half connected: stop it. Pumps. */
RESULT sandbox_network_update(struct sandbox *s);
/* From a callback while one of these pumps: it fails soon, ERR_STATE "aborted". Else nothing. */
void sandbox_abort(struct sandbox *s);
/* Powers the guest off, ends what does not end, removes everything; pumps, at most 10 s. */
void sandbox_stop(struct sandbox *s);
void sandbox_freep(struct sandbox **s); /* stops it first */

pid_t sandbox_pid(const struct sandbox *s); /* QEMU's; 0 before sandbox_start() */
void sandbox_host_stats(const struct sandbox *s, struct pod_host_stats *ret_stats);
/* The kernel limits which devices its processes may open: false where it has no controller. */
bool sandbox_confined(const struct sandbox *s);
struct agent_client *sandbox_agent(struct sandbox *s);
/* Sandboxes of shims that were killed: everything of pod `id` that is recorded or recognised is
 * ended and removed: processes, mounts, taps, cgroups, directories. Missing ones are fine. */
RESULT sandbox_clean(const char *run_dir, const char *id);

typedef void sandbox_done_fn(void *arg, struct err e);

struct sandbox_mount { /* containerd's Mount */
	const char *type, *source;
	const char *const *options;
	size_t n_options;
};
struct sandbox_container {
	const char *id, *bundle;	    /* config.json in it */
	const struct sandbox_mount *rootfs; /* none: bundle/rootfs, or root.path, as it is */
	size_t n_rootfs;
	bool terminal;
	bool placeholder; /* the pod's sandbox (pause) container */
};
/* Mounts, copies or shares what it needs, then CreateContainer. On failure nothing is left. */
RESULT sandbox_container_create(
	struct sandbox *s, const struct sandbox_container *c, sandbox_done_fn *fn, void *arg);
RESULT sandbox_container_start(struct sandbox *s, const char *id, sandbox_done_fn *fn, void *arg);
/* RemoveContainer, then mounts and files of the host. Works when the machine is dead. */
RESULT sandbox_container_remove(struct sandbox *s, const char *id, sandbox_done_fn *fn, void *arg);
/* `process` is a JSON OCI Process. */
RESULT sandbox_exec(struct sandbox *s, const char *id, const char *exec_id, struct bytes process,
	sandbox_done_fn *fn, void *arg);
/* exec_id "" is the container's first process, here and below. `all`: every process of it. */
RESULT sandbox_signal(struct sandbox *s, const char *id, const char *exec_id, int signo, bool all,
	sandbox_done_fn *fn, void *arg);
RESULT sandbox_resize(struct sandbox *s, const char *id, const char *exec_id, uint32_t rows,
	uint32_t columns, sandbox_done_fn *fn, void *arg);
RESULT sandbox_pause(struct sandbox *s, const char *id, bool pause, sandbox_done_fn *fn, void *arg);
/* `resources` is a JSON OCI LinuxResources. */
RESULT sandbox_update(
	struct sandbox *s, const char *id, struct bytes resources, sandbox_done_fn *fn, void *arg);

/* Answers when the process has ended; a machine that died answers 255 with e failed. */
typedef void sandbox_exit_fn(void *arg, struct err e, int status);
RESULT sandbox_wait(
	struct sandbox *s, const char *id, const char *exec_id, sandbox_exit_fn *fn, void *arg);

/* `stats` is valid during the call; NULL on failure. */
typedef void sandbox_stats_fn(void *arg, struct err e, const Agent__StatsContainerResponse *stats);
RESULT sandbox_stats(struct sandbox *s, const char *id, sandbox_stats_fn *fn, void *arg);
/* Standard streams: agent_stdio_new() on sandbox_agent(), once this has told of them. */
void sandbox_streams(struct sandbox *s, const char *id, bool input);
