/* Engines that speak the Sandbox API make no container for the pod, so its bundle has no OCI
 * specification; the same things arrive as Kubernetes' PodSandboxConfig. */
#pragma once

#include <base/buf.h>
#include <base/json.h>

#define POD_CONFIG_TYPE "runtime.v1.PodSandboxConfig"

struct pod_config {
	const char *id, *netns;		    /* netns "": none */
	const struct json_map *annotations; /* of the request, beside the configuration's */
	struct bytes options;		    /* packed PodSandboxConfig; empty: none */
};
/* Writes resolv.conf (when DNS is configured) and config.json into `bundle`. */
RESULT pod_config_write(const struct pod_config *c, const char *bundle);
