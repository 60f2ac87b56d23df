#include "der.h"

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
