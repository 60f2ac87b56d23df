/*
 * A decoded file for people and programs: rows of name, value and meaning with the place of each in
 * the bytes, nested by groups. `sealpod inspect` prints them. Nothing here is trusted.
 */
#pragma once

#include <base/json.h>

enum {
	FIELDS_MAX = 20000,
	FIELDS_DEPTH_MAX = 7 /* JSON nests two levels each */,
	FIELDS_NO_OFFSET = -1
};

struct field_row {
	unsigned depth;
	int64_t offset; /* in the file; FIELDS_NO_OFFSET when it has no place of its own */
	size_t size;	/* bytes */
	char *name;	/* the specification's word */
	char *value;	/* number, hex, text; NULL: a group */
	char *meaning;	/* "DEBUG allowed", "Milan"; may be NULL */
};

struct fields {
	struct field_row *v;
	size_t n, room;
	unsigned depth;
	int64_t base; /* added to offsets: a structure inside a file */
	enum err_code bad;
};

void fields_done(struct fields *f);
void fields_group(struct fields *f, int64_t offset, size_t size, const char *name);
void fields_end(struct fields *f);
/* Drops the rows from number n on. */
void fields_cut(struct fields *f, size_t n);
/* One row; meaning may be NULL. */
void fields_hex(struct fields *f, int64_t offset, struct bytes value, const char *name,
	const char *meaning);
void fields_u64(struct fields *f, int64_t offset, size_t size, const char *name, uint64_t value,
	const char *meaning);
void fields_str(struct fields *f, int64_t offset, size_t size, const char *name, const char *value,
	const char *meaning);
PRINTF(5, 6)
void fields_fmt(
	struct fields *f, int64_t offset, size_t size, const char *name, const char *fmt, ...);

/* Bits of a word: a row for each set bit of the table, and one for set bits it does not know. */
struct field_bit {
	unsigned bit;
	const char *name, *meaning;
};
void fields_bits(struct fields *f, int64_t offset, size_t size, const char *name, uint64_t value,
	const struct field_bit *bits, size_t n);

/* ERR_NOMEM, ERR_LIMIT: what stuck. */
RESULT fields_finish(const struct fields *f);
/* Indented text, one row a line; control characters of values are escaped. */
void fields_print(const struct fields *f, struct buf *out);
/* Array of {"name","offset"?,"size"?,"value"?,"meaning"?,"fields"?}. */
RESULT fields_write(const struct fields *f, struct json_writer *w);
