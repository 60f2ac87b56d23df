/* What an OCI image configuration says about the process (image-spec 1.1, config.md). The file
 * comes from the hub, which has verified it. */
#pragma once

#include <base/json.h>

enum {
	IMAGE_CONFIG_MAX = 1024 * 1024
};

struct image_config {
	struct strv argv; /* Entrypoint then Cmd */
	size_t n_entrypoint;
	struct strv volumes; /* directories that engines put volumes on */
	struct strv env;     /* "NAME=value" */
	char *cwd;	     /* WorkingDir, "/" when absent */
	char *user;	     /* "", "user", "uid", "user:group", "uid:gid", ... */
};

RESULT image_config_parse(struct bytes text, struct image_config *ret_config);
void image_config_done(struct image_config *c);

/*
 * A user as the image writes it, resolved in the image's own /etc/passwd and /etc/group below
 * rootfs_fd. Numbers need no files; ERR_NOT_FOUND for a name without an entry.
 */
struct image_user {
	uint32_t uid, gid;
	uint32_t *groups; /* supplementary, from /etc/group; owned */
	size_t n_groups;
};
RESULT image_user_resolve(int rootfs_fd, const char *user, struct image_user *ret_user);
/* Unless it has it; ERR_LIMIT. */
RESULT image_user_add_group(struct image_user *u, uint32_t gid);
void image_user_done(struct image_user *u);
