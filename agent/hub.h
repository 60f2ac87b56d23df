/* The hub process (keys, attestation, images) and the pulls that it does for us. */
#pragma once

#include "agent.h"

struct hub_config {
	const char *program;  /* NULL: somebody else listens at the address already (tests) */
	const char *platform; /* "vtpm", ..., "none" */
	const char *initdata; /* files; NULL: none */
	const char *cdh_config;
	const char *aa_config;
	int log_fd; /* its standard error */
	/* Started when it is first asked: nothing that the open world does by itself needs it. */
	bool on_demand;
};

/* Starts it; pulls asked for before it listens wait. The texts of `c` stay the caller's, for as
 * long as the hub. */
RESULT hub_new(struct agent *a, const struct hub_config *c, struct hub **ret_hub);
void hub_freep(struct hub **h);
/* The hub has ended or never listened: nothing can be pulled any more. OK while it works. */
RESULT hub_health(const struct hub *h);
/* struct effects.pull */
RESULT hub_pull(struct agent *a, const char *image, const char *bundle, pull_fn *fn, void *arg);
/* struct effects.secure_mount: SecureMount of an existing LUKS2 volume, or an empty device. */
struct hub_volume {
	const char *device;	 /* "/dev/sda" */
	const char *key;	 /* "kbs://..." */
	const char *mapping;	 /* its name in the device mapper */
	const char *mount_point; /* an existing directory */
	bool authentic;		 /* with dm-integrity */
	bool create;		 /* an empty device becomes the volume */
};
RESULT hub_secure_mount(struct agent *a, const struct hub_volume *v, pull_fn *fn, void *arg);
/* struct effects.unseal */
RESULT hub_unseal(struct agent *a, struct bytes reference, unseal_fn *fn, void *arg);
