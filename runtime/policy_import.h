/* A policy of genpolicy on its way to a manifest. Private to policy_import*.c. */
#pragma once

#include "policy_rule.h"

enum {
	IMPORT_NOTES_MAX = 1024
};

struct import {
	const struct json *data;
	struct json_map values;	  /* "$(node-name)" and the like, as rules */
	struct json_map patterns; /* members of `common`, expressions of Kata's */
	struct strv *notes;
};

PRINTF(2, 3) RESULT import_note(struct import *im, const char *fmt, ...);
RESULT import_container(
	struct import *im, const struct json *container, size_t number, struct json_writer *w);
bool import_is_privileged(const struct json *container);
/* Members that nothing here reads: a note each. */
RESULT import_unknown(struct import *im, const struct json *container, const char *name);
RESULT import_unknown_data(struct import *im);
/* `mounts`, `volumes` and `devices`. */
RESULT import_mounts(struct import *im, const struct json *container, struct json_writer *w);
