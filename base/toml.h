/* What the two halves of the TOML reader share: the document (tables and keys) and its values. */
#pragma once

#include <base/json.h>

enum {
	TOML_ENTRIES_MAX = 4096, /* of one table or array: they are searched one by one */
	TOML_KEY_PARTS_MAX = JSON_DEPTH_MAX
};

enum toml_kind {
	TOML_TEXT,    /* string */
	TOML_LITERAL, /* integer or boolean, as JSON writes it */
	TOML_TABLE,
	TOML_ARRAY
};

/* How a table or array came to be, because that decides what may still be added. */
enum toml_origin {
	TOML_IMPLICIT, /* named in passing by a header: [a.b] makes a */
	TOML_HEADER,   /* [a] */
	TOML_DOTTED,   /* a.b = 1 makes a */
	TOML_HEADERS,  /* array made by [[a]] */
	TOML_CLOSED    /* inline table or array: complete where it stands */
};

struct toml_node {
	enum toml_kind kind;
	enum toml_origin origin;
	char *key;  /* in a table */
	char *text; /* of a value */
	struct toml_node **children;
	size_t n;
};

struct toml_reader {
	struct bytes text;
	size_t at;
	unsigned depth;
};

void toml_node_free(struct toml_node *n);
void toml_node_freep(struct toml_node **n);
RESULT toml_node_new(enum toml_kind kind, enum toml_origin origin, struct toml_node **ret_node);
/* Takes the child. */
RESULT toml_node_add(struct toml_reader *r, struct toml_node *parent, struct toml_node *child);
struct toml_node *toml_node_find(const struct toml_node *table, const char *key);

/* ERR_FORMAT "TOML line N: ..." */
PRINTF(2, 3) struct err toml_bad(const struct toml_reader *r, const char *fmt, ...);

/* The byte at the cursor plus `ahead`, 0 beyond the end. */
uint8_t toml_peek(const struct toml_reader *r, size_t ahead);
bool toml_take(struct toml_reader *r, const char *word);
void toml_skip_blanks(struct toml_reader *r); /* spaces and tabs */
/* Blanks, an optional comment, then a line end or the end of the text. */
RESULT toml_end_line(struct toml_reader *r);

/* "..." or '...' on one line. Appends to `out`. */
RESULT toml_string(struct toml_reader *r, struct buf *out);
/* key = value, into `table`, with dotted keys. */
RESULT toml_member(struct toml_reader *r, struct toml_node *table);
/* A dotted key. */
RESULT toml_key(struct toml_reader *r, struct strv *ret_parts);
RESULT toml_value(struct toml_reader *r, struct toml_node **ret_value);
