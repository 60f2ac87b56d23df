#include "ttrpc_frame.h"

#include <base/reader.h>

struct ttrpc_header ttrpc_header_parse(const uint8_t p[static TTRPC_HEADER_SIZE])
{
	struct reader r = rd_of(bytes_of(p, TTRPC_HEADER_SIZE));
	struct ttrpc_header h;

	h.length = rd_be32(&r);
	h.stream = rd_be32(&r);
	h.type = rd_u8(&r);
	h.flags = rd_u8(&r);
	return h;
}

void ttrpc_header_write(const struct ttrpc_header *h, struct buf *out)
{
	buf_be32(out, h->length);
	buf_be32(out, h->stream);
	buf_u8(out, h->type);
	buf_u8(out, h->flags);
}
