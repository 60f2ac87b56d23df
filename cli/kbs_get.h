/* A resource by the passport way: a guest's token and its key, shown to the broker from anywhere.
 */
#pragma once

#include "kbs_admin.h"

struct kbs_get_options {
	struct kbs_admin_options broker; /* address and CA; no admin key is used */
	const char
		*token; /* file: {"token":...,"tee_keypair":...}, the answer of GetToken("kbs") */
};

/* Writes the resource to standard output. Refusals come back with the broker's reason. */
RESULT kbs_get(const struct kbs_get_options *o, const char *path);
