/* gzip (RFC 1952) in memory; used for initdata, which arrives from the host. */
#pragma once

#include <base/buf.h>

/* Appends one member, without name and time, so that equal input makes equal output. */
RESULT gzip_pack(struct bytes in, struct buf *out);
/*
 * Appends the contents of exactly one member. ERR_FORMAT when it is cut, damaged or followed by
 * anything; ERR_LIMIT as soon as `out` is full, whatever more the stream would make.
 */
RESULT gzip_unpack(struct bytes in, const char *what, struct buf *out);
