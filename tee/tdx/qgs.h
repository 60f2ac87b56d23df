/*
 * The host's quote generation service (Intel DCAP, quote_generation_service): a TDREPORT for a
 * quote, by a stream. Lengths before messages are big-endian, members little-endian.
 */
#pragma once

#include <tee/tee.h>

enum {
	QGS_PORT = 4050,
	QGS_MESSAGE_MAX = 64 * 1024,
};

/* GET_QUOTE_REQ with its length before it. */
RESULT qgs_request_write(struct bytes tdreport, struct buf *out);
/* The quote in a GET_QUOTE_RESP (without the length before it); a view. ERR_PEER: the service says
 * no, with its code. ERR_FORMAT. */
RESULT qgs_response_parse(struct bytes message, struct bytes *ret_quote);
/* Both, over a new connection to `address` ("vsock://2:4050", "unix:///path"). */
RESULT qgs_quote(const char *address, struct bytes tdreport, struct buf *ret_quote);
