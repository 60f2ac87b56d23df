#include <base/encode.h>

static const char digits[] = "0123456789abcdef";

static void put(struct bytes in, uint8_t *to)
{
	for (size_t i = 0; i < in.n; i++) {
		to[2 * i] = (uint8_t)digits[in.p[i] >> 4];
		to[2 * i + 1] = (uint8_t)digits[in.p[i] & 15];
	}
}

void hex_encode(struct bytes in, struct buf *out)
{
	uint8_t *to = buf_grow(out, 2 * in.n);

	if (to)
		put(in, to);
}

void hex_to(struct bytes in, char *to)
{
	put(in, (uint8_t *)to);
	to[2 * in.n] = '\0';
}

static int value_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static struct err get(struct bytes text, const char *what, uint8_t *out)
{
	for (size_t i = 0; i < text.n / 2; i++) {
		int high = value_of(text.p[2 * i]), low = value_of(text.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return err_new(ERR_FORMAT, "%s: not hexadecimal", what);
		out[i] = (uint8_t)(high << 4 | low);
	}
	return OK;
}

RESULT hex_decode(struct bytes text, const char *what, struct buf *out)
{
	size_t before = out->n;
	uint8_t *to;

	if (text.n % 2 != 0)
		return err_new(ERR_FORMAT, "%s: %zu hexadecimal characters", what, text.n);
	to = buf_grow(out, text.n / 2);
	if (!to)
		return buf_end(out, what);
	struct err e = get(text, what, to);
	if (failed(e))
		out->n = before;
	return e;
}

RESULT hex_decode_fixed(struct bytes text, const char *what, uint8_t *out, size_t n)
{
	uint8_t first[2];

	if (text.n != 2 * n)
		return err_new(ERR_FORMAT, "%s: %zu hexadecimal characters instead of %zu", what,
			text.n, 2 * n);
	/* Checked before anything is written: the caller's bytes stay on failure. */
	for (size_t i = 0; i < n; i++)
		TRY(get(bytes_of(text.p + 2 * i, 2), what, first));
	return get(text, what, out);
}
