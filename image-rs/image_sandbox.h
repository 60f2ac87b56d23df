/* What the processes of a pull may do: see docs/adr/unpack-process.md. */
#pragma once

#include <base/json.h>

/* The process that fetches manifests and checks signatures; it forks the others. */
struct image_sandbox {
	const char *work_dir;	       /* staging and verified layers */
	bool gpg;		       /* the policy asks for GPG, so gpg may be executed */
	const struct strv *read_paths; /* keys and signatures that the policy names */
};
RESULT image_sandbox_pull(const struct image_sandbox *s);
/* A layer's process: the network, and files below its staging directory. */
RESULT image_sandbox_layer(const char *staging);
