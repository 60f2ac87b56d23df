/* The state of the agent: one pod, its containers and their processes. One thread, one loop. */
#pragma once

#include "command.h"
#include "device_map.h"
#include "reaper.h"
#include "stream.h"

#include <policy/agent_limits.h>
#include <policy/manifest.h>
#include <policy/plan.h>
#include <policy/spec.h>

#define AGENT_API_VERSION "0.0.1"
#define AGENT_VERSION	  "0.1.0"

struct agent;
struct container;
struct devices_job;   /* devices.c */
struct sealed_value;  /* sealed.c */
struct sealed_volume; /* sealed.h */
struct sealed_update; /* sealed_update.c */
struct storage;	      /* storage_op.h */
struct storage_op;    /* storage_op.h */
struct storage_mount; /* storage_op.h */
struct hub_volume;    /* hub.h */

/* One process of a container: its first one, or one added by ExecProcess. */
struct task {
	struct container *container;
	struct task *next;
	char exec_id[AGENT_ID_MAX + 1];
	pid_t pid; /* 0 before crun has started it */
	int pidfd;
	bool terminal;
	bool exited, waited;
	int status;
	struct stream_in in;
	struct stream_out out, err;
	int window_fd;		    /* terminal, for its size; else -1 */
	struct loop_source *grace;  /* after the end: when output that never comes is given up */
	struct ttrpc_call *wait[8]; /* WaitProcess calls that wait */
	size_t n_wait;
};

enum container_state {
	CONTAINER_CREATING,
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_REMOVING
};

struct container {
	struct agent *agent;
	struct container *next;
	char id[AGENT_ID_MAX + 1];
	bool sandbox; /* the pod's placeholder: no process at all */
	enum container_state state;
	size_t row;			       /* in the manifest */
	const struct manifest_container *rule; /* NULL: a placeholder, or the open world */
	struct task *tasks;		       /* the first process is last */
	struct plan plan;
	char *dir;    /* <run>/sealpod/containers/<id>: config.json, pid, log */
	char *bundle; /* <run>/kata-containers/<id>: what the image service fills */
	char *rootfs; /* <bundle>/rootfs, or in the open world where the request has it */
	bool open;    /* made in the open world: no rule */
	bool paused;
	int oom_watch;	       /* of memory.events; 0: none */
	uint64_t oom_kills;    /* reported already */
	char *termination_log; /* the guest's file behind the container's, or NULL */
	bool shares_pids;      /* its first process is not PID 1 of a namespace */
	bool pulled;	       /* so the bundle is ours to remove */
	int rootfs_fd;	       /* -1 before the pull */
	uint64_t started_ms;   /* of the request being served */
	struct ttrpc_call *op; /* CreateContainer, StartContainer or RemoveContainer in progress */
	size_t n_execs;	       /* ExecProcess in progress */
	char **mount_sources;  /* of volumes, see volumes.h */
	size_t n_mount_sources;
	const Agent__Storage *image_store; /* of the request: where its image goes */
	struct sealed_value *sealed;	   /* see sealed.h */
	struct sealed_volume *sealed_volumes;
	struct sealed_update *sealed_update; /* under way */
	struct devices_job *devices;	     /* while they are waited for, see devices.h */
	struct device_map device_numbers;
	Agent__CreateContainerRequest *request; /* while creating */
};

/* What the agent does to the world; a test or a fuzzer replaces it. */
typedef void pull_fn(void *arg, struct err e);
typedef void unseal_fn(void *arg, struct err e, struct bytes plain); /* valid during the call */
struct effects {
	/* A crun command. */
	RESULT (*run)(struct agent *a, const struct process_spec *spec, command_fn *fn, void *arg);
	/* The image into <bundle>/rootfs and <bundle>/image.json. */
	RESULT(*pull)
	(struct agent *a, const char *image, const char *bundle, pull_fn *fn, void *arg);
	RESULT (*namespaces)(struct agent *a, const char *hostname);
	RESULT (*mount)(const struct storage_mount *m, const char *target);
	/* What a sealed secret stands for. */
	RESULT(*unseal)
	(struct agent *a, struct bytes reference, unseal_fn *fn, void *arg);
	/* A volume with a key of the broker, mounted. */
	RESULT(*secure_mount)
	(struct agent *a, const struct hub_volume *v, pull_fn *fn, void *arg);
	RESULT (*unmount)(const char *target); /* now or when its last user is gone */
	RESULT (*block_prepare)(const struct agent *a, const char *driver, const char *source);
	RESULT(*block_find)
	(const struct agent *a, const char *driver, const char *source, char **ret_device);
	RESULT (*interface_set)(const Types__Interface *i);
	RESULT (*routes_add)(const Agent__Routes *routes);
	RESULT (*neighbours_add)(const Agent__ARPNeighbors *neighbours);
	RESULT (*clock_set)(int64_t sec, int64_t usec);
	RESULT (*random_add)(struct bytes data);
	RESULT (*cpus_online)(uint32_t n, uint32_t *ret_done);
	RESULT (*memory_online)(void);
	/* The pod's shared PID namespace, made when it is first needed: a->pid_ns. */
	RESULT (*pid_namespace)(struct agent *a);
	RESULT (*sysctl_set)(struct agent *a, const char *name, const char *value);
	RESULT (*module_load)(const Agent__KernelModule *module);
	RESULT (*filter_get)(bool ipv6, struct buf *rules);
	RESULT (*filter_set)(bool ipv6, struct bytes rules, struct buf *out);
	RESULT (*swap_on)(const char *path);
	RESULT (*memory_probe)(uint64_t address);
};
extern const struct effects effects_real;

struct settings {
	const char *run_dir;	    /* "/run" */
	const char *crun;	    /* "/usr/bin/crun" */
	const char *volume;	    /* "/usr/bin/sealpod-volume" */
	const char *cgroup_manager; /* "cgroupfs", or "disabled" on a host without cgroup v2 */
	const char *cgroup_dir;	    /* where the containers' cgroups are */
	const char *cdh_address;    /* "unix:///run/confidential-containers/cdh.sock" */
	bool init;		    /* PID 1 of a guest */
};

struct hub;	 /* hub.h */
struct onlining; /* online.c */
struct oom;	 /* oom.h */

struct agent {
	struct loop *loop;
	struct reaper *reaper;
	struct ttrpc_server *server;
	struct settings set;
	const struct effects *effects;
	struct hub *hub;
	struct oom *oom;
	struct onlining *onlining; /* NULL: no OnlineCPUMem waits */
	/* No TEE, no manifest, and asked for at the start: containers as the host wants them. */
	bool open_world;
	bool overlay_there; /* the module, see boot_overlay() */
	bool has_manifest;
	struct manifest manifest;
	struct err_saved manifest_error; /* why there is none */
	bool started_once[MANIFEST_CONTAINERS_MAX];
	bool completed_once[MANIFEST_CONTAINERS_MAX]; /* with status 0 */
	struct container *containers;
	size_t n_containers;
	/* the sandbox */
	bool sandbox_created;
	bool fixed; /* a container has been started: network and clock stay as they are */
	bool routes_set, neighbours_set;
	size_t n_interfaces_set;
	char *resolv_conf; /* NULL: the host gave no name servers */
	char *ipc_ns, *uts_ns;
	bool sysctls_set;		  /* the manifest's */
	bool share_pids;		  /* asked for by CreateSandbox */
	char *pid_ns;			  /* NULL: not made */
	struct process pause;		  /* its first process */
	struct loop_source *sealed_timer; /* files of the host have changed */
	struct storage *storages;
	size_t n_storages;
	struct storage_op *storage_ops;
	uint64_t n_scrapes;  /* of metrics */
	unsigned n_mappings; /* of the device mapper, made so far */
	unsigned n_consoles; /* made so far, for their names */
	bool stopping;
};

/* ---- container.c ---- */
/* NULL when there is none. */
struct container *container_find(struct agent *a, const char *id);
RESULT container_new(
	struct agent *a, const Agent__CreateContainerRequest *q, struct container **ret_container);
void container_free(struct container *c);
/* Which rows of the manifest have a living container. */
void container_rows_in_use(const struct agent *a, bool in_use[static MANIFEST_CONTAINERS_MAX]);
/* ERR_FORMAT (Kata's INVALID_ARGUMENT) without the container, ERR_NOT_FOUND without the process. */
RESULT task_find(struct agent *a, const char *container_id, const char *exec_id,
	struct container **ret_container, struct task **ret_task);
RESULT container_get(struct agent *a, const char *id, struct container **ret_container);

/* ---- task.c ---- */
RESULT task_new(struct container *c, const char *exec_id, bool terminal, struct task **ret_task);
/* Removes it from its container, ends what waits for it. */
void task_free(struct task *t);
/* crun has started it: its number is in the file. */
RESULT task_started(struct task *t, const char *pid_file);
void task_ended(void *task, int status);
RESULT task_signal(struct task *t, uint32_t signo);
/* Signals a container by its first process; SIGKILL is for all of its processes. */
RESULT task_signal_container(struct task *t, uint32_t signo);
void task_wait(struct task *t, struct ttrpc_call *call);

/* ---- stdio.c ---- */
/* The ends that crun gives to the process; pipes unless it has a terminal. */
struct stdio {
	int in, out, err;
	int console; /* listening socket for the terminal, or -1 */
	char *console_path;
};
#define STDIO_NONE ((struct stdio){ .in = -1, .out = -1, .err = -1, .console = -1 })
RESULT stdio_open(struct task *t, struct stdio *ret_stdio);
/* After crun is done: takes the terminal that it has sent. */
RESULT stdio_take_console(struct task *t, const struct stdio *s);
void stdio_done(struct stdio *s);

/* ---- crun.c ---- */
struct crun_call {
	struct agent *agent;
	const char *command; /* "create" */
	const char *id;
	const char *dir;	   /* where its log and files are */
	const struct stdio *stdio; /* NULL: none */
	const char *process_file;  /* exec only */
	const char *pid_file;	   /* create, exec */
	bool force;		   /* delete */
	const char *resources;	   /* update */
	command_fn *fn;
	void *arg;
};
RESULT crun_start(const struct crun_call *c);
/* Starts a created container without a program; false when that has to be crun's work. */
bool crun_release(const struct agent *a, const char *id);
/* Deletes a container that has ended without a program; false when that has to be crun's work. */
bool crun_forget(const struct container *c);
/* The failure that crun wrote to its log. */
struct err crun_error(const char *dir, const char *command, int status);
