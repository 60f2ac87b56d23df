/* What the parts of the configuration share: one row a member, for files and annotations. */
#pragma once

#include "runtime/config.h"

enum config_kind {
	CONFIG_TEXT,
	CONFIG_PATH, /* absolute, without ".." */
	CONFIG_NUMBER,
	CONFIG_MILLI, /* decimal number, kept in thousandths */
	CONFIG_FLAG,
	CONFIG_CHOICE, /* one of `choices`, kept as an enum that counts them */
	CONFIG_LIST,   /* of strings */
	CONFIG_SPECIAL /* as `set` and `print` have it */
};

struct config_member {
	const char *name;
	enum config_kind kind;
	size_t offset;	     /* in struct runtime_config */
	uint64_t min, max;   /* of numbers; of texts the most characters */
	const char *choices; /* "none|virtiofs" */
	RESULT (*set)(struct runtime_config *c, const struct json *value);
	/* The value as TOML; nothing is appended when there is none. */
	void (*print)(const struct runtime_config *c, struct buf *out);
};

struct config_members {
	const struct config_member *v;
	size_t n;
};
extern const struct config_members config_runtime_members, config_handler_members;

const struct config_member *config_member_find(const struct config_members *m, const char *name);
/* Replaces what was there. ERR_FORMAT, ERR_LIMIT, ERR_USAGE say what is wrong, not where. */
RESULT config_member_set(
	const struct config_member *m, const struct json *value, struct runtime_config *c);
/* The same from the text of an annotation. */
RESULT config_member_set_text(
	const struct config_member *m, const char *text, struct runtime_config *c);
void config_member_print(
	const struct config_member *m, const struct runtime_config *c, struct buf *out);

/* "" unless it is an absolute path without "." and ".."; what is wrong with it. */
RESULT config_path_check(const char *path);
/* [a-z0-9-], letters or digits at both ends, at most RUNTIME_HANDLER_MAX. ERR_FORMAT. */
RESULT config_handler_check(const char *handler);

/* How pods of a platform run when nobody says. */
RESULT config_defaults(
	const char *handler, const struct vm_platform *p, struct runtime_config *ret_config);
/* The platform of a built-in handler; NULL: none is of that name. */
const struct vm_platform *config_built_in(const char *handler);
/* The i-th built-in handler; NULL after the last. */
const char *config_built_in_at(size_t i);
/* What contradicts itself. ERR_FORMAT. */
RESULT config_check(const struct runtime_config *c);

/* One file, read. */
struct config_source {
	char *name;
	struct json *tree;
};
struct config_sources {
	struct config_source v[RUNTIME_DROP_INS_MAX + 1];
	size_t n;
};
/* A file and those of config.d/ beside it by their names; NULL: RUNTIME_CONFIG, if it is there. */
RESULT config_sources_read(const char *file, struct config_sources *s);
void config_sources_done(struct config_sources *s);
/* Pure: the configuration of a handler from files in their order. */
RESULT config_from(const struct config_source *sources, size_t n, const char *handler,
	struct runtime_config *ret_config);

/* Whether pods of the platform may use an annotation, named as in lists of them. ERR_FORMAT. */
RESULT config_annotation_check(const char *name, const struct vm_platform *p);
/* Names of those that are allowed without a list. */
RESULT config_annotation_defaults(const struct vm_platform *p, struct strv *ret_names);

/* ---- Kata's files ---- */

enum import_kind {
	IMPORT_MEMBER,	    /* the same value */
	IMPORT_BITS,	    /* a rate in bits per second */
	IMPORT_WHOLE,	    /* a number that may be written as a fraction: rounded up */
	IMPORT_SHARED_FS,   /* "virtio-fs" and its kin */
	IMPORT_EMPTY_DIR,   /* "block-encrypted" and its kin */
	IMPORT_ANNOTATIONS, /* regular expressions over names: the plain names among them */
	IMPORT_PARAMETERS,  /* of the kernel, without those of Kata's agent */
	IMPORT_QUOTE_PORT,  /* of vsock on the host */
	IMPORT_SAME,	    /* always so here: not worth a line */
	IMPORT_NONE	    /* no counterpart, for a reason */
};
struct import_key {
	const char *name;
	enum import_kind kind;
	const char *member; /* of config_handler_members, else of config_runtime_members */
	const char *why;
};
/* NULL: a key that Kata does not document. */
const struct import_key *config_import_key(const char *name);
/* Pure. `file` is looked at for its name only. */
RESULT config_import_from(const struct config_source *sources, size_t n,
	const struct config_import *i, struct config_import_result *ret);
