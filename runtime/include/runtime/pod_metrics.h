/* The pods of this host as Prometheus reads them (text format 0.0.4). */
#pragma once

#include "runtime/pod_stats.h"

enum {
	POD_METRICS_MAX = 16 * 1024 * 1024,
	POD_METRICS_PODS_MAX = 1024,
	POD_METRICS_CODES_MAX = 64 /* later ones are counted as "other" */
};

/* What has been counted between two readings: guests' logs grow, and pods end. */
struct pod_metrics;
RESULT pod_metrics_new(
	const char *run_dir, const char *state_dir, struct pod_metrics **ret_metrics);
void pod_metrics_freep(struct pod_metrics **m);
/* Asks every pod; one that does not answer costs POD_STATS_TIMEOUT_MS. */
RESULT pod_metrics_read(struct pod_metrics *m, struct buf *out);

/* The stable code ("manifest.volumes") of a failure as guests log it. ERR_NOT_FOUND: none. */
RESULT pod_denial_code(const char *text, char ret_code[static DENIAL_CODE_MAX]);
