/*
 * From the host's CreateContainer request to the config.json that crun runs. Only what is named
 * here gets across; what would change the container's world and is not in the manifest is refused.
 */
#pragma once

#include <agent.pb-c.h>

#include <policy/manifest_check.h>
#include <policy/plan.h>

#define SPEC_RESOLV_CONF "/etc/resolv.conf"

/* Annotations by which engines name a container and tell the pod's sandbox container apart. */
const char *spec_container_name(const Oci__Spec *spec); /* NULL when not given */
bool spec_is_sandbox(const Oci__Spec *spec);

/* Letters, digits and "._-", beginning with a letter or digit, at most AGENT_ID_MAX. */
RESULT spec_check_id(const char *id);

/* manifest.storages: with a manifest, storages are memory of the guest, devices that the guest
 * encrypts, or devices of the host that are listed as kind `disk`. */
RESULT spec_check_storages(
	const Agent__CreateContainerRequest *q, const struct manifest_container *rule);
/* The same for the pod's own: shared memory only. */
RESULT spec_check_pod_storages(Agent__Storage *const *storages, size_t n);
#define SPEC_IMAGE_DRIVER "image_guest_pull"
/* The one storage of that driver; its source is the image reference. */
RESULT spec_image(const Agent__CreateContainerRequest *q, const char **ret_image);

/* Everything but the process itself: namespaces, mounts, devices, capabilities, hooks, sysctls,
 * seccomp, limits. Before anything is pulled. */
RESULT spec_check(const Agent__CreateContainerRequest *q, const struct manifest_container *rule);
/* manifest.sysctl: kernel settings that the pod does not list, besides those that every engine sets
 * and every guest has. */
RESULT spec_check_sysctls(const Oci__Spec *spec, const struct json_map *listed);
/* Kata's name of the block device that images are to be unpacked to, encrypted. It is no device of
 * the container: the guest uses it. */
#define SPEC_TRUSTED_STORE "/dev/trusted_store"
/* manifest.devices: devices whose numbers are not those of this machine's device nodes. */
RESULT spec_check_devices_here(const Oci__Spec *spec);
/* Capabilities, limits and labels of any process of the container. */
RESULT spec_check_process(const Oci__Process *p, const struct manifest_container *rule);
RESULT spec_check_seccomp(const Oci__LinuxSeccomp *s);
RESULT spec_check_mounts(const Oci__Spec *spec, const struct manifest_container *rule);

struct spec_inputs {
	const Oci__Spec *spec;
	const struct manifest_container *rule;
	const struct plan *plan;
	const char *id;
	const char *rootfs;	 /* absolute path in the guest */
	const char *resolv_conf; /* bound over the container's; NULL: none */
	/* By index of spec->mounts: what is bound there instead of its source. The array or any
	 * of them may be NULL: no volume with a manifest, the source as it is without one. */
	char *const *sources;
	const char *ipc_ns; /* the pod's namespaces; NULL: new ones */
	const char *uts_ns;
	const char *pid_ns; /* shared by containers of the pod; NULL: a new one */
};
/* The OCI runtime configuration (runtime-spec 1.0). */
RESULT spec_write(const struct spec_inputs *in, struct buf *json);
/* The process object of `crun exec --process`. */
RESULT spec_write_process(const struct plan *plan, const Oci__Process *asked,
	const struct manifest_container *rule, struct buf *json);
/* Limits as members of an open resources object: of spec_write() and of `crun update`. */
void spec_put_limits(struct json_writer *w, const Oci__LinuxResources *r);
/* Whether it shows a place of the guest, which is what volumes are. */
bool spec_is_bind(const Oci__Mount *m);
void spec_put_mounts(struct json_writer *w, const struct spec_inputs *in);
void spec_put_seccomp(struct json_writer *w, const Oci__LinuxSeccomp *s);

/* Members that a container of the open world has too. */
void spec_put_strings(struct json_writer *w, const char *key, char *const *v, size_t n);
void spec_put_user(struct json_writer *w, const struct image_user *u);
void spec_put_rlimits(struct json_writer *w, const Oci__Process *p);
void spec_put_namespace(struct json_writer *w, const char *type, const char *path);
