/*
 * Pods of this host: a directory each below RUN/pods/, with state.json, the control socket, logs
 * and TPM state, owned by the process that runs the pod. Whoever comes next cleans up after owners
 * that were killed.
 */
#pragma once

#include <base/json.h>

#define POD_RUN_DIR   "/run/sealpod"	 /* pods */
#define POD_STATE_DIR "/var/lib/sealpod" /* TPM authority, timelines of finished pods */
#define POD_STATE     "state.json"
#define POD_SOCKET    "agent.sock" /* agent API, shared with the owner's connection */
#define POD_CONSOLE   "console.log"
#define POD_LOG	      "log.jsonl"

enum {
	POD_NAME_MAX = 76,
	POD_PROCESSES_MAX = 8,
	POD_FILES_MAX = 64,
	POD_CONTAINERS_MAX = 256,
	POD_STATE_MAX = 64 * 1024
};

/* A process id alone may be another process later; with its start time it may not. */
struct pod_process {
	char *name; /* "owner", "qemu", "swtpm" */
	uint64_t pid;
	uint64_t start; /* field 22 of /proc/PID/stat, clock ticks since boot */
};

extern const struct json_table pod_process_table;
void pod_process_print(struct json_writer *w, const struct pod_process *p); /* an object */

struct pod_state {
	uint64_t version; /* 1 */
	char *id, *image, *platform;
	char *boot_id; /* of the host; processes of an earlier boot are gone */
	char *stage;   /* "launch" ... "running" */
	char *container;
	uint64_t created; /* seconds since 1970 */
	struct pod_process owner;
	char *cgroup;		    /* linux.cgroupsPath; NULL: none was made */
	char *netns;		    /* path of the network namespace with our taps; NULL: none */
	struct strv containers;	    /* created and not removed; none: `container` alone */
	uint64_t creations;	    /* of containers, so far */
	struct strv files;	    /* outside of the pod's directory, to be removed with it */
	struct json_list processes; /* struct pod_process */
};
/* ERR_FORMAT on anything that pod_state_print() does not write. */
RESULT pod_state_parse(struct bytes text, struct pod_state *ret_state);
RESULT pod_state_print(const struct pod_state *s, struct buf *out);
void pod_state_done(struct pod_state *s);
RESULT pod_state_add_process(struct pod_state *s, const char *name, pid_t pid);

/*
 * The container that `name` means: an id or the beginning of only one; NULL: the only one beside
 * the pod's placeholder. ERR_NOT_FOUND, ERR_USAGE name those that there are. The text is the
 * state's.
 */
RESULT pod_container_find(const struct pod_state *s, const char *name, const char **ret_id);

/* [A-Za-z0-9][A-Za-z0-9._-]*, at most POD_NAME_MAX, as engines name theirs; ERR_USAGE. */
RESULT pod_name_check(const char *name);

/* Start time of a process; ERR_NOT_FOUND when there is none of that number. */
RESULT pod_process_start_time(uint64_t pid, uint64_t *ret_start);
/* Field 22 of a line of /proc/PID/stat; the name in it may hold anything. */
RESULT pod_stat_parse(struct bytes line, uint64_t *ret_start);
bool pod_process_alive(const struct pod_process *p);
/* Signals it if it is still that process. */
void pod_process_kill(const struct pod_process *p, int signo);

struct pod {
	struct pod_state state;
	char *dir;
};
/* A new directory with its first state.json, owned by this process. name NULL: a random one.
 * ERR_STATE when a pod of that name runs. */
RESULT pod_create(const char *run_dir, const char *name, struct pod *ret_pod);
/* Writes state.json. */
RESULT pod_save(const struct pod *p);
RESULT pod_load(const char *run_dir, const char *id, struct pod *ret_pod);
/* Kills the processes, takes away what is mounted below the directory and removes it. */
void pod_remove(struct pod *p);
void pod_done(struct pod *p);

/* Names of the pods, sorted. */
RESULT pod_list(const char *run_dir, struct strv *ret_ids);
/*
 * Removes what a pod whose owner is gone left behind: processes in state.json, programs of ours
 * whose command line names the pod's directory, network, control groups, the directory. False: its
 * owner lives, or something cannot be removed.
 */
bool pod_reap_one(const char *run_dir, const char *id);
/* The same for all pods, and what was killed before it had a name. Never fails; counts. */
size_t pod_reap(const char *run_dir);
