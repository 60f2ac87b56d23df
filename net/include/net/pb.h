/* protobuf-c behind our error type. Generated headers are <agent.pb-c.h>, <ttrpc.pb-c.h>, ... */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include <base/buf.h>

/* ERR_FORMAT "<what>: ..." on malformed input; nesting and sizes are bounded before parsing. Free
 * with pb_free(). */
RESULT pb_unpack(const ProtobufCMessageDescriptor *d, struct bytes in, ProtobufCMessage **ret_msg);
RESULT pb_pack(const ProtobufCMessage *msg, struct buf *out);
void pb_free(ProtobufCMessage *msg);

/* AUTO(pb_freep) ProtobufCMessage *m = NULL; */
void pb_freep(ProtobufCMessage **msg);
