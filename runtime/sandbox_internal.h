/* What the files of struct sandbox share. */
#pragma once

#include "agent_internal.h"
#include "launch.h"
#include "machine.h"
#include "runtime/oci_json.h"
#include "runtime/pod.h"
#include "runtime/pod_network.h"
#include "runtime/sandbox.h"
#include "sandbox_host.h"
#include "sandbox_size.h"
#include "sandbox_volume.h"

#include <net/ttrpc.h>

enum {
	SANDBOX_CONTAINERS_MAX = 256,
	SANDBOX_DISKS_MAX = 128 /* SCSI targets of one controller */
};

/* A call of the owner that is not answered yet. It lives until its last step answered, also when
 * its owner was told before. */
struct sandbox_op {
	struct sandbox_op *next;
	struct sandbox *s;
	const char *what; /* "creating container", for errors */
	char *id;	  /* of the container */
	sandbox_done_fn *done;
	sandbox_exit_fn *exit;
	sandbox_stats_fn *stats;
	void *arg;
	bool first;   /* waits for the container's first process */
	int status;   /* of that */
	bool watched; /* fails when it is not answered for a while ... */
	bool pulls;   /* ... in which the guest said nothing of its progress either */
	bool told;
	uint64_t began; /* monotonic ms */
	struct loop_source *later;
};

/* What a container has on this host. */
struct sandbox_box {
	struct sandbox_box *next;
	char *id;
	char *dir;	    /* of its root file system, in the shared directory; NULL: none */
	struct strv mounts; /* mount points and copies in the shared directory, in order */
	struct sandbox_watch *watches;
	struct sandbox_cpus cpus;
	char *termination; /* the host's file for the message; NULL: none, or shared */
	bool created;
};

struct sandbox {
	struct sandbox_config c; /* its texts are copies */
	char *id, *bundle, *netns;
	Oci__Spec *spec; /* of the bundle */
	enum oci_role role;
	struct sandbox_size size;
	struct sandbox_host host;
	struct buf initdata; /* TOML; empty: none */
	bool shared;	     /* virtio-fs */
	char *append;
	char *share_dir; /* NULL: none */

	struct pod pod;
	bool pod_there;
	struct launch_files files;
	struct machine machine;
	struct pod_network *network;
	int netns_fd; /* of a namespace made here; -1: none */
	struct {
		bool done;
		struct err_saved result;
	} qmp_answer; /* that sandbox_network_update() waits for */
	struct agent_client *agent;
	struct ttrpc_proxy *proxy;
	struct loop_source *ticks;
	struct sandbox_op *ops;
	struct sandbox_box *boxes;
	size_t n_boxes;
	struct sandbox_disk *disks;
	unsigned n_disks; /* SCSI targets given so far */
	uint32_t pod_cid; /* vsock; 0: none */

	const char *stage; /* a constant string */
	struct run_progress progress;
	struct loop_source *oom_pause;
	struct timeline_record record;
	unsigned placeholders; /* that start before the pod's first container */
	uint64_t began, heard; /* monotonic ms */
	bool starting, running, stopping, aborted, died;
	bool left; /* the agent closed its connection */
	uint64_t oom_pause_ms;
	unsigned asked; /* see sandbox_requests.c */
};

/* ---- sandbox_start.c ---- */
void sandbox_stage(struct sandbox *s, const char *stage);
/* For agent_client and loops that wait. */
struct err sandbox_check(void *sandbox);
/* A failure of the connection is the machine's end, told better. */
struct err sandbox_explain(struct sandbox *s, struct err e);
RESULT sandbox_launch(struct sandbox *s);
RESULT sandbox_reach_agent(struct sandbox *s);
RESULT sandbox_set_up(struct sandbox *s);

/* ---- sandbox_nic.c ---- */
/* The pod's interfaces, or a namespace for those that come later. */
RESULT sandbox_network_begin(struct sandbox *s);
size_t sandbox_hot_nics(const struct sandbox *s);
/* ---- sandbox_requests.c ---- */
/* "StartContainer" of a container; the others with one more member. */
void sandbox_asked(struct sandbox *s, const char *kind, const char *container);
void sandbox_asked_json(struct sandbox *s, const char *kind, const char *container,
	const char *name, struct bytes json);
void sandbox_asked_number(struct sandbox *s, const char *kind, const char *container,
	const char *name, uint64_t number);

/* ---- sandbox_timeline.c ---- */
void sandbox_timeline_begin(struct sandbox *s);
void sandbox_timeline_launched(struct sandbox *s);
void sandbox_timeline_event(struct sandbox *s, const struct guest_event *e);
/* Keeps it. */
void sandbox_timeline_end(struct sandbox *s);

/* ---- sandbox_op.c ---- */
RESULT sandbox_op_new(
	struct sandbox *s, const char *what, const char *id, void *arg, struct sandbox_op **ret_op);
/* One agent call that is the whole operation. The operation is its on success. */
RESULT sandbox_op_call(struct sandbox_op *op, const char *method, const ProtobufCMessage *request);
/* Tells the owner, once. */
void sandbox_op_tell(struct sandbox_op *op, struct err e);
/* Tells the owner and forgets the operation; never from within the owner's call. */
void sandbox_op_finish(struct sandbox_op *op, struct err e);
void sandbox_op_free(struct sandbox_op *op);
void sandbox_op_freep(struct sandbox_op **op);
/* It succeeds in the next round. */
RESULT sandbox_op_later(struct sandbox_op *op);
/* What waits too long is told so. */
void sandbox_op_tick(struct sandbox *s);

/* ---- sandbox_container.c ---- */
struct sandbox_box *sandbox_box_find(struct sandbox *s, const char *id);
/* Mounts and files of the host. */
void sandbox_box_free(struct sandbox *s, struct sandbox_box *b);
