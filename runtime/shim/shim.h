/*
 * One pod as its engine sees it: processes and their states (containers and what was executed in
 * them), the sandbox they run in, the events that tell of them. One thread; requests that take time
 * keep their call and answer it later.
 */
#pragma once

#include "bootstrap.h"
#include "events.h"
#include "streams.h"

#include <time.h>
#include <wellknown.pb-c.h>

#include <net/ttrpc.h>
#include <runtime/sandbox.h>
#include <sys/queue.h>

enum {
	SHIM_CONTAINERS_MAX = 512,
	SHIM_EXECS_MAX = 128,	  /* of a container, undeleted */
	SHIM_WAITERS_MAX = 64,	  /* of a process */
	SHIM_STATUS_LOST = 255,	  /* exit status of a process whose machine died */
	SHIM_STATUS_KILLED = 137, /* and of one that was ended with its pod: 128 + SIGKILL */
	SHIM_STALL_MS = 2000	  /* output nobody reads holds up an exit so long */
};

enum task_state {
	TASK_CREATING, /* container: its Create is not answered */
	TASK_CREATED,
	TASK_RUNNING,
	TASK_PAUSING,
	TASK_PAUSED,
	TASK_STOPPED
};

struct create; /* create.c */

struct waiter {
	STAILQ_ENTRY(waiter) link;
	struct ttrpc_call *call;
};
STAILQ_HEAD(waiter_list, waiter);
LIST_HEAD(task_list, task);

/* A container's first process, or one executed in it. Lives while it is listed or an operation on
 * it is under way. */
struct task {
	LIST_ENTRY(task) link;
	unsigned users;
	bool listed;
	struct shim *shim;
	struct task *container; /* itself, for the first one; else a user of it */
	struct task_list execs; /* of the first one */
	size_t n_execs;
	char *id, *exec_id; /* exec_id "": the first one */
	char *bundle;
	char *in, *out, *err;
	bool terminal;
	bool holds_pod; /* its end is the end of the pod */
	bool placeholder;
	enum task_state state;
	uint32_t pid;
	struct streams *io;
	struct buf spec; /* OCI Process, JSON; until started */
	uint32_t rows, columns;
	bool has_size; /* to be applied when it runs */
	bool starting; /* its exit must not be told before its start */
	bool exit_known, exit_told;
	bool started_told; /* an exit without a start is nobody's business */
	int status;
	struct timespec exited_at;
	struct loop_source *stall_timer;
	uint64_t stall_written;
	struct waiter_list waiters;
	size_t n_waiters;
	int early_kill;			/* signal that came while it was being created; 0: none */
	struct ttrpc_call *create_call; /* unanswered Create or Start */
	struct ttrpc_call *delete_call; /* unanswered Delete */
	struct create *create;		/* what Create asked for, until it is answered */
};

enum pod_phase {
	POD_NONE,
	POD_STARTING,
	POD_RUNNING,
	POD_STOPPING,
	POD_STOPPED
};

struct shim_config {
	struct loop *loop;
	const char *ns, *id;	  /* of the sandbox */
	const char *handler;	  /* table of the configuration */
	const char *config_path;  /* that "start" was told; NULL: none */
	struct events *events;	  /* stays the caller's, lives longer */
	void (*ended)(void *arg); /* Shutdown was answered: the program may end */
	void *arg;
};

/* What "CreateSandbox" said, until "StartSandbox". */
struct pod_plan {
	char *id, *bundle, *netns;
	char *config_path;
};

struct shim {
	struct shim_config c;
	struct task_list containers;
	size_t n_containers;
	struct runtime_config config;
	bool configured;
	struct sandbox *sandbox;
	enum pod_phase pod;
	bool aborted; /* while starting */
	struct timespec created_at, exited_at;
	uint32_t pid; /* QEMU's */
	int pod_status;
	/* Sandbox API */
	struct pod_plan plan;
	bool planned;
	struct waiter_list pod_waiters, stop_waiters;
	size_t n_pod_waiters, n_stop_waiters;
	struct ttrpc_call *start_call;
	struct loop_source *stop_timer, *start_timer, *network_timer;
	struct task *network_task; /* that starts when the pod has its network */
	bool shutting_down;
	struct waiter_list shutdown_waiters;
	size_t n_shutdown_waiters;
};

RESULT shim_new(const struct shim_config *c, struct shim **ret_shim);
void shim_freep(struct shim **s); /* stops the pod; answers what waits */

extern const struct ttrpc_method shim_methods[];
extern const size_t shim_methods_n;

/* ---- hooks.c: those of config.json that run on the host ---- */
enum hooks_moment {
	HOOKS_CREATE, /* prestart, createRuntime: before the container is made */
	HOOKS_STARTED,
	HOOKS_DELETED
};
typedef void hooks_fn(struct task *p, struct err e);
/* fn is called later, once, if there are any. */
RESULT hooks_start(struct task *p, enum hooks_moment moment, hooks_fn *fn, bool *ret_any);

/* ---- task.c: records ---- */
RESULT task_new(struct shim *s, const char *id, const char *exec_id, struct task **ret);
struct task *task_ref(struct task *p);
void task_unref(struct task *p);
void task_unrefp(struct task **p);
void task_list(struct task *p);
void task_unlist(struct task *p); /* with its execs; waiters are answered */
/* exec_id "": the container. ERR_NOT_FOUND. */
RESULT task_find(struct shim *s, const char *id, const char *exec_id, struct task **ret_task);
const char *task_state_name(enum task_state state);
/* ERR_STATE "cannot <verb> a <state> container|process". */
RESULT task_wrong_state(const struct task *p, const char *verb);
RESULT waiter_add(struct waiter_list *list, size_t *n, struct ttrpc_call *call);
/* Takes the first; NULL: none. */
struct ttrpc_call *waiter_take(struct waiter_list *list, size_t *n);

/* ---- exit.c: how processes end ---- */
/* Begins to wait for the guest's answer. */
RESULT exit_watch(struct task *p);
/* Tells the exit when it is known, the start was told, and the output is through. */
void exit_check(struct task *p);
/* For everything that a machine took with it. */
void exit_all(struct shim *s, int status);
void on_output_ended(void *task);

/* ---- pod.c ---- */
/* Machine and sandbox for the bundle; pumps the loop. */
RESULT pod_start(struct shim *s, const struct pod_plan *plan);
/* What the engine put into the pod's namespace since it started. A failure ends the pod. Pumps. */
RESULT pod_update_network(struct shim *s);
void pod_abort(struct shim *s);
/* From the loop's next round: the pod ends, then whoever waits for that is answered. */
void pod_stop_soon(struct shim *s);
void pod_plan_done(struct pod_plan *p);
/* Answers and ends the program when the pod is down. */
void pod_shut_down(struct shim *s, struct ttrpc_call *call);

/* ---- answer.c ---- */
void answer(struct ttrpc_call *call, const ProtobufCMessage *m);
void answer_empty(struct ttrpc_call *call);
void answer_result(struct ttrpc_call *call, struct err e);
/* Both or neither; for Wait, Delete and State. */
Pb__Timestamp timestamp_of(const struct timespec *t);
/* protobuf-c has no const; packing reads only. */
static inline char *text_of(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* ---- event_messages.c: one a kind ---- */
void event_create(const struct task *p, const void *create_request);
void event_start(const struct task *p); /* or exec-started */
void event_exit(const struct task *p);
void event_delete(const struct task *p);
void event_exec_added(const struct task *p);
void event_paused(const struct task *p, bool paused);
void event_oom(struct shim *s, const char *container_id);

/* ---- requests; each keeps its call or answers it ---- */
ttrpc_handle_fn serve_state, serve_create, serve_start, serve_delete, serve_pids, serve_pause,
	serve_resume, serve_checkpoint, serve_kill, serve_exec, serve_resize, serve_close_io,
	serve_update, serve_wait, serve_stats, serve_connect, serve_shutdown;
ttrpc_handle_fn sandbox_api_create, sandbox_api_start, sandbox_api_platform, sandbox_api_stop,
	sandbox_api_wait, sandbox_api_status, sandbox_api_ping, sandbox_api_shutdown,
	sandbox_api_metrics;
/* Answers WaitSandbox. */
void sandbox_api_ended(struct shim *s);
/* Goes on with a Delete that waited for the process to end. */
void delete_go_on(struct task *p);
