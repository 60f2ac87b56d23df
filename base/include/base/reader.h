/*
 * Cursor over untrusted bytes. A failed read yields zeroes and sticks; rd_end() reports it. Read in
 * statements, never in initialisers or arguments: C leaves the order of those open (C17 6.7.9p23).
 */
#pragma once

#include <base/bytes.h>
#include <base/err.h>

struct reader {
	const uint8_t *p;
	size_t left;
	bool bad;
};

static inline struct reader rd_of(struct bytes in)
{
	return (struct reader){ .p = in.p, .left = in.n };
}

static inline bool rd_ok(const struct reader *r)
{
	return !r->bad;
}

/* True while nothing failed and bytes are left: the condition of a loop over records. */
static inline bool rd_more(const struct reader *r)
{
	return !r->bad && r->left > 0;
}

struct bytes rd_take(struct reader *r, size_t n);
struct bytes rd_rest(struct reader *r);
/* A child reader over the next n bytes; it starts bad when there are fewer. */
struct reader rd_sub(struct reader *r, size_t n);
/* Copies n bytes; `to` is left alone when there are fewer. */
void rd_copy(struct reader *r, void *to, size_t n);
void rd_skip(struct reader *r, size_t n);
/* Skips n bytes that must be zero. */
void rd_skip_zero(struct reader *r, size_t n);

uint64_t rd_le(struct reader *r, size_t width);
uint64_t rd_be(struct reader *r, size_t width);

#define rd_u8(r)   ((uint8_t)rd_le((r), 1))
#define rd_le16(r) ((uint16_t)rd_le((r), 2))
#define rd_le32(r) ((uint32_t)rd_le((r), 4))
#define rd_le64(r) rd_le((r), 8)
#define rd_be16(r) ((uint16_t)rd_be((r), 2))
#define rd_be32(r) ((uint32_t)rd_be((r), 4))
#define rd_be64(r) rd_be((r), 8)

/* ERR_FORMAT "<what>: truncated" or "<what>: N bytes too many". */
RESULT rd_end(const struct reader *r, const char *what);
