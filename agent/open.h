/*
 * The open world: a guest without TEE and without manifest, or a plain host. Containers are made as
 * the request says, with what only the guest can know: its namespaces, its cgroups, its devices.
 */
#pragma once

#include "agent.h"

/* Whether `word` is one of the words of a kernel command line. */
bool open_word_in(struct bytes cmdline, const char *word);
/*
 * Opens the agent's world when the command line asks for it, no TEE was found (`platform` is
 * "none") and no manifest was given. Otherwise it stays closed, and the log says why.
 */
void open_decide(struct agent *a, struct bytes cmdline, const char *platform);

/* Before anything is made: what cannot be done is refused, and where the root file system comes
 * from. `*ret_image` is NULL when the request names a directory. */
RESULT open_admit(struct agent *a, const Agent__CreateContainerRequest *q, const char **ret_image);
/* c->rootfs is Root.Path: below <run>/kata-containers in a guest, anywhere on a plain host. */
RESULT open_rootfs(struct container *c);
/* c->plan of c->request; the image's configuration fills in when it was pulled here. */
RESULT open_plan(struct container *c);
/* config.json, and before it what crun cannot do: system controls. */
RESULT open_write(const struct spec_inputs *in, struct container *c, struct buf *json);
/* A further process of a running container. */
RESULT open_write_exec(
	const struct container *c, const Agent__ExecProcessRequest *q, const char *file);
/* System controls of a request, also of the placeholder's. */
RESULT open_sysctls(struct agent *a, const Oci__Spec *spec);

/* ---- plan_open.c ---- */
struct plan_open_sources {
	const Oci__Process *process;	      /* may be NULL */
	const Agent__StringUser *string_user; /* names, looked up in the image; may be NULL */
	const struct image_config *image;     /* NULL: not pulled here */
	const struct plan *container;	      /* of an exec: fills in what the request leaves out */
	int rootfs_fd;
};
/* The request as it is; the image or the container only where the request is silent. */
RESULT plan_open(const struct plan_open_sources *s, struct plan *ret_plan);

/* ---- spec_open.c ---- */
struct spec_open {
	const struct agent *agent;
	const struct spec_inputs *in;
	bool limits; /* there are cgroups to put them into */
};
void spec_open_write(const struct spec_open *o, struct buf *json);
void spec_open_write_process(const struct plan *plan, const Oci__Process *asked, struct buf *json);

/* ---- limits.c, device_rules.c ---- */
/* As members of an open resources object, without devices: what the kernel can do here. */
void spec_open_put_limits(
	struct json_writer *w, const struct agent *a, const Oci__LinuxResources *r);
/* Whether `asked` is a list as "0-3,5" of numbers that `here` lists too. */
bool limits_set_within(const char *asked, const char *here);
/* ERR_FORMAT: types and kinds of access that are none. */
RESULT spec_open_check_device_rules(const Oci__LinuxResources *r);
/* Member `devices` of it. Numbers are this machine's (device_map.h). */
void spec_open_put_device_rules(struct json_writer *w, const Oci__Linux *l);
