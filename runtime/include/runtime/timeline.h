/* Where the time of a pod's start went, in milliseconds. */
#pragma once

#include <base/json.h>

/* stage, what it spans */
#define TIMELINE_STAGES(X)                                                                         \
	X(LAUNCH, "launch", "the command until QEMU runs")                                         \
	X(FIRMWARE, "firmware", "QEMU until the kernel's clock starts")                            \
	X(KERNEL, "kernel", "the kernel until the agent runs")                                     \
	X(AGENT, "agent", "the agent until it serves")                                             \
	X(EVIDENCE, "evidence", "making the proof of what booted")                                 \
	X(BROKER, "broker", "the key broker's answers")                                            \
	X(PULL, "pull", "image: manifest, signature, layers")                                      \
	X(START, "start", "the container until its process runs")

enum timeline_stage {
#define X(id, name, what) TIMELINE_##id,
	TIMELINE_STAGES(X)
#undef X
	TIMELINE_COUNT
};

enum {
	TIMELINE_KEPT = 50, /* finished pods */
	TIMELINE_TEXT_MAX = 16 * 1024,
	TIMELINE_STAGE_MAX_MS = 24 * 3600 * 1000 /* a longer one is not believed */
};

const char *timeline_name(enum timeline_stage s);
const char *timeline_what(enum timeline_stage s);

struct timeline {
	uint64_t ms[TIMELINE_COUNT];
	bool known[TIMELINE_COUNT];
	/* Marks of the host's monotonic clock; 0: not yet. */
	uint64_t begun, vm_started;
	uint64_t nested; /* evidence and broker since the last pull ended */
	bool contact;	 /* the guest's clock was seen */
	uint64_t ready;	 /* ms from begun until the container runs */
};

void timeline_begin(struct timeline *t, uint64_t now_ms);
void timeline_vm_started(struct timeline *t, uint64_t now_ms);
/*
 * The guest's first line: `guest_ms` is its CLOCK_BOOTTIME, `now_ms` ours. What passed before the
 * guest's clock began is the firmware's, the rest until the line is the kernel's.
 */
void timeline_contact(struct timeline *t, uint64_t now_ms, uint64_t guest_ms);
/* A stage that the guest measured; an unknown name is ignored, repeated ones add up. Evidence and
 * broker lie inside the pull that follows and are taken off it. */
void timeline_guest_stage(struct timeline *t, const char *stage, uint64_t took_ms);
void timeline_ready(struct timeline *t, uint64_t now_ms);

struct timeline_record {
	char *id, *image, *platform;
	uint64_t created;
	bool ended;
	uint64_t exit_status;
	struct timeline t;
};
void timeline_record_done(struct timeline_record *r);
RESULT timeline_print(const struct timeline_record *r, struct buf *json);
RESULT timeline_parse(struct bytes json, struct timeline_record *ret_record);

/* RUN/pods/ID/timeline.json while the pod runs. */
#define TIMELINE_FILE "timeline.json"
/* Adds to STATE/timelines/, forgetting all but the TIMELINE_KEPT newest. */
RESULT timeline_keep(const char *state_dir, const struct timeline_record *r);
/* Of a running or finished pod; id NULL: the newest finished one. ERR_NOT_FOUND. */
RESULT timeline_find(const char *run_dir, const char *state_dir, const char *id,
	struct timeline_record *ret_record);
