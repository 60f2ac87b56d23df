/*
 * Requests against a pod manifest, asked of the functions that the agent in the guest asks. The
 * tester remembers what was allowed, so that order and "one at a time" are judged, too.
 */
#pragma once

#include <policy/manifest.h>
#include <runtime/policy_make.h>

struct policy_tester;

struct policy_test_options {
	policy_image_fn *image; /* NULL: what the manifest leaves to the image is taken as asked */
	void *image_arg;
	int rootfs_fd; /* of the image, for names of users; an empty directory otherwise */
	/* The pod runs on this host: sources of mounts are looked at, and a container that is
	 * denied goes on as the entry of its name, so that what follows is judged, too. */
	bool live;
};
/* The manifest and the options outlive it. */
RESULT policy_tester_new(const struct manifest *m, const struct policy_test_options *options,
	struct policy_tester **ret_tester);
void policy_tester_freep(struct policy_tester **t);

/*
 * One request: {"kind": "CreateContainerRequest", "request": {...}} with the agent API's members
 * (the form of Kata's policy tests), or an OCI config.json as a container engine writes it, alone
 * or as {"kind": "CreateContainer", "request": {"container_id", "spec": {...}}}. The kind "Exit"
 * {"container_id", "status"} tells that a container's first process has ended. OK: allowed.
 * ERR_DENIED: err_denial() says why. ERR_NOT_FOUND: of a container that was not allowed.
 * ERR_FORMAT, ERR_UNSUPPORTED: no request.
 */
RESULT policy_tester_ask(struct policy_tester *t, const struct json *request);
/* "CreateContainer", and the container it is about ("" when unknown), of any such request. */
const char *policy_request_kind(const struct json *request);
const char *policy_request_container(const struct json *request);
