#include <base/utf8.h>

enum {
	POINT_MAX = 0x10ffff,
	REPLACEMENT = 0xfffd
};

static bool is_surrogate(uint32_t point)
{
	return point >= 0xd800 && point <= 0xdfff;
}

/* Bytes of the character that `lead` begins, 0 when it begins none. */
static size_t width_of(uint8_t lead)
{
	return lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
}

size_t utf8_next(const uint8_t *p, size_t n, uint32_t *ret_point)
{
	/* The smallest code point that needs so many bytes. */
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t width = n == 0 ? 0 : width_of(p[0]);
	uint32_t point;

	if (width == 0 || width > n)
		return 0;
	point = width == 1 ? p[0] : p[0] & (0x7fu >> width);
	for (size_t i = 1; i < width; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (p[i] & 0x3f);
	}
	if (point < smallest[width] || point > POINT_MAX || is_surrogate(point))
		return 0;
	*ret_point = point;
	return width;
}

bool utf8_is_valid(struct bytes text)
{
	uint32_t point;

	for (size_t i = 0, width; i < text.n; i += width) {
		width = text.p[i] < 0x80 ? 1 : utf8_next(text.p + i, text.n - i, &point);
		if (width == 0)
			return false;
	}
	return true;
}

void utf8_put(struct buf *out, uint32_t point)
{
	if (point > POINT_MAX || is_surrogate(point))
		point = REPLACEMENT;
	if (point < 0x80) {
		buf_u8(out, point);
		return;
	}
	if (point < 0x800) {
		buf_u8(out, 0xc0 | point >> 6);
	} else {
		if (point < 0x10000) {
			buf_u8(out, 0xe0 | point >> 12);
		} else {
			buf_u8(out, 0xf0 | point >> 18);
			buf_u8(out, 0x80 | (point >> 12 & 0x3f));
		}
		buf_u8(out, 0x80 | (point >> 6 & 0x3f));
	}
	buf_u8(out, 0x80 | (point & 0x3f));
}
