/*
 * The OCI runtime specification that is asked for, as the agent's protobuf. It holds what the
 * caller said and nothing else: mounts, namespaces, capabilities and user come from the pod
 * manifest and the image, which the guest trusts; this host it does not.
 */
#pragma once

#include "runtime/agent_client.h"

#include <oci.pb-c.h>

enum {
	SPEC_ARGS_MAX = 1024,
	SPEC_ANNOTATIONS = 3
};

/* Everything points into the struct or into what the caller gave; nothing is freed. */
struct oci_process {
	Oci__Process process;
	char *args[SPEC_ARGS_MAX], *env[SPEC_ARGS_MAX];
};
/* ERR_LIMIT. */
RESULT oci_process_fill(const struct agent_process *from, struct oci_process *to);

struct oci_spec {
	Oci__Spec spec;
	struct oci_process process;
	Oci__Root root;
	Oci__Spec__AnnotationsEntry annotations[SPEC_ANNOTATIONS],
		*annotation_list[SPEC_ANNOTATIONS];
};
/* `root` is where the guest puts the unpacked image. */
RESULT oci_spec_fill(const struct agent_container *from, const char *root, struct oci_spec *to);
