/*
 * What a container engine asked of a running pod, a JSON object a line in the pod's directory, in
 * the form that policy_tester_ask() takes: containers by the engine's config.json, before anything
 * of it was fitted to the platform, so that a manifest can be tried before it is deployed.
 */
#pragma once

#include "runtime/pod.h"

#define POD_REQUESTS "requests.jsonl"

enum {
	POD_REQUESTS_MAX = 2 * 1024 * 1024 /* bytes; what comes later is not recorded */
};

struct pod_request {
	const char *kind; /* "ExecProcess" */
	const char *container;
	const char *number_name; /* a further member; NULL: none */
	uint64_t number;
	const char *json_name; /* the same, for text that is JSON already */
	struct bytes json;
};
/* `dir` is the pod's. ERR_LIMIT, ERR_FORMAT. */
RESULT pod_requests_add(const char *dir, const struct pod_request *r);
/* Ends with the first failure of `each`. */
RESULT pod_requests_read(const char *dir,
	RESULT (*each)(void *arg, const struct json *request, size_t number), void *arg);
