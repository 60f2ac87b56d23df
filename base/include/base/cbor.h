/*
 * CBOR (RFC 8949) of signed documents: a strict reader without memory of its own. Definite lengths,
 * shortest heads, keys that are integers or text and appear once, no floating point, nothing after
 * the item; depth and counts limited. docs/adr/cbor.md says why it is ours.
 */
#pragma once

#include <base/buf.h>
#include <base/reader.h>

enum cbor_type { /* the major types of section 3.1 */
	CBOR_UINT,
	CBOR_NINT,
	CBOR_BYTES,
	CBOR_TEXT,
	CBOR_ARRAY,
	CBOR_MAP,
	CBOR_TAG,
	CBOR_SIMPLE
};

enum {
	CBOR_DEPTH_MAX = 12,
	CBOR_MAP_MAX = 64, /* pairs of one map */
	CBOR_ARRAY_MAX = 4096
};

struct cbor {
	enum cbor_type type;
	uint64_t v; /* UINT, TAG, SIMPLE: the number; NINT: the value is -1 - v; others: count */
	struct bytes s; /* BYTES, TEXT: contents; ARRAY, MAP, TAG: the items inside, encoded */
};

/* Exactly one item, checked all the way down; views into `in`. ERR_FORMAT "<what>: ..." */
RESULT cbor_parse(struct bytes in, const char *what, struct cbor *ret_item);
/* The next item of a checked array, map or tag (rd_of(item.s)); a failure sticks to the reader. */
void cbor_next(struct reader *r, struct cbor *ret_item);
/* Value of an integer key; false when the map lacks it, or it is no map. */
bool cbor_get(const struct cbor *map, int64_t key, struct cbor *ret_value);
/* The item is an integer that fits. */
bool cbor_int(const struct cbor *item, int64_t *ret_v);
/* The item is true or false. */
bool cbor_bool(const struct cbor *item, bool *ret_v);
/* The item is this text. */
bool cbor_is_text(const struct cbor *item, const char *s);

/* ---- writing: heads in their shortest form. Maps are deterministic (section 4.2.1) when their
 * keys are put in ascending order of their encodings, which is the caller's part. ---- */
void cbor_put_head(struct buf *out, enum cbor_type type, uint64_t v);
void cbor_put_int(struct buf *out, int64_t v);
void cbor_put_bytes(struct buf *out, struct bytes b);
void cbor_put_text(struct buf *out, const char *s);
void cbor_put_bool(struct buf *out, bool v);
