/*
 * How long starts took on this host, also those of pods that have ended: histograms in one small
 * file, STATE/starts. Every number is changed in place below a lock, so that an owner that is
 * killed loses no more than what it was about to add. A file of another layout begins anew, which
 * readers of counters understand.
 */
#pragma once

#include "runtime/timeline.h"

#define START_METRICS_FILE "starts"

enum {
	START_WHOLE = TIMELINE_COUNT, /* from the request until the container runs */
	START_IMAGE,		      /* one image, with the attestation that it needed */
	START_KINDS,		      /* before these, stages of the timeline */
	START_BUCKETS = 12,	      /* the last is of everything above */
	START_PLATFORMS_MAX = 16
};

struct start_histogram {
	uint64_t sum_ms;
	uint64_t counts[START_BUCKETS]; /* of each bucket alone */
};
struct start_metrics {
	struct start_histogram of[START_PLATFORMS_MAX][START_KINDS]; /* see vm_platform_at() */
};

/* A start that is ready: its known stages and the whole. */
RESULT start_metrics_add(const char *state_dir, const char *platform, const struct timeline *t);
RESULT start_metrics_add_image(const char *state_dir, const char *platform, uint64_t took_ms);
/* Zeroes where there is no file. */
RESULT start_metrics_read(const char *state_dir, struct start_metrics *ret_metrics);
/* In Prometheus' text format; families without a sample are left out. */
void start_metrics_put(const struct start_metrics *m, struct buf *out);
