#include "pb_check.h"

#include <base/reader.h>
#include <net/pb.h>

/* Protocol Buffers, "Encoding": the low three bits of a tag */
enum wire_type {
	WIRE_VARINT = 0,
	WIRE_I64 = 1,
	WIRE_LEN = 2,
	WIRE_I32 = 5
};

enum {
	VARINT_BYTES_MAX = 10,
	TAG_MAX = (1 << 29) - 1
};

struct walk {
	unsigned depth;
	size_t fields; /* of the whole message */
};

static uint64_t read_varint(struct reader *r)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < VARINT_BYTES_MAX && rd_ok(r); i++) {
		uint8_t b = rd_u8(r);

		v |= (uint64_t)(b & 0x7f) << (7 * i);
		if (!(b & 0x80))
			return v;
	}
	r->bad = true;
	return 0;
}

size_t pb_utf8_length(const uint8_t *p, size_t left)
{
	static const struct {
		uint8_t first, last, low, high; /* of the first and of the second byte */
		size_t n;
	} rows[] = {
		{ 0x01, 0x7f, 0x00, 0xff, 1 },
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t n = rows[i].n;

		if (p[0] < rows[i].first || p[0] > rows[i].last)
			continue;
		if (n > left || (n > 1 && (p[1] < rows[i].low || p[1] > rows[i].high)))
			return 0;
		for (size_t k = 2; k < n; k++) {
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		}
		return n;
	}
	return 0;
}

static bool is_text(struct bytes s)
{
	for (size_t i = 0, n; i < s.n; i += n) {
		n = pb_utf8_length(s.p + i, s.n - i);
		if (n == 0)
			return false;
	}
	return true;
}

static struct err bad_field(
	const ProtobufCMessageDescriptor *d, const ProtobufCFieldDescriptor *f, const char *what)
{
	return err_new(ERR_FORMAT, "%s.%s: %s", d->short_name, f ? f->name : "(unknown)", what);
}

static bool is_scalar(const ProtobufCFieldDescriptor *f)
{
	return f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_BYTES &&
	       f->type != PROTOBUF_C_TYPE_MESSAGE;
}

static RESULT check_message(const ProtobufCMessageDescriptor *d, struct bytes in, struct walk *w);

static RESULT check_block(const ProtobufCMessageDescriptor *d, const ProtobufCFieldDescriptor *f,
	struct bytes block, struct walk *w)
{
	if (!f)
		return OK;
	if (f->type == PROTOBUF_C_TYPE_STRING && !is_text(block))
		return bad_field(d, f, "not UTF-8 text");
	/* Every packed element takes a byte at least. */
	if (is_scalar(f))
		w->fields += block.n;
	if (f->type != PROTOBUF_C_TYPE_MESSAGE)
		return OK;
	if (w->depth >= PB_DEPTH_MAX)
		return err_new(ERR_LIMIT, "%s.%s: more than %d levels", d->short_name, f->name,
			PB_DEPTH_MAX);
	w->depth++;
	struct err e = check_message(f->descriptor, block, w);

	w->depth--;
	return e;
}

static RESULT check_field(const ProtobufCMessageDescriptor *d, struct reader *r, struct walk *w)
{
	const ProtobufCFieldDescriptor *f = NULL;
	struct bytes block = BYTES_NONE;
	uint64_t tag = read_varint(r);
	bool is_block = (tag & 7) == WIRE_LEN;

	if (!rd_ok(r))
		return bad_field(d, NULL, "truncated");
	if (tag >> 3 == 0 || tag >> 3 > TAG_MAX)
		return bad_field(d, NULL, "bad tag");
	f = protobuf_c_message_descriptor_get_field(d, (unsigned)(tag >> 3));
	if (f && !is_block && !is_scalar(f))
		return bad_field(d, f, "wrong wire type");
	switch ((enum wire_type)(tag & 7)) {
	case WIRE_VARINT:
		(void)read_varint(r);
		break;
	case WIRE_I64:
		rd_skip(r, 8);
		break;
	case WIRE_I32:
		rd_skip(r, 4);
		break;
	case WIRE_LEN:
		block = rd_take(r, (size_t)read_varint(r));
		break;
	default:
		return bad_field(d, f, "bad wire type");
	}
	if (!rd_ok(r))
		return bad_field(d, f, "truncated");
	return is_block ? check_block(d, f, block, w) : OK;
}

static RESULT check_message(const ProtobufCMessageDescriptor *d, struct bytes in, struct walk *w)
{
	struct reader r = rd_of(in);

	while (rd_more(&r)) {
		TRY(check_field(d, &r, w));
		if (++w->fields > PB_FIELDS_MAX)
			return err_new(
				ERR_LIMIT, "%s: more than %d fields", d->short_name, PB_FIELDS_MAX);
	}
	return OK;
}

RESULT pb_check(const ProtobufCMessageDescriptor *d, struct bytes in)
{
	struct walk w = { 0 };

	return check_message(d, in, &w);
}
