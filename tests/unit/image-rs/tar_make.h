/* Writes archives for the tests, also ones that no tar program would write. */
#pragma once

#include <base/buf.h>

struct tar_item {
	const char *name;
	char type; /* 0: '0' */
	const char *link;
	unsigned mode; /* 0: 0644 */
	unsigned uid, gid;
	int64_t mtime;
	struct bytes data;
	const char *pax; /* records "key=value\n...": lengths are added; NULL: no extended header */
	unsigned major, minor;
};

void tar_add(struct buf *out, const struct tar_item *item);
/* A header with this type and these contents: PAX and GNU extended headers as given. */
void tar_add_raw(struct buf *out, char type, const char *name, struct bytes contents);
/* Two zero blocks. */
void tar_finish(struct buf *out);
/* Recomputes the checksum of the block at p after a test changed it. */
void tar_seal(uint8_t *p);
