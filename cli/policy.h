/* The words of `sealpod policy`, and what they share. */
#pragma once

#include "image_place.h"

#include <policy/manifest.h>
#include <runtime/policy_make.h>

extern const struct cli_command cmd_policy_make, cmd_policy_diff, cmd_policy_test,
	cmd_policy_explain, cmd_policy_import;

enum {
	POLICY_FILES_MAX = 256,
	POLICY_OUT_MAX = 16 * 1024 * 1024
};

/* ---- policy_images.c: what images bring ---- */
/* Options of commands that look at images; `type` holds `place`, `image_pull`, `images` and `arch`.
 */
#define POLICY_IMAGE_OPTIONS(type, what)                                                           \
	{ .name = "image-pull",                                                                    \
		.kind = CLI_CHOICE,                                                                \
		.offset = offsetof(type, image_pull),                                              \
		.choices = "registry|none",                                                        \
		.value = "HOW",                                                                    \
		.help = "where " what },                                                           \
		{ .name = "image",                                                                 \
			.kind = CLI_LIST,                                                          \
			.offset = offsetof(type, images),                                          \
			.value = "REFERENCE=PLACE",                                                \
			.help = "look for this image at oci:DIR[:TAG] or docker://REFERENCE; may " \
				"be given again" },                                                \
		{ .name = "arch",                                                                  \
			.kind = CLI_CHOICE,                                                        \
			.offset = offsetof(type, arch),                                            \
			.choices = "amd64|s390x|arm64",                                            \
			.value = "NAME",                                                           \
			.help = "of the guests (amd64)" },                                         \
		IMAGE_PLACE_OPTIONS(type)
struct policy_images {
	struct image_place_options place;
	const struct strv *instead; /* "REFERENCE=PLACE" */
	const char *architecture;   /* "amd64" */
	bool none;		    /* nothing is looked at */
};
/* A policy_image_fn whose argument is struct policy_images. */
RESULT policy_images_find(void *images, const char *reference, struct policy_image *ret);

/* ---- policy_exec.c: --allow-exec [CONTAINER=]COMMAND ---- */
struct policy_execs {
	struct policy_exec *v;
	size_t n;
};
RESULT policy_execs_parse(const struct strv *texts, struct policy_execs *ret);
void policy_execs_done(struct policy_execs *x);

/* ---- policy_files.c: YAML as given on the command line ---- */
struct policy_file {
	const char *path;
	struct buf text;
	struct json *documents;
};
struct policy_files {
	struct policy_file *v;
	size_t n;
};
RESULT policy_files_add(struct policy_files *f, const char *path);
void policy_files_done(struct policy_files *f);
/* The documents of each, for struct policy_options; the caller frees the list. */
RESULT policy_files_documents(const struct policy_files *f, const struct json ***ret_list);

/* ---- policy_load.c ---- */
/*
 * A manifest by itself, or the entry (INITDATA_MANIFEST) of initdata in any form or of a pod's
 * annotation in YAML; `pod` names one of several, or is NULL. Appended to `text`.
 */
RESULT policy_load(const char *path, const char *pod, const char *entry, struct buf *text);
RESULT policy_load_manifest(
	const char *path, const char *pod, struct buf *text, struct manifest *ret_manifest);
