#pragma once

#include <protobuf-c/protobuf-c.h>

#include <base/bytes.h>
#include <base/err.h>

/* Walks the wire format against its descriptor and builds nothing; the limits of net/pb.h. */
RESULT pb_check(const ProtobufCMessageDescriptor *d, struct bytes in);
/* Length of the UTF-8 sequence (RFC 3629 section 4) at p, 0 when there is none or it is NUL. */
size_t pb_utf8_length(const uint8_t *p, size_t left);
