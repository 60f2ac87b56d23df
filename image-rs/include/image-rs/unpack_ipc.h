/*
 * What the hub and sealpod-unpack say to each other: base/ipc.h messages over a SOCK_SEQPACKET
 * pair, descriptor 3 of sealpod-unpack. The hub asks for one pull and then only answers.
 *
 *   hub     -> unpack   FIELD*, GO
 *   unpack  -> hub      UNWRAP      answered by KEY or REFUSED
 *   unpack  -> hub      RESOURCE    answered by DATA or REFUSED
 *   unpack  -> hub      PROGRESS    no answer
 *   unpack  -> hub      CONFIG, DONE | FAILED, then the end of the connection
 *
 * Long values (fields, DATA, CONFIG) come as parts: u8 "more follows", then bytes; a part of
 * another type between them ends the connection. Numbers are little-endian.
 */
#pragma once

#include <image-rs/image.h>

enum unpack_message {
	UNPACK_FIELD = 1,    /* u8 enum unpack_field, then a part */
	UNPACK_GO = 2,	     /* empty */
	UNPACK_UNWRAP = 3,   /* an annotation packet */
	UNPACK_KEY = 4,	     /* private options in clear */
	UNPACK_RESOURCE = 5, /* kbs:// URI */
	UNPACK_DATA = 6,     /* a part */
	UNPACK_REFUSED = 7,  /* a failure: see image-rs/failure.h */
	UNPACK_PROGRESS = 8, /* u16 layer, u16 layers, u64 done, u64 total */
	UNPACK_CONFIG = 9,   /* a part */
	UNPACK_DONE = 10,    /* manifest digest, "sha256:..." */
	UNPACK_FAILED = 11   /* a failure */
};

enum unpack_field {
	UNPACK_REFERENCE,
	UNPACK_WORK_DIR,
	UNPACK_BUNDLE,
	UNPACK_POLICY,
	UNPACK_AUTH,
	UNPACK_CA,
	UNPACK_SIGSTORE,
	UNPACK_REGISTRIES,
	UNPACK_ARCHITECTURE,
	UNPACK_HTTPS_PROXY,
	UNPACK_HTTP_PROXY,
	UNPACK_NO_PROXY,
	UNPACK_MAX_UNPACKED, /* u64 */
	UNPACK_FIELDS
};

enum {
	UNPACK_FD = 3,
	UNPACK_FIELD_MAX = 1024 * 1024,
	UNPACK_PART_MAX = 32 * 1024
};

/* ---- both ends ---- */

/* Sends a long value; `head` goes before every part. */
RESULT unpack_send_parts(int fd, enum unpack_message type, struct bytes head, struct bytes value);
/* Takes one part into `out`; *ret_more tells whether the value is complete. */
RESULT unpack_take_part(struct bytes body, struct buf *out, bool *ret_more);

/* A request as it arrives. */
struct unpack_request {
	struct buf fields[UNPACK_FIELDS];
};
void unpack_request_init(struct unpack_request *r);
void unpack_request_done(struct unpack_request *r);
/* One FIELD message. */
RESULT unpack_request_add(struct unpack_request *r, struct bytes body);
/* Views of the fields; reference, work_dir and bundle are required. */
RESULT unpack_request_view(struct unpack_request *r, struct img_pull_request *ret);
/* FIELD messages and GO. */
RESULT unpack_request_send(int fd, const struct img_pull_request *r);

struct unpack_progress {
	uint16_t layer, layers;
	uint64_t done, total;
};
RESULT unpack_progress_read(struct bytes body, struct unpack_progress *ret);

/* ---- sealpod-unpack ---- */

/* Serves one request on `fd`; what it returns has been reported to the hub. */
RESULT unpack_serve(int fd);
