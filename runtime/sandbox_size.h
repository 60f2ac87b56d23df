/* How large the machine of a pod is, from what the engine says about the pod's limits. Nothing is
 * added later: a launch is measured as it is. (Kata Containers, static_sandbox_resource_mgmt) */
#pragma once

#include "runtime/config.h"
#include "runtime/oci_json.h"

struct sandbox_size {
	uint64_t vcpus, memory_mib;
};
/* ERR_FORMAT names the annotation; ERR_LIMIT: more than a machine can have. */
RESULT sandbox_size(
	const Oci__Spec *spec, const struct runtime_config *c, struct sandbox_size *ret_size);
