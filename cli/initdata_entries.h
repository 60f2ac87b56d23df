/* Entries of initdata on their way from options and files into the document. */
#pragma once

#include <measured-boot/initdata.h>

enum {
	INITDATA_ENTRIES_MAX = 64
};

struct initdata_entries {
	struct json_pair v[INITDATA_ENTRIES_MAX];
	size_t n;
};
void initdata_entries_done(struct initdata_entries *e);
/* Copied. A later one of the same name takes the place of an earlier one. Text that is not what the
 * name says (.json, .toml) is refused here rather than by the guest. ERR_LIMIT. */
RESULT initdata_entries_set(struct initdata_entries *e, const char *name, struct bytes text);
/* All of a document. */
RESULT initdata_entries_add(struct initdata_entries *e, struct bytes toml);
/* Of the option --data: "NAME=FILE" each. ERR_USAGE: there already, unless it may `replace`. */
RESULT initdata_entries_files(struct initdata_entries *e, const struct strv *data, bool replace);
RESULT initdata_entries_make(struct initdata_entries *e, enum digest_alg alg, struct buf *toml);
