/*
 * OCI runtime specification, JSON (runtime-spec 1.0 to 1.2), as the agent's protobuf messages
 * (net/proto/oci.proto). The names differ in case only, so one walk over the descriptors does all.
 */
#pragma once

#include <oci.pb-c.h>

#include <base/json.h>

enum {
	OCI_SPEC_MAX = 4 * 1024 * 1024 /* bytes of config.json */
};

/* Unknown members are ignored. ERR_FORMAT, ERR_LIMIT name the member ("linux.resources.cpu.quota").
 * Freed by pb_freep() or pb_free_any(). */
RESULT oci_json_spec(struct bytes text, Oci__Spec **ret_spec);
RESULT oci_json_process(struct bytes text, Oci__Process **ret_process);
RESULT oci_json_resources(struct bytes text, Oci__LinuxResources **ret_resources);

/* Any message whose members are texts, numbers, flags, messages, or lists and maps of them. */
RESULT oci_json_message(
	const struct json *j, const ProtobufCMessageDescriptor *d, ProtobufCMessage **ret_message);

/* Value of an annotation; NULL: none. */
const char *oci_annotation(const Oci__Spec *spec, const char *name);

enum oci_role {
	OCI_SINGLE,  /* no pod */
	OCI_SANDBOX, /* the pod's placeholder */
	OCI_CONTAINER
};
/* By the annotations of containerd, CRI-O and Docker's shim; ret_sandbox_id is of the spec, NULL
 * unless OCI_CONTAINER. */
enum oci_role oci_role(const Oci__Spec *spec, const char **ret_sandbox_id);
