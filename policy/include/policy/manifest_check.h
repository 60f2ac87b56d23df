/*
 * The rules of the pod manifest. Who denies explains: every refusal is err_deny(ERR_DENIED,
 * "manifest.<what>", field, expected, actual) for the first thing that differs. Values that come
 * from the (perhaps confidential) image are never shown.
 */
#pragma once

#include <policy/manifest.h>
#include <policy/plan.h>

struct manifest_ask {
	const char *name;   /* the engine's name of the container; NULL: none given */
	const char *image;  /* reference asked for */
	const bool *in_use; /* by index: rows that have a living container; may be NULL */
};
/*
 * Which container of the manifest a request means: by name, else by image, preferring one that is
 * not in use. manifest.container when there is none.
 */
RESULT manifest_pick(const struct manifest *m, const struct manifest_ask *ask, size_t *ret_index);
/* manifest.image */
RESULT manifest_check_image(const struct manifest_container *c, const char *image);
/* manifest.argv, .env, .cwd, .user: of a container's first process, merged. */
RESULT manifest_check_plan(
	const struct manifest_container *c, const struct image_config *image, const struct plan *p);
/* manifest.exec, .env, .cwd, .user: of a further process in a container that runs `main`. */
RESULT manifest_check_exec(
	const struct manifest_container *c, const struct plan *main, const struct plan *p);

enum manifest_list {
	MANIFEST_CAPABILITIES,
	MANIFEST_MOUNTS,
	MANIFEST_DEVICES
};
bool manifest_lists(const struct manifest_container *c, enum manifest_list list, const char *value);
/* manifest.capabilities, .mounts, .devices */
RESULT manifest_check_listed(
	const struct manifest_container *c, enum manifest_list list, const char *value);
/* manifest.request: "logs", "signal", "stdin", "stats" */
RESULT manifest_check_allowed(const struct manifest *m, const char *request);
