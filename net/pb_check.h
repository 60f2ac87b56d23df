#pragma once

#include <protobuf-c/protobuf-c.h>

#include <base/bytes.h>
#include <base/err.h>

/* Walks the wire format against its descriptor and builds nothing; the limits of net/pb.h. */
RESULT pb_check(const ProtobufCMessageDescriptor *d, struct bytes in);
