/* The files of one pod that its machine is started from. */
#pragma once

#include "runtime/vm.h"

struct launch_from {
	const struct vm_platform *platform;
	const char *kernel, *initrd, *append;
	const char *firmware, *firmware_vars; /* NULL where the platform has none */
	const char *state_dir;
	struct bytes initdata; /* TOML; empty: none */
};
struct launch_files { /* owned */
	char *initdata, *vars, *ca;
	char *append; /* with the digest of initdata, where a platform binds it so; else NULL */
};
void launch_files_done(struct launch_files *f);

/* ERR_NOT_FOUND names what is not there. */
RESULT launch_check(const struct launch_from *from);
/* Puts them into the pod's directory; p->initdata is filled in where the platform has the field. */
RESULT launch_prepare(const struct launch_from *from, const char *pod_dir, struct vm_protection *p,
	struct launch_files *ret_files);
