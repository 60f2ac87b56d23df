#include <string.h>

#include <base/reader.h>

struct bytes rd_take(struct reader *r, size_t n)
{
	struct bytes out = { 0 };

	if (r->bad || n > r->left) {
		r->bad = true;
		return out;
	}
	out = (struct bytes){ .p = r->p, .n = n };
	if (n > 0)
		r->p += n;
	r->left -= n;
	return out;
}

struct bytes rd_rest(struct reader *r)
{
	return rd_take(r, r->left);
}

struct reader rd_sub(struct reader *r, size_t n)
{
	struct reader sub = rd_of(rd_take(r, n));

	sub.bad = r->bad;
	return sub;
}

void rd_copy(struct reader *r, void *to, size_t n)
{
	struct bytes b = rd_take(r, n);

	if (b.n == n && n > 0)
		memcpy(to, b.p, n);
}

void rd_skip(struct reader *r, size_t n)
{
	(void)rd_take(r, n);
}

void rd_skip_zero(struct reader *r, size_t n)
{
	if (!bytes_is_zero(rd_take(r, n)))
		r->bad = true;
}

uint64_t rd_le(struct reader *r, size_t width)
{
	struct bytes b = rd_take(r, width);
	uint64_t v = 0;

	for (size_t i = b.n; i > 0; i--)
		v = v << 8 | b.p[i - 1];
	return v;
}

uint64_t rd_be(struct reader *r, size_t width)
{
	struct bytes b = rd_take(r, width);
	uint64_t v = 0;

	for (size_t i = 0; i < b.n; i++)
		v = v << 8 | b.p[i];
	return v;
}

RESULT rd_end(const struct reader *r, const char *what)
{
	if (r->bad)
		return err_new(ERR_FORMAT, "%s: truncated or out of bounds", what);
	if (r->left != 0)
		return err_new(ERR_FORMAT, "%s: %zu bytes too many", what, r->left);
	return OK;
}
