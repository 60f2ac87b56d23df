#include "json_quote.h"

#include <base/utf8.h>

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* RFC 8785 3.2.2.2: the two-character escapes where they exist, \u00xx otherwise */
static void escape(struct buf *out, uint8_t c)
{
	static const char letters[] = { ['\b'] = 'b',
		['\t'] = 't',
		['\n'] = 'n',
		['\f'] = 'f',
		['\r'] = 'r',
		['"'] = '"',
		['\\'] = '\\' };

	if (c < sizeof(letters) && letters[c])
		buf_printf(out, "\\%c", letters[c]);
	else
		buf_printf(out, "\\u%04x", c);
}

void json_quote(struct buf *out, struct bytes text)
{
	uint32_t point;
	size_t i = 0, plain;

	buf_u8(out, '"');
	while (i < text.n) {
		for (plain = i; plain < text.n && is_plain(text.p[plain]); plain++)
			;
		buf_put(out, bytes_of(text.p + i, plain - i));
		i = plain;
		if (i == text.n)
			break;
		if (text.p[i] < 0x80) {
			escape(out, text.p[i++]);
			continue;
		}
		size_t width = utf8_next(text.p + i, text.n - i, &point);
		utf8_put(out, width ? point : UINT32_MAX);
		i += width ? width : 1;
	}
	buf_u8(out, '"');
}
