#include "toml.h"

#include <stdio.h>
#include <stdlib.h>

#include <base/utf8.h>

enum {
	TOKEN_MAX = 80, /* of a number: 64 binary digits, and a prefix */
	DECIMAL_DIGITS = 15,
	DECIMAL_MAX = 2 * DECIMAL_DIGITS + 4
};

/* ---- strings ---- */

static struct err read_code_point(struct toml_reader *r, size_t digits, struct buf *out)
{
	uint32_t point = 0;

	for (size_t i = 0; i < digits; i++) {
		uint8_t c = toml_peek(r, i);
		if (c == 0 || !strchr("0123456789abcdefABCDEF", c))
			return toml_bad(r, "escape without %zu hexadecimal digits", digits);
		point = point << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	if (point == 0 || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return toml_bad(r, "escape that is no character");
	r->at += digits;
	utf8_put(out, point);
	return OK;
}

static struct err read_escape(struct toml_reader *r, struct buf *out)
{
	static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
	uint8_t c = toml_peek(r, 0);
	const char *name = c ? strchr(names, c) : NULL;

	if (!name && c != 'u' && c != 'U')
		return toml_bad(r, "unknown escape");
	r->at++;
	if (!name)
		return read_code_point(r, c == 'u' ? 4 : 8, out);
	buf_u8(out, values[name - names]);
	return OK;
}

/* A backslash at the end of a line swallows the line end and all white space after it. */
static bool skip_line_break(struct toml_reader *r)
{
	struct toml_reader ahead = *r;

	toml_skip_blanks(&ahead);
	if (!toml_take(&ahead, "\n") && !toml_take(&ahead, "\r\n"))
		return false;
	*r = ahead;
	while (toml_peek(r, 0) && strchr(" \t\r\n", toml_peek(r, 0)))
		r->at++;
	return true;
}

static struct err read_character(struct toml_reader *r, bool many_lines, struct buf *out)
{
	uint8_t c = toml_peek(r, 0);

	if (many_lines && (toml_take(r, "\n") || toml_take(r, "\r\n"))) {
		buf_u8(out, '\n');
		return OK;
	}
	if (r->at == r->text.n || c == '\n' || c == '\r')
		return toml_bad(r, "string without an end");
	if ((c < ' ' && c != '\t') || c == 0x7f)
		return toml_bad(r, "control character in a string");
	buf_u8(out, c);
	r->at++;
	return OK;
}

RESULT toml_string(struct toml_reader *r, struct buf *out)
{
	bool basic = toml_peek(r, 0) == '"';
	const char *quote = basic ? "\"" : "'";

	r->at++;
	while (!toml_take(r, quote)) {
		if (basic && toml_take(r, "\\"))
			TRY(read_escape(r, out));
		else
			TRY(read_character(r, false, out));
	}
	return OK;
}

static struct err read_long_string(struct toml_reader *r, struct buf *out)
{
	bool basic = toml_peek(r, 0) == '"';
	const char *quotes = basic ? "\"\"\"" : "'''";

	r->at += 3;
	if (!toml_take(r, "\n"))
		(void)toml_take(r, "\r\n");
	while (!toml_take(r, quotes)) {
		if (!basic || !toml_take(r, "\\"))
			TRY(read_character(r, true, out));
		else if (!skip_line_break(r))
			TRY(read_escape(r, out));
	}
	/* Up to two quotes may stand before the closing three. */
	for (int i = 0; i < 2 && toml_peek(r, 0) == (uint8_t)quotes[0]; i++) {
		buf_u8(out, quotes[0]);
		r->at++;
	}
	return OK;
}

static struct err finish_text(struct buf *text, enum toml_kind kind, struct toml_node **ret_value)
{
	AUTO(toml_node_freep) struct toml_node *n = NULL;

	TRY(buf_end(text, "TOML string"));
	TRY(toml_node_new(kind, TOML_CLOSED, &n));
	TRY(bytes_to_str(buf_bytes(text), &n->text));
	*ret_value = TAKE(n);
	return OK;
}

static struct err read_text(struct toml_reader *r, struct toml_node **ret_value)
{
	AUTO(buf_done) struct buf text = BUF_INIT(JSON_SIZE_MAX);
	uint8_t q = toml_peek(r, 0);

	if (toml_peek(r, 1) == q && toml_peek(r, 2) == q)
		TRY(read_long_string(r, &text));
	else
		TRY(toml_string(r, &text));
	return finish_text(&text, TOML_TEXT, ret_value);
}

/* ---- keys ---- */

static bool is_bare(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static struct err read_key_part(struct toml_reader *r, struct strv *parts)
{
	AUTO(buf_done) struct buf part = BUF_INIT(JSON_SIZE_MAX);
	AUTO(auto_free) char *s = NULL;
	uint8_t c = toml_peek(r, 0);

	if (c == '"' || c == '\'') {
		TRY(toml_string(r, &part));
	} else {
		for (; is_bare(toml_peek(r, 0)); r->at++)
			buf_u8(&part, toml_peek(r, 0));
		if (part.n == 0 && part.bad == ERR_OK)
			return toml_bad(r, "expected a key");
	}
	TRY(buf_end(&part, "TOML key"));
	TRY(bytes_to_str(buf_bytes(&part), &s));
	return strv_add(parts, s);
}

RESULT toml_key(struct toml_reader *r, struct strv *ret_parts)
{
	AUTO(strv_done) struct strv parts = { 0 };

	for (;;) {
		if (parts.n == TOML_KEY_PARTS_MAX)
			return toml_bad(r, "key of more than %d parts", TOML_KEY_PARTS_MAX);
		TRY(read_key_part(r, &parts));
		struct toml_reader ahead = *r;
		toml_skip_blanks(&ahead);
		if (!toml_take(&ahead, "."))
			break;
		toml_skip_blanks(&ahead);
		*r = ahead;
	}
	*ret_parts = parts;
	parts = (struct strv){ 0 };
	return OK;
}

static struct err add_dotted(
	struct toml_reader *r, struct toml_node *in, const char *key, struct toml_node **ret_table)
{
	AUTO(toml_node_freep) struct toml_node *made = NULL;
	struct toml_node *table;

	TRY(toml_node_new(TOML_TABLE, TOML_DOTTED, &made));
	TRY(str_dup(key, &made->key));
	table = made;
	TRY(toml_node_add(r, in, TAKE(made)));
	*ret_table = table;
	return OK;
}

static struct err dotted_table(
	struct toml_reader *r, struct toml_node *in, const char *key, struct toml_node **ret_table)
{
	struct toml_node *n = toml_node_find(in, key);

	if (!n)
		return add_dotted(r, in, key, ret_table);
	if (n->kind != TOML_TABLE || n->origin != TOML_DOTTED)
		return toml_bad(r, "'%.64s' is there already", key);
	*ret_table = n;
	return OK;
}

RESULT toml_member(struct toml_reader *r, struct toml_node *table)
{
	AUTO(toml_node_freep) struct toml_node *value = NULL;
	AUTO(strv_done) struct strv key = { 0 };
	const char *last;

	TRY(toml_key(r, &key));
	toml_skip_blanks(r);
	if (!toml_take(r, "="))
		return toml_bad(r, "expected '=' after the key");
	toml_skip_blanks(r);
	for (size_t i = 0; i + 1 < key.n; i++)
		TRY(dotted_table(r, table, key.v[i], &table));
	last = key.v[key.n - 1];
	if (toml_node_find(table, last))
		return toml_bad(r, "'%.64s' is there already", last);
	TRY(toml_value(r, &value));
	TRY(str_dup(last, &value->key));
	return toml_node_add(r, table, TAKE(value));
}

/* ---- numbers and words ---- */

/* Digits of one base with single underscores between them; false when they are anything else. */
static bool parse_digits(const char *s, unsigned base, uint64_t *ret_v)
{
	uint64_t v = 0;
	bool digit_before = false;

	for (; *s; s++) {
		unsigned d = 16;
		if (*s == '_' && digit_before && s[1] != '\0') {
			digit_before = false;
			continue;
		}
		if (*s >= '0' && *s <= '9')
			d = (unsigned)(*s - '0');
		else if ((*s | 0x20) >= 'a' && (*s | 0x20) <= 'f')
			d = (unsigned)((*s | 0x20) - 'a' + 10);
		if (d >= base || __builtin_mul_overflow(v, base, &v) ||
			__builtin_add_overflow(v, d, &v))
			return false;
		digit_before = true;
	}
	*ret_v = v;
	return digit_before;
}

static bool parse_integer(const char *s, char to[static 24])
{
	bool negative = s[0] == '-';
	const char *digits = s + (s[0] == '-' || s[0] == '+');
	unsigned base = 10;
	uint64_t v;

	if (s[0] == '0' && s[1] != '\0') {
		base = s[1] == 'x' ? 16 : s[1] == 'o' ? 8 : s[1] == 'b' ? 2 : 0;
		digits = s + 2;
	} else if (digits[0] == '0' && digits[1] != '\0') {
		return false;
	}
	if (base == 0 || !parse_digits(digits, base, &v))
		return false;
	if (v > (uint64_t)INT64_MAX + (negative ? 1 : 0))
		return false;
	(void)snprintf(to, 24, "%s%llu", negative && v ? "-" : "", (unsigned long long)v);
	return true;
}

/* 0.4 and the like: so few digits that a double holds exactly what was written. */
static bool parse_decimal(const char *s, char to[static DECIMAL_MAX])
{
	const char *whole = s + (s[0] == '-' || s[0] == '+');
	const char *point = strchr(whole, '.');
	char digits[DECIMAL_MAX];
	size_t n = 0, before;
	uint64_t v;

	if (!point)
		return false;
	before = (size_t)(point - whole);
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)before, whole);
	if (strlen(point + 1) > DECIMAL_DIGITS || before > DECIMAL_DIGITS ||
		!parse_digits(digits, 10, &v) || !parse_digits(point + 1, 10, &v) ||
		(whole[0] == '0' && before > 1))
		return false;
	for (const char *p = s + (s[0] == '+'); *p; p++) {
		if (*p != '_')
			to[n++] = *p;
	}
	to[n] = '\0';
	return n <= DECIMAL_DIGITS + 1 + (size_t)(s[0] == '-');
}

static const char *what_it_is(const char *token)
{
	size_t digits = strspn(token, "0123456789");
	const char *number = token + strspn(token, "+-");

	if ((digits == 4 && token[4] == '-') || (digits == 2 && token[2] == ':'))
		return "dates and times are not supported";
	if (strstr(token, "inf") || strstr(token, "nan"))
		return "infinity and NaN are not supported";
	if (number[0] >= '0' && number[0] <= '9' && token[1] != 'x' && strpbrk(token, ".eE"))
		return "not a decimal number of at most 15 digits without exponent";
	return "not a value (or an integer that does not fit 64 bits)";
}

static struct err read_literal(struct toml_reader *r, struct toml_node **ret_value)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TOKEN_MAX);
	char token[TOKEN_MAX + 1] = "", number[24], decimal[DECIMAL_MAX];
	size_t n = 0;

	while (n < TOKEN_MAX &&
		(is_bare(toml_peek(r, n)) || (toml_peek(r, n) && strchr("+.:", toml_peek(r, n))))) {
		token[n] = (char)toml_peek(r, n);
		n++;
	}
	if (n == 0)
		return toml_bad(r, "expected a value");
	if (str_equal(token, "true") || str_equal(token, "false"))
		buf_puts(&text, token);
	else if (parse_integer(token, number))
		buf_puts(&text, number);
	else if (parse_decimal(token, decimal))
		buf_puts(&text, decimal);
	else
		return toml_bad(r, "'%.40s': %s", token, what_it_is(token));
	r->at += n;
	return finish_text(&text, TOML_LITERAL, ret_value);
}

/* ---- arrays and inline tables ---- */

static struct err skip_lines(struct toml_reader *r)
{
	for (;;) {
		toml_skip_blanks(r);
		if (toml_peek(r, 0) == 0 || !strchr("#\r\n", toml_peek(r, 0)))
			return OK;
		TRY(toml_end_line(r));
	}
}

/* With the comma and the white space after it. */
static struct err read_item(struct toml_reader *r, struct toml_node *array)
{
	struct toml_node *item = NULL;

	TRY(toml_value(r, &item));
	TRY(toml_node_add(r, array, item));
	TRY(skip_lines(r));
	if (toml_peek(r, 0) != ']' && !toml_take(r, ","))
		return toml_bad(r, "expected ',' or ']'");
	return skip_lines(r);
}

static struct err read_array(struct toml_reader *r, struct toml_node **ret_value)
{
	AUTO(toml_node_freep) struct toml_node *array = NULL;

	TRY(toml_node_new(TOML_ARRAY, TOML_CLOSED, &array));
	r->at++;
	TRY(skip_lines(r));
	while (!toml_take(r, "]"))
		TRY(read_item(r, array));
	*ret_value = TAKE(array);
	return OK;
}

/* What dotted keys made inside an inline table is as complete as the table itself. */
static void close_tables(struct toml_node *n)
{
	for (size_t i = 0; i < n->n; i++)
		close_tables(n->children[i]);
	n->origin = TOML_CLOSED;
}

static struct err read_inline_table(struct toml_reader *r, struct toml_node **ret_value)
{
	AUTO(toml_node_freep) struct toml_node *table = NULL;

	TRY(toml_node_new(TOML_TABLE, TOML_HEADER, &table));
	r->at++;
	toml_skip_blanks(r);
	while (table->n > 0 || !toml_take(r, "}")) {
		toml_skip_blanks(r);
		TRY(toml_member(r, table));
		toml_skip_blanks(r);
		if (toml_take(r, "}"))
			break;
		if (!toml_take(r, ","))
			return toml_bad(r, "expected ',' or '}'");
	}
	close_tables(table);
	*ret_value = TAKE(table);
	return OK;
}

/* Recursion is bounded by the depth. */
RESULT toml_value(struct toml_reader *r, struct toml_node **ret_value)
{
	struct err e;

	if (r->depth == JSON_DEPTH_MAX)
		return toml_bad(r, "nested too deeply");
	r->depth++;
	switch (toml_peek(r, 0)) {
	case '"':
	case '\'':
		e = read_text(r, ret_value);
		break;
	case '[':
		e = read_array(r, ret_value);
		break;
	case '{':
		e = read_inline_table(r, ret_value);
		break;
	default:
		e = read_literal(r, ret_value);
	}
	r->depth--;
	return e;
}
