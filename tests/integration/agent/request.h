/* A CreateContainer request with all its parts in one place, to be changed before it is sent. */
#pragma once

#include "calls.h"

enum {
	REQUEST_MOUNTS = 6
};

struct request {
	Agent__CreateContainerRequest q;
	Oci__Spec spec;
	Oci__Process process;
	Oci__User user;
	Oci__LinuxCapabilities caps;
	Oci__POSIXRlimit rlimit;
	Oci__Root root;
	Oci__Linux linux_;
	Oci__LinuxNamespace user_ns;
	Oci__Mount mounts[REQUEST_MOUNTS];
	Oci__Mount *mount_list[REQUEST_MOUNTS];
	Oci__POSIXRlimit *rlimits[1];
	Oci__LinuxNamespace *namespaces[1];
	char *args[3];
	uint32_t groups[2];
	char *strings[2];
};

/* `command` for sh -c, as root in "/", with /proc and /dev and nothing else. */
void request_init(struct request *r, const char *rootfs, const char *id, const char *command);
/* No options; REQUEST_MOUNTS at most. */
void mount_at(struct request *r, const char *type, const char *source, const char *at);
