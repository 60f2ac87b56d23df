/*
 * Layer archives: ustar, GNU long names and PAX as OCI image-spec "layer.md" uses them, parsed as
 * the bytes arrive. Nothing is interpreted here: names may still be hostile (see untar.h).
 */
#pragma once

#include <base/bytes.h>
#include <base/err.h>

enum {
	TAR_BLOCK = 512,
	TAR_PATH_MAX = 4096,		/* PATH_MAX; also of link targets */
	TAR_PAX_MAX = 1024 * 1024,	/* one extended header */
	TAR_XATTRS_MAX = 64,		/* of one entry */
	TAR_XATTR_VALUE_MAX = 64 * 1024 /* XATTR_SIZE_MAX */
};

enum tar_type {
	TAR_FILE,
	TAR_HARDLINK,
	TAR_SYMLINK,
	TAR_CHAR,
	TAR_BLOCKDEV,
	TAR_DIR,
	TAR_FIFO
};

struct tar_xattr {
	char *name; /* "user.x": without "SCHILY.xattr." */
	uint8_t *value;
	size_t n;
};

struct tar_entry {
	enum tar_type type;
	char *path; /* as written in the archive */
	char *link; /* target of links, else NULL */
	uint32_t mode, uid, gid, major, minor;
	uint64_t size; /* of TAR_FILE, else 0 */
	int64_t mtime; /* seconds since 1970 */
	uint32_t mtime_ns;
	struct tar_xattr xattrs[TAR_XATTRS_MAX];
	size_t n_xattrs;
};

/* What the archive says, in order. A failure ends the parse and is what tar_feed() returns. */
struct tar_visitor {
	RESULT (*entry)(void *arg, const struct tar_entry *e);
	RESULT (*data)(void *arg, struct bytes data); /* contents of a TAR_FILE, piece by piece */
	RESULT (*file_end)(void *arg);		      /* after the last piece, also of no piece */
	void *arg;
};

struct tar;
RESULT tar_new(const struct tar_visitor *visitor, struct tar **ret_tar);
/* ERR_FORMAT names the entry; sparse files and unknown types are refused ("image.tar-type"). */
RESULT tar_feed(struct tar *t, struct bytes in);
/* The archive must end at a header boundary; the two zero blocks may be missing. */
RESULT tar_end(struct tar *t);
void tar_freep(struct tar **t);

/* Releases what an entry owns and zeroes it. */
void tar_entry_done(struct tar_entry *e);
