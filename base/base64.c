#include "base64.h"

enum {
	NOT_A_DIGIT = 0x100
};

static const char std_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* RFC 4648 section 4 (and 5, without the padding) */
void base64_encode(enum base64_kind kind, struct bytes in, struct buf *out)
{
	const char *digits = kind == BASE64_STD ? std_digits : url_digits;
	size_t i = 0, left = in.n % 3;
	uint32_t v;
	uint8_t *to =
		buf_grow(out, in.n / 3 * 4 + (left ? (kind == BASE64_STD ? 4 : left + 1) : 0));

	if (!to)
		return;
	for (; i + 3 <= in.n; i += 3, to += 4) {
		v = (uint32_t)in.p[i] << 16 | (uint32_t)in.p[i + 1] << 8 | in.p[i + 2];
		to[0] = (uint8_t)digits[v >> 18];
		to[1] = (uint8_t)digits[v >> 12 & 63];
		to[2] = (uint8_t)digits[v >> 6 & 63];
		to[3] = (uint8_t)digits[v & 63];
	}
	if (left == 0)
		return;
	v = (uint32_t)in.p[i] << 16 | (left == 2 ? (uint32_t)in.p[i + 1] << 8 : 0);
	to[0] = (uint8_t)digits[v >> 18];
	to[1] = (uint8_t)digits[v >> 12 & 63];
	if (left == 2)
		to[2] = (uint8_t)digits[v >> 6 & 63];
	if (kind == BASE64_STD) {
		to[3] = '=';
		if (left == 1)
			to[2] = '=';
	}
}

/* All ones when low <= c <= high, else 0. */
static uint32_t within(uint32_t c, uint32_t low, uint32_t high)
{
	return 0 - (((low - 1 - c) & (c - high - 1)) >> 31);
}

/* A lookup in a table would leave the digit in the cache; arithmetic does not. */
static uint32_t digit_value(uint32_t c, uint32_t c62, uint32_t c63)
{
	uint32_t upper = within(c, 'A', 'Z'), lower = within(c, 'a', 'z');
	uint32_t number = within(c, '0', '9');
	uint32_t is62 = within(c, c62, c62), is63 = within(c, c63, c63);
	uint32_t v = (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (number & (c - '0' + 52));

	v |= (is62 & 62) | (is63 & 63);
	return v | (~(upper | lower | number | is62 | is63) & NOT_A_DIGIT);
}

/* The text without its padding. */
static struct bytes digits_of(enum base64_kind kind, struct bytes text)
{
	for (int i = 0; kind == BASE64_STD && i < 2 && text.n && text.p[text.n - 1] == '='; i++)
		text.n--;
	return text;
}

size_t base64_decoded_size(enum base64_kind kind, struct bytes text)
{
	size_t n = digits_of(kind, text).n;

	return n / 4 * 3 + (n % 4 ? n % 4 - 1 : 0);
}

RESULT base64_decode_into(enum base64_kind kind, struct bytes text, const char *what, uint8_t *out)
{
	const char *digits = kind == BASE64_STD ? std_digits : url_digits;
	uint32_t c62 = (uint8_t)digits[62], c63 = (uint8_t)digits[63], v = 0, bad = 0;
	struct bytes in = digits_of(kind, text);
	unsigned bits = 0;

	if (in.n % 4 == 1 || (kind == BASE64_STD && text.n % 4 != 0))
		return err_new(ERR_FORMAT, "%s: base64 of %zu characters", what, text.n);
	for (size_t i = 0; i < in.n; i++) {
		uint32_t d = digit_value(in.p[i], c62, c63);
		bad |= d & NOT_A_DIGIT;
		v = v << 6 | (d & 63);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*out++ = (uint8_t)(v >> bits);
		}
	}
	if (bad)
		return err_new(ERR_FORMAT, "%s: not base64", what);
	/* One value, one text: otherwise two spellings of a key would have different digests. */
	if (v & ((1u << bits) - 1))
		return err_new(ERR_FORMAT, "%s: base64 with bits after the last byte", what);
	return OK;
}

RESULT base64_decode(enum base64_kind kind, struct bytes text, const char *what, struct buf *out)
{
	size_t before = out->n;
	uint8_t *to = buf_grow(out, base64_decoded_size(kind, text));

	if (!to)
		return buf_end(out, what);
	struct err e = base64_decode_into(kind, text, what, to);
	if (failed(e))
		out->n = before;
	return e;
}
