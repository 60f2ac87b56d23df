#include "failure.h"

#include <base/reader.h>

static void put_text(struct buf *out, const char *s)
{
	buf_le16(out, strlen(s));
	buf_puts(out, s);
}

void failure_write(struct err e, struct buf *out)
{
	struct err_saved s;

	err_save(e, &s);
	buf_le16(out, s.code);
	buf_u8(out, s.denied);
	put_text(out, s.text);
	put_text(out, s.denied ? s.denial.code : "");
	put_text(out, s.denied ? s.denial.field : "");
	put_text(out, s.denied ? s.denial.expected : "");
	put_text(out, s.denied ? s.denial.actual : "");
	put_text(out, s.denied ? s.denial.id : "");
}

static void take_text(struct reader *r, char *to, size_t size)
{
	struct bytes s = rd_take(r, rd_le16(r));

	if (s.n >= size) {
		r->bad = true;
		return;
	}
	memcpy(to, s.n ? (const void *)s.p : "", s.n);
	to[s.n] = '\0';
}

struct err failure_read(struct bytes in)
{
	struct reader r = rd_of(in);
	struct err_saved s = { 0 };

	unsigned code = rd_le16(&r);
	s.denied = rd_u8(&r) == 1;
	take_text(&r, s.text, sizeof(s.text));
	take_text(&r, s.denial.code, sizeof(s.denial.code));
	take_text(&r, s.denial.field, sizeof(s.denial.field));
	take_text(&r, s.denial.expected, sizeof(s.denial.expected));
	take_text(&r, s.denial.actual, sizeof(s.denial.actual));
	take_text(&r, s.denial.id, sizeof(s.denial.id));
	if (failed(rd_end(&r, "failure")) || code == ERR_OK || code > ERR_USAGE)
		return err_new(ERR_PEER, "a failure that cannot be read");
	s.code = (enum err_code)code;
	return err_restore(&s);
}
