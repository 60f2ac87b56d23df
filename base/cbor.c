#include <base/cbor.h>
#include <base/utf8.h>

enum {
	INFO_1_BYTE = 24, /* additional information: the argument follows in 1, 2, 4 or 8 bytes */
	INFO_8_BYTES = 27,
	SIMPLE_FALSE = 20,
	SIMPLE_NULL = 22
};

/* How an item is read: bytes from outside as a whole, or what has been checked already. */
enum look {
	LOOK_CHECK,
	LOOK_AGAIN
};

static struct err item(struct reader *r, enum look look, unsigned depth, struct cbor *ret);

/* Section 3; RFC 8949 calls other than shortest heads valid, section 4.2.1 does not. */
static struct err head(struct reader *r, struct cbor *ret)
{
	uint8_t first = rd_u8(r);
	unsigned info = first & 0x1f;

	ret->type = first >> 5;
	ret->v = info;
	if (info < INFO_1_BYTE)
		return OK;
	if (info > INFO_8_BYTES)
		return err_new(ERR_FORMAT, "indefinite length or reserved head 0x%02x", first);
	size_t width = (size_t)1 << (info - INFO_1_BYTE);
	ret->v = rd_be(r, width);
	uint64_t least = width == 1 ? INFO_1_BYTE : (uint64_t)1 << (4 * width);
	if (rd_ok(r) && ret->v < least)
		return err_new(ERR_FORMAT, "head 0x%02x longer than needed", first);
	return OK;
}

static struct err keys_differ(struct bytes map, struct bytes key)
{
	struct reader r = rd_of(map);

	/* Shortest heads make equal values equal bytes. The pairs before this one are checked;
	 * checking them again at every level would take exponential time. */
	while (r.p < key.p) {
		const uint8_t *start = r.p;
		struct cbor c;

		TRY(item(&r, LOOK_AGAIN, 0, &c));
		if (bytes_equal(key, bytes_of(start, (size_t)(r.p - start))))
			return err_new(ERR_FORMAT, "a key appears twice in a map");
		TRY(item(&r, LOOK_AGAIN, 0, &c));
	}
	return OK;
}

/* RFC 8949, 5.6: with a key twice, two readers may see two values. */
static struct err pair(struct reader *r, enum look look, const uint8_t *map, unsigned depth)
{
	const uint8_t *start = r->p;
	struct cbor c;

	TRY(item(r, look, depth, &c));
	if (look == LOOK_AGAIN)
		return item(r, look, depth, &c);
	if (c.type != CBOR_UINT && c.type != CBOR_NINT && c.type != CBOR_TEXT)
		return err_new(ERR_FORMAT, "a map's key is neither integer nor text");
	TRY(keys_differ(
		bytes_of(map, (size_t)(start - map)), bytes_of(start, (size_t)(r->p - start))));
	return item(r, look, depth, &c);
}

/* Counts are those of the sender: nothing is allocated by them, and each item takes a byte at
 * least, so the work is bounded by the limits and by the input. */
static struct err inside(struct reader *r, enum look look, unsigned depth, struct cbor *c)
{
	const uint8_t *start = r->p;
	uint64_t most = c->type == CBOR_MAP ? CBOR_MAP_MAX : CBOR_ARRAY_MAX;
	uint64_t n = c->type == CBOR_TAG ? 1 : c->v;

	if (depth >= CBOR_DEPTH_MAX)
		return err_new(ERR_FORMAT, "nested deeper than %d", CBOR_DEPTH_MAX);
	if (n > most)
		return err_new(ERR_FORMAT, "%llu items in one", (unsigned long long)n);
	for (uint64_t i = 0; i < n; i++) {
		struct cbor child;

		if (c->type == CBOR_MAP)
			TRY(pair(r, look, start, depth + 1));
		else
			TRY(item(r, look, depth + 1, &child));
	}
	c->s = bytes_of(start, (size_t)(r->p - start));
	return OK;
}

static struct err string(struct reader *r, struct cbor *c)
{
	if (c->v > r->left) {
		r->bad = true;
		return err_new(ERR_FORMAT, "truncated");
	}
	c->s = rd_take(r, (size_t)c->v);
	if (c->type == CBOR_TEXT && !utf8_is_valid(c->s))
		return err_new(ERR_FORMAT, "text that is not UTF-8");
	return OK;
}

static struct err item(struct reader *r, enum look look, unsigned depth, struct cbor *ret)
{
	struct cbor c = { 0 };

	TRY(head(r, &c));
	if (!rd_ok(r))
		return err_new(ERR_FORMAT, "truncated");
	switch (c.type) {
	case CBOR_BYTES:
	case CBOR_TEXT:
		TRY(string(r, &c));
		break;
	case CBOR_ARRAY:
	case CBOR_MAP:
	case CBOR_TAG:
		TRY(inside(r, look, depth, &c));
		break;
	case CBOR_SIMPLE:
		if (c.v < SIMPLE_FALSE || c.v > SIMPLE_NULL)
			return err_new(ERR_FORMAT, "floating point or unknown simple value");
		break;
	case CBOR_UINT:
	case CBOR_NINT:
		break;
	}
	*ret = c;
	return OK;
}

RESULT cbor_parse(struct bytes in, const char *what, struct cbor *ret_item)
{
	struct reader r = rd_of(in);
	struct cbor c;
	struct err e = item(&r, LOOK_CHECK, 0, &c);

	if (failed(e))
		return err_add(e, "%s: byte %zu", what, in.n - r.left);
	TRY(rd_end(&r, what));
	*ret_item = c;
	return OK;
}

void cbor_next(struct reader *r, struct cbor *ret_item)
{
	struct cbor c = { 0 };

	if (r->bad || failed(item(r, LOOK_AGAIN, 0, &c)))
		r->bad = true;
	*ret_item = r->bad ? (struct cbor){ 0 } : c;
}

bool cbor_int(const struct cbor *item, int64_t *ret_v)
{
	if ((item->type != CBOR_UINT && item->type != CBOR_NINT) || item->v > INT64_MAX)
		return false;
	*ret_v = item->type == CBOR_UINT ? (int64_t)item->v : -1 - (int64_t)item->v;
	return true;
}

bool cbor_bool(const struct cbor *item, bool *ret_v)
{
	if (item->type != CBOR_SIMPLE || item->v == SIMPLE_NULL)
		return false;
	*ret_v = item->v != SIMPLE_FALSE;
	return true;
}

bool cbor_is_text(const struct cbor *item, const char *s)
{
	return item->type == CBOR_TEXT && bytes_equal(item->s, bytes_str(s));
}

bool cbor_get(const struct cbor *map, int64_t key, struct cbor *ret_value)
{
	struct reader r = rd_of(map->s);

	while (map->type == CBOR_MAP && rd_more(&r)) {
		struct cbor k, v;
		int64_t n;

		cbor_next(&r, &k);
		cbor_next(&r, &v);
		if (rd_ok(&r) && cbor_int(&k, &n) && n == key) {
			*ret_value = v;
			return true;
		}
	}
	return false;
}

void cbor_put_head(struct buf *out, enum cbor_type type, uint64_t v)
{
	unsigned major = (unsigned)type << 5;
	size_t width = 1;

	if (v < INFO_1_BYTE) {
		buf_u8(out, major | (unsigned)v);
		return;
	}
	unsigned info = INFO_1_BYTE;
	while (width < 8 && v >> (8 * width) != 0) {
		width *= 2;
		info++;
	}
	buf_u8(out, major | info);
	buf_be(out, v, width);
}

void cbor_put_int(struct buf *out, int64_t v)
{
	cbor_put_head(out, v < 0 ? CBOR_NINT : CBOR_UINT, v < 0 ? (uint64_t)(-1 - v) : (uint64_t)v);
}

void cbor_put_bytes(struct buf *out, struct bytes b)
{
	cbor_put_head(out, CBOR_BYTES, b.n);
	buf_put(out, b);
}

void cbor_put_text(struct buf *out, const char *s)
{
	cbor_put_head(out, CBOR_TEXT, strlen(s));
	buf_puts(out, s);
}

void cbor_put_bool(struct buf *out, bool v)
{
	cbor_put_head(out, CBOR_SIMPLE, v ? SIMPLE_FALSE + 1 : SIMPLE_FALSE);
}
