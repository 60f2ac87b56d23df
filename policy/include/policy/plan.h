/*
 * What a process will be: the request, the manifest and the verified image merged, in that order of
 * precedence. Nothing here is permission; manifest_check_plan() gives it afterwards.
 */
#pragma once

#include <oci.pb-c.h>

#include <policy/image_config.h>
#include <policy/manifest.h>

/* For images that name no search path, as engines do. */
#define PLAN_DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct plan {
	struct strv argv;
	struct strv env; /* "NAME=value", no name twice */
	char *cwd;
	struct image_user user;
	struct image_user image_user; /* as the image has it, when the manifest leaves that open */
	/* Came from the host, so showing them back reveals nothing of the image. */
	bool argv_asked, cwd_asked, user_asked;
};

struct plan_sources {
	const struct manifest_container *rule;
	const struct image_config *image;
	const Oci__Process *process; /* may be NULL */
	int rootfs_fd;		     /* for names of users and groups */
};

/* Arguments: the request's, else the manifest's when they are all literal, else the image's. Same
 * for directory and user. Variables: the image's, then the manifest's literal ones, then the
 * request's, later ones replacing earlier ones. */
RESULT plan_make(const struct plan_sources *s, struct plan *ret_plan);
/* For a process in a running container: what the request leaves out is the container's. */
RESULT plan_make_exec(const struct plan *container, const Oci__Process *process, int rootfs_fd,
	struct plan *ret_plan);
void plan_done(struct plan *p);

/* The value of a variable or NULL. `env` holds "NAME=value". */
const char *plan_env_get(const struct strv *env, const char *name, size_t name_len);
