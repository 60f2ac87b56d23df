#include <string.h>

#include <base/buf.h>
#include <crypto/der.h>

enum {
	DER_DEPTH_MAX = 32,
	CONSTRUCTED = 0x20,
	CLASS_MASK = 0xc0,
	NUMBER_MASK = 0x1f,
	TAG_BOOLEAN = 1,
	TAG_SEQUENCE = 16,
	TAG_SET = 17
};

/* X.690 10.1: definite, in as few octets as possible. */
static RESULT length(struct reader *r, size_t *ret_n)
{
	uint8_t first = rd_u8(r);

	if (first < 0x80) {
		*ret_n = first;
		return OK;
	}
	size_t width = first & 0x7f;
	if (width < 1 || width > 4)
		return err_new(ERR_FORMAT, "DER: %s length", width ? "overlong" : "indefinite");
	uint64_t n = rd_be(r, width);
	if (rd_ok(r) && (n < 0x80 || n >> (8 * (width - 1)) == 0))
		return err_new(ERR_FORMAT, "DER: length not minimal");
	*ret_n = (size_t)n;
	return OK;
}

/* X.690 10.2 and 11.1: strings are primitive, a boolean is 0 or 0xff. */
static RESULT form(uint8_t tag, struct bytes value)
{
	uint8_t number = tag & NUMBER_MASK;
	bool constructed = tag & CONSTRUCTED;

	if (number == NUMBER_MASK)
		return err_new(ERR_FORMAT, "DER: tag of more than one octet");
	if ((tag & CLASS_MASK) != 0)
		return OK;
	if (constructed != (number == TAG_SEQUENCE || number == TAG_SET))
		return err_new(ERR_FORMAT, "DER: tag 0x%02x", tag);
	if (number == TAG_BOOLEAN && (value.n != 1 || (value.p[0] != 0 && value.p[0] != 0xff)))
		return err_new(ERR_FORMAT, "DER: boolean");
	return OK;
}

static RESULT element(struct reader *r, unsigned depth, struct bytes *ret_element)
{
	const uint8_t *start = r->p;
	uint8_t tag = rd_u8(r);
	size_t n = 0;

	TRY(length(r, &n));
	struct bytes value = rd_take(r, n);
	if (!rd_ok(r))
		return err_new(ERR_FORMAT, "DER: truncated");
	TRY(form(tag, value));
	if (tag & CONSTRUCTED) {
		struct reader inner = rd_of(value);
		struct bytes child;

		if (depth >= DER_DEPTH_MAX)
			return err_new(ERR_LIMIT, "DER: nested deeper than %d", DER_DEPTH_MAX);
		while (rd_more(&inner))
			TRY(element(&inner, depth + 1, &child));
	}
	*ret_element = bytes_of(start, (size_t)(value.p + value.n - start));
	return OK;
}

RESULT der_next(struct reader *r, struct bytes *ret_element)
{
	return element(r, 0, ret_element);
}

RESULT der_check(struct bytes in)
{
	struct reader r = rd_of(in);
	struct bytes whole;

	TRY(der_next(&r, &whole));
	return rd_end(&r, "DER");
}

RESULT der_any(struct reader *r, uint8_t *ret_tag, struct bytes *ret_contents)
{
	struct bytes whole;
	size_t n = 0;

	TRY(der_next(r, &whole));
	struct reader e = rd_of(whole);
	uint8_t tag = rd_u8(&e);
	TRY(length(&e, &n));
	*ret_contents = rd_take(&e, n);
	*ret_tag = tag;
	return OK;
}

static RESULT expect(struct reader *r, uint8_t want, struct bytes *ret_contents)
{
	struct bytes contents;
	uint8_t tag;

	TRY(der_any(r, &tag, &contents));
	if (tag != want)
		return err_new(ERR_FORMAT, "DER: tag 0x%02x where 0x%02x belongs", tag, want);
	*ret_contents = contents;
	return OK;
}

RESULT der_enter(struct reader *r, uint8_t tag, struct reader *ret_contents)
{
	struct bytes contents;

	TRY(expect(r, tag, &contents));
	*ret_contents = rd_of(contents);
	return OK;
}

RESULT der_u64(struct reader *r, uint64_t *ret_v)
{
	struct bytes v;
	uint8_t tag;

	TRY(der_any(r, &tag, &v));
	if (tag != DER_INTEGER && tag != DER_ENUMERATED)
		return err_new(ERR_FORMAT, "DER: tag 0x%02x is no number", tag);
	if (v.n == 0 || v.p[0] & 0x80)
		return err_new(ERR_FORMAT, "DER: number %s", v.n ? "below zero" : "without octets");
	if (v.n > 1 && v.p[0] == 0 && !(v.p[1] & 0x80))
		return err_new(ERR_FORMAT, "DER: number not minimal");
	struct reader n = rd_of(v);
	if (v.n == sizeof(uint64_t) + 1 && v.p[0] == 0)
		rd_skip(&n, 1);
	if (n.left > sizeof(uint64_t))
		return err_new(ERR_FORMAT, "DER: number of %zu octets", v.n);
	*ret_v = rd_be(&n, n.left);
	return OK;
}

/* X.690 8.19: base 128, most significant group first, no leading 0x80. */
static RESULT oid_part(struct reader *r, uint64_t *ret_v)
{
	uint64_t v = 0;
	uint8_t octet;

	do {
		octet = rd_u8(r);
		if (!rd_ok(r) || (v == 0 && octet == 0x80) || v >> 32)
			return err_new(ERR_FORMAT, "DER: object identifier");
		v = v << 7 | (octet & 0x7f);
	} while (octet & 0x80);
	*ret_v = v;
	return OK;
}

RESULT der_oid(struct reader *r, char to[static DER_OID_TEXT_MAX])
{
	AUTO(buf_done) struct buf text = BUF_INIT(DER_OID_TEXT_MAX - 1);
	struct reader v;
	uint64_t part;

	TRY(der_enter(r, DER_OID, &v));
	TRY(oid_part(&v, &part));
	unsigned long long first = part < 80 ? part / 40 : 2;
	buf_printf(&text, "%llu.%llu", first, (unsigned long long)part - first * 40);
	while (rd_more(&v)) {
		TRY(oid_part(&v, &part));
		buf_printf(&text, ".%llu", (unsigned long long)part);
	}
	TRY(buf_end(&text, "object identifier"));
	memcpy(to, text.p, text.n);
	to[text.n] = '\0';
	return OK;
}
