#include "json_quote.h"
#include "json_tree.h"

#include <stdio.h>
#include <stdlib.h>

#include <base/encode.h>

struct json_writer jw_of(struct buf *out)
{
	return (struct json_writer){ .out = out, .first = { true } };
}

/* The comma before a value or member, unless it is the first or follows its name. */
static void begin(struct json_writer *w)
{
	if (w->after_key)
		w->after_key = false;
	else if (!w->first[w->depth])
		buf_u8(w->out, ',');
	w->first[w->depth] = false;
}

static void open_container(struct json_writer *w, char c)
{
	begin(w);
	buf_u8(w->out, c);
	if (w->depth == JSON_DEPTH_MAX) {
		w->out->bad = ERR_LIMIT;
		return;
	}
	w->first[++w->depth] = true;
}

static void close_container(struct json_writer *w, char c)
{
	buf_u8(w->out, c);
	if (w->depth > 0)
		w->depth--;
}

void jw_object(struct json_writer *w)
{
	open_container(w, '{');
}

void jw_object_end(struct json_writer *w)
{
	close_container(w, '}');
}

void jw_array(struct json_writer *w)
{
	open_container(w, '[');
}

void jw_array_end(struct json_writer *w)
{
	close_container(w, ']');
}

void jw_bytes_str(struct json_writer *w, struct bytes s)
{
	begin(w);
	json_quote(w->out, s);
}

void jw_str(struct json_writer *w, const char *s)
{
	jw_bytes_str(w, bytes_str(s));
}

void jw_key(struct json_writer *w, const char *name)
{
	jw_str(w, name);
	buf_u8(w->out, ':');
	w->after_key = true;
}

void jw_raw(struct json_writer *w, struct bytes text)
{
	begin(w);
	buf_put(w->out, text);
}

void jw_u64(struct json_writer *w, uint64_t v)
{
	uint8_t digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (uint8_t)('0' + v % 10);
	while (v /= 10);
	jw_raw(w, bytes_of(digits + at, sizeof(digits) - at));
}

void jw_i64(struct json_writer *w, int64_t v)
{
	if (v >= 0) {
		jw_u64(w, (uint64_t)v);
		return;
	}
	jw_raw(w, bytes_str("-"));
	w->after_key = true; /* the digits belong to the sign */
	jw_u64(w, 0 - (uint64_t)v);
}

void jw_bool(struct json_writer *w, bool v)
{
	jw_raw(w, bytes_str(v ? "true" : "false"));
}

void jw_null(struct json_writer *w)
{
	jw_raw(w, bytes_str("null"));
}

/* The fewest digits that read back as the same value. */
static void write_double(struct json_writer *w, double v)
{
	char text[40];
	int digits = 15;

	do
		(void)snprintf(text, sizeof(text), "%.*g", digits, v);
	while (strtod(text, NULL) != v && ++digits <= 17);
	/* It was a floating-point number, and must stay one for the next reader. */
	jw_raw(w, bytes_str(text));
	if (!strpbrk(text, ".e"))
		buf_puts(w->out, ".0");
}

void jw_hex(struct json_writer *w, struct bytes b)
{
	jw_raw(w, bytes_str("\""));
	hex_encode(b, w->out);
	buf_u8(w->out, '"');
}

static void write_base64(struct json_writer *w, enum base64_kind kind, struct bytes b)
{
	jw_raw(w, bytes_str("\""));
	base64_encode(kind, b, w->out);
	buf_u8(w->out, '"');
}

void jw_base64(struct json_writer *w, struct bytes b)
{
	write_base64(w, BASE64_STD, b);
}

void jw_base64url(struct json_writer *w, struct bytes b)
{
	write_base64(w, BASE64_URL_NO_PAD, b);
}

static void write_number(struct json_writer *w, const struct json *j)
{
	uint64_t u;
	int64_t i;

	if (json_u64(j, &u))
		jw_u64(w, u);
	else if (json_i64(j, &i))
		jw_i64(w, i);
	else
		write_double(w, json_double(j));
}

static void write_children(struct json_writer *w, const struct json *j)
{
	for (size_t i = 0; i < json_count(j); i++) {
		if (json_name_at(j, i))
			jw_key(w, json_name_at(j, i));
		jw_json(w, json_at(j, i));
	}
}

/* Recursion is bounded: no tree is deeper than JSON_DEPTH_MAX. */
void jw_json(struct json_writer *w, const struct json *j)
{
	bool truth = false;

	switch (json_type(j)) {
	case JSON_NULL:
		jw_null(w);
		break;
	case JSON_BOOL:
		(void)json_bool(j, &truth);
		jw_bool(w, truth);
		break;
	case JSON_INT:
	case JSON_DOUBLE:
		write_number(w, j);
		break;
	case JSON_STRING:
		jw_str(w, json_string(j));
		break;
	case JSON_ARRAY:
		jw_array(w);
		write_children(w, j);
		jw_array_end(w);
		break;
	case JSON_OBJECT:
		jw_object(w);
		write_children(w, j);
		jw_object_end(w);
		break;
	}
}

void json_print(const struct json *j, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_json(&w, j);
}
