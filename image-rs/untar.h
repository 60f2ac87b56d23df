/*
 * Unpacks one layer archive into a directory as overlayfs wants it: whiteouts become character
 * devices 0:0, opaque directories carry user.overlay.opaque (mount option "userxattr").
 */
#pragma once

#include <stdatomic.h>

#include <base/bytes.h>
#include <base/err.h>

/* What all layers of an image may use together; in shared memory when several processes unpack. */
struct untar_budget {
	uint64_t max_bytes;   /* of the uncompressed archives */
	uint64_t max_entries; /* files, directories, links */
	_Atomic uint64_t bytes, entries;
};

struct untar;
/* `root` is an open, empty directory and becomes the untar's, also on failure. */
RESULT untar_new(int root, struct untar_budget *budget, struct untar **ret_untar);
/*
 * Refused with ERR_DENIED: "image.tar-path" (absolute, "..", through a link out of the layer),
 * "image.tar-type", "image.bomb" (budget used up). Every error names the entry.
 */
RESULT untar_feed(struct untar *u, struct bytes in);
/* Checks the end of the archive and sets the times of directories. */
RESULT untar_end(struct untar *u);
void untar_freep(struct untar **u);
