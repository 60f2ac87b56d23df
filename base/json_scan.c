#include "json_scan.h"

#include <base/encode.h>
#include <base/reader.h>
#include <base/utf8.h>

struct scan {
	struct bytes text;
	size_t at;
	size_t values, objects;
	unsigned depth;
};

static struct err scan_value(struct scan *s);

static struct err bad(const struct scan *s, const char *why)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < s->at && i < s->text.n; i++) {
		column = s->text.p[i] == '\n' ? 1 : column + 1;
		line += s->text.p[i] == '\n';
	}
	return err_new(ERR_FORMAT, "JSON line %zu, column %zu: %s", line, column, why);
}

/* The next byte, or 0 at the end: NUL is no token, so it fails like the end does. */
static uint8_t peek(const struct scan *s)
{
	return s->at < s->text.n ? s->text.p[s->at] : 0;
}

static bool take(struct scan *s, uint8_t c)
{
	if (peek(s) != c || s->at == s->text.n)
		return false;
	s->at++;
	return true;
}

static void skip_space(struct scan *s)
{
	while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' || peek(s) == '\r')
		s->at++;
}

static struct err scan_word(struct scan *s, const char *word)
{
	for (; *word; word++) {
		if (!take(s, (uint8_t)*word))
			return bad(s, "unexpected character");
	}
	return OK;
}

/* The four digits after \u */
static struct err scan_unit(struct scan *s, uint32_t *ret_unit)
{
	uint8_t be[2];

	if (s->text.n - s->at < 4 ||
		failed(hex_decode_fixed(bytes_of(s->text.p + s->at, 4), "escape", be, 2)))
		return bad(s, "\\u without four hexadecimal digits");
	s->at += 4;
	*ret_unit = (uint32_t)be[0] << 8 | be[1];
	return OK;
}

static struct err scan_unicode_escape(struct scan *s)
{
	uint32_t unit = 0, low = 0;

	TRY(scan_unit(s, &unit));
	if (unit == 0)
		return bad(s, "NUL in a string");
	if (unit < 0xd800 || unit > 0xdfff)
		return OK;
	if (unit > 0xdbff || !take(s, '\\') || !take(s, 'u'))
		return bad(s, "half a surrogate pair");
	TRY(scan_unit(s, &low));
	if (low < 0xdc00 || low > 0xdfff)
		return bad(s, "half a surrogate pair");
	return OK;
}

static struct err scan_escape(struct scan *s)
{
	uint8_t c = peek(s);

	if (c == 0 || !strchr("\"\\/bfnrtu", c))
		return bad(s, "unknown escape");
	s->at++;
	return c == 'u' ? scan_unicode_escape(s) : OK;
}

static struct err scan_character(struct scan *s)
{
	uint32_t point;
	size_t width;

	if (s->at == s->text.n)
		return bad(s, "string without an end");
	if (peek(s) < 0x20)
		return bad(s, "control character in a string");
	width = utf8_next(s->text.p + s->at, s->text.n - s->at, &point);
	if (width == 0)
		return bad(s, "invalid UTF-8");
	s->at += width;
	return OK;
}

/* Most of a text: runs of ASCII without escapes. */
static void skip_plain(struct scan *s)
{
	const uint8_t *p = s->text.p;
	size_t at = s->at, n = s->text.n;

	while (at < n && p[at] >= 0x20 && p[at] < 0x80 && p[at] != '"' && p[at] != '\\')
		at++;
	s->at = at;
}

static struct err scan_string(struct scan *s)
{
	if (!take(s, '"'))
		return bad(s, "expected a string");
	for (;;) {
		skip_plain(s);
		if (take(s, '"'))
			return OK;
		TRY(take(s, '\\') ? scan_escape(s) : scan_character(s));
	}
}

static size_t scan_digits(struct scan *s)
{
	size_t from = s->at;

	while (peek(s) >= '0' && peek(s) <= '9')
		s->at++;
	return s->at - from;
}

/* The digits at `from` fit int64_t, or uint64_t without a sign. */
static bool fits(const struct scan *s, size_t from, size_t n, bool negative)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, s->text.p[from + i] - '0', &v))
			return false;
	}
	return !negative || v <= (uint64_t)INT64_MAX + 1;
}

static struct err scan_number(struct scan *s)
{
	bool negative = take(s, '-'), integer = true;
	size_t from = s->at, n;

	n = scan_digits(s);
	if (n == 0)
		return bad(s, "unexpected character");
	if (n > 1 && s->text.p[from] == '0')
		return bad(s, "number with a leading zero");
	if (take(s, '.')) {
		integer = false;
		if (scan_digits(s) == 0)
			return bad(s, "number without digits after the point");
	}
	if (take(s, 'e') || take(s, 'E')) {
		integer = false;
		if (!take(s, '+'))
			(void)take(s, '-');
		if (scan_digits(s) == 0)
			return bad(s, "number without digits in the exponent");
	}
	if (integer && !fits(s, from, n, negative))
		return bad(s, "integer that does not fit 64 bits");
	return OK;
}

static struct err scan_member(struct scan *s)
{
	skip_space(s);
	TRY(scan_string(s));
	skip_space(s);
	if (!take(s, ':'))
		return bad(s, "expected ':'");
	return scan_value(s);
}

static struct err scan_container(struct scan *s, uint8_t end)
{
	if (s->depth == JSON_DEPTH_MAX)
		return bad(s, "nested too deeply");
	s->depth++;
	s->at++;
	skip_space(s);
	if (take(s, end)) {
		s->depth--;
		return OK;
	}
	do {
		TRY(end == '}' ? scan_member(s) : scan_value(s));
	} while (take(s, ','));
	if (!take(s, end))
		return bad(s, end == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
	s->depth--;
	return OK;
}

static struct err scan_token(struct scan *s)
{
	switch (peek(s)) {
	case '{':
		if (++s->objects > JSON_OBJECTS_MAX)
			return err_new(ERR_LIMIT, "JSON: more than %d objects", JSON_OBJECTS_MAX);
		return scan_container(s, '}');
	case '[':
		return scan_container(s, ']');
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return scan_number(s);
	}
}

/* A value with the white space around it. Recursion is bounded by the depth. */
static struct err scan_value(struct scan *s)
{
	if (++s->values > JSON_VALUES_MAX)
		return err_new(ERR_LIMIT, "JSON: more than %d values", JSON_VALUES_MAX);
	skip_space(s);
	TRY(scan_token(s));
	skip_space(s);
	return OK;
}

RESULT json_scan(struct bytes text, size_t *ret_values)
{
	struct scan s = { .text = text };

	if (text.n > JSON_SIZE_MAX)
		return err_new(ERR_LIMIT, "JSON: more than %d bytes", JSON_SIZE_MAX);
	TRY(scan_value(&s));
	if (s.at != text.n)
		return bad(&s, "text after the end");
	*ret_values = s.values;
	return OK;
}
