/*
 * The machine of a Kubernetes pod, as Kata's confidential runtime classes size it: no hotplug, so
 * that the limits of all containers are known at launch and measured. (Kata Containers,
 * static_sandbox_resource_mgmt; Kubernetes, PodLimits())
 */
#pragma once

#include <base/json.h>

enum {
	POD_YAML_MAX = 1024 * 1024,
	POD_YAML_DEPTH = 14,

	/* Kata's defaults for confidential guests */
	POD_DEFAULT_VCPUS = 1,
	POD_DEFAULT_MEMORY_MIB = 2048,
	POD_OVERHEAD_VCPUS_MILLI = 400,
	POD_OVERHEAD_MEMORY_MIB = 128
};

#define POD_ANNOTATION "io.katacontainers.config.hypervisor."

/*
 * YAML as a list of its documents; those of a List are its items. Every scalar is a string, but for
 * null; aliases and merge keys are written out. ERR_FORMAT with the line, ERR_LIMIT,
 * ERR_UNSUPPORTED.
 */
RESULT pod_yaml_parse(struct bytes text, struct json **ret_documents);

/* A quantity ("500m", "1.5Gi", "2e3") in thousandths, rounded up. ERR_FORMAT names `what`. */
RESULT pod_quantity(const char *text, const char *what, uint64_t *ret_milli);

/* What a handler's configuration says of sizes. */
struct pod_sizing {
	uint64_t vcpus, memory_mib; /* without limits */
	uint64_t overhead_vcpus_milli, overhead_memory_mib;
};

struct pod_size {
	uint64_t vcpus, memory_mib;
	const char *initdata; /* text of the annotation cc_init_data; NULL: none. Of the tree. */
};
/*
 * As sandboxes are sized (runtime/sandbox_size.c); `sizing` NULL: the defaults above. The only pod
 * among the documents: a Pod, or what a Deployment, Job, CronJob and so on make.
 * ERR_NOT_FOUND: there is none; ERR_USAGE: there are several; ERR_FORMAT, ERR_LIMIT: its members.
 */
RESULT pod_size_of(
	const struct json *documents, const struct pod_sizing *sizing, struct pod_size *ret_size);
