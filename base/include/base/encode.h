/* Text forms of bytes. Decoders are strict: no white space, canonical padding, full consumption. */
#pragma once

#include <base/buf.h>

/* Lower case; appends to `out`. */
void hex_encode(struct bytes in, struct buf *out);
/* Either case, even length. Appends to `out`; ERR_FORMAT names `what`. */
RESULT hex_decode(struct bytes text, const char *what, struct buf *out);
/* Exactly n bytes. */
RESULT hex_decode_fixed(struct bytes text, const char *what, uint8_t *out, size_t n);
/* Lower case with NUL into to[2 * in.n + 1]. */
void hex_to(struct bytes in, char *to);

enum base64_kind {
	BASE64_STD,	   /* RFC 4648 section 4, padding required */
	BASE64_URL_NO_PAD, /* RFC 4648 section 5, padding refused */
};

void base64_encode(enum base64_kind kind, struct bytes in, struct buf *out);
/* In time that does not depend on the decoded values, so that secrets may pass. */
RESULT base64_decode(enum base64_kind kind, struct bytes text, const char *what, struct buf *out);
