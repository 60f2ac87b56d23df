/*
 * Owned bytes that grow up to a maximum given at birth. Appending is sticky like reading: after a
 * failure nothing more is added and buf_end() tells; so a writer reads like the table it writes.
 */
#pragma once

#include <stdarg.h>

#include <base/auto.h>
#include <base/bytes.h>
#include <base/err.h>

struct buf {
	uint8_t *p;
	size_t n;    /* bytes held */
	size_t size; /* bytes allocated */
	size_t max;  /* never more than this */
	enum err_code bad;
};

#define BUF_INIT(limit) ((struct buf){ .max = (limit) })

/* Frees; the buffer is empty and usable again with the same maximum. Contents are not wiped. */
void buf_done(struct buf *b);
/* Forgets the contents and a sticky failure, keeps the memory. */
void buf_clear(struct buf *b);

static inline struct bytes buf_bytes(const struct buf *b)
{
	return (struct bytes){ .p = b->p, .n = b->n };
}

/* Adds n bytes without a value and returns where to write them; NULL when full. */
uint8_t *buf_grow(struct buf *b, size_t n);
void buf_put(struct buf *b, struct bytes data);
void buf_puts(struct buf *b, const char *s);
PRINTF(2, 3) void buf_printf(struct buf *b, const char *fmt, ...);
void buf_zero(struct buf *b, size_t n);
void buf_le(struct buf *b, uint64_t v, size_t width);
void buf_be(struct buf *b, uint64_t v, size_t width);
/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);

#define buf_u8(b, v)   buf_le((b), (uint8_t)(v), 1)
#define buf_le16(b, v) buf_le((b), (uint16_t)(v), 2)
#define buf_le32(b, v) buf_le((b), (uint32_t)(v), 4)
#define buf_le64(b, v) buf_le((b), (uint64_t)(v), 8)
#define buf_be16(b, v) buf_be((b), (uint16_t)(v), 2)
#define buf_be32(b, v) buf_be((b), (uint32_t)(v), 4)
#define buf_be64(b, v) buf_be((b), (uint64_t)(v), 8)

/* ERR_LIMIT "<what>: more than N bytes" or ERR_NOMEM when an append failed. */
RESULT buf_end(const struct buf *b, const char *what);

/* The contents as a C string that lives as long as the buffer is not touched. NULL on failure. */
const char *buf_cstr(struct buf *b);

/* Formats into new memory; the caller frees. */
PRINTF(2, 3) RESULT str_format(char **ret_str, const char *fmt, ...);
RESULT str_dup(const char *s, char **ret_str);
bool str_equal(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* Whole string as a decimal number of at most max; ERR_FORMAT "<what>: ..." otherwise. */
RESULT str_to_u64(const char *s, uint64_t max, const char *what, uint64_t *ret_v);
