/* The ten bytes before every ttrpc message. */
#pragma once

#include <base/buf.h>

enum {
	TTRPC_HEADER_SIZE = 10
};

enum ttrpc_type {
	TTRPC_TYPE_REQUEST = 1,
	TTRPC_TYPE_RESPONSE = 2,
	TTRPC_TYPE_DATA = 3
};

struct ttrpc_header {
	uint32_t length; /* of the payload */
	uint32_t stream;
	uint8_t type, flags;
};

struct ttrpc_header ttrpc_header_parse(const uint8_t p[static TTRPC_HEADER_SIZE]);
void ttrpc_header_write(const struct ttrpc_header *h, struct buf *out);
