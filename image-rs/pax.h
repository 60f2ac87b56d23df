/* PAX extended headers (POSIX.1-2017 pax, "pax Extended Header"): "LENGTH KEY=VALUE\n" records. */
#pragma once

#include "tar.h"

enum {
	PAX_HAS_SIZE = 1u << 0,
	PAX_HAS_UID = 1u << 1,
	PAX_HAS_GID = 1u << 2,
	PAX_HAS_MTIME = 1u << 3,
	PAX_HAS_PATH = 1u << 4,
	PAX_HAS_LINK = 1u << 5
};

/* Values that replace those of the next header. */
struct pax {
	unsigned has;
	struct tar_entry v; /* path, link, size, uid, gid, mtime, xattrs */
};

/*
 * Adds the records of one header to `pax`. A later record of the same key wins; an empty value of
 * path, linkpath or a number withdraws it; an extended attribute may be empty. Unknown keys are
 * ignored, GNU.sparse.* is refused ("image.tar-type").
 */
RESULT pax_parse(struct bytes in, struct pax *pax);
void pax_done(struct pax *pax);
