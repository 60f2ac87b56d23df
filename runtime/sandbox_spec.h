/* What the guest is told of a container's config.json: the host's part is taken out of it. (Kata
 * Containers, amend_spec) */
#pragma once

#include "runtime/oci_json.h"

#define ANNOTATION_INITDATA "io.katacontainers.config.hypervisor.cc_init_data"

struct spec_amend {
	const char *bundle;
	const char *root; /* of the file system, in the guest */
	bool terminal;
	enum oci_role role;
	bool shared; /* files by virtio-fs: the open world, whose agent minds rules of devices */
};
/* ERR_FORMAT: no process, no root. *ret_pidns: the container joins a PID namespace of the pod. */
RESULT spec_amend(const struct spec_amend *how, Oci__Spec *spec, bool *ret_pidns);
/* Files that a pod gives each container that has none mounted there: resolv.conf and hostname of
 * `dir`, where they are. */
RESULT spec_add_pod_files(const char *dir, Oci__Spec *spec);
/* The process of an exec: labels of the host's security modules mean nothing there. */
RESULT spec_amend_process(Oci__Process *p);
/* What a guest can do with limits: the host's processors are not its own, and only the agent of the
 * open world (`shared`) finds the host's devices again. */
void spec_amend_resources(bool shared, Oci__LinuxResources *r);

/* Image of a container that is pulled in the guest: by its annotations; NULL: not told. */
const char *spec_image_name(const Oci__Spec *spec, enum oci_role role);
