/* protobuf-c behind our error type. Generated headers are <agent.pb-c.h>, <ttrpc.pb-c.h>, ... */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include <base/buf.h>

enum {
	PB_DEPTH_MAX = 16,	   /* messages in messages */
	PB_FIELDS_MAX = 64 * 1024, /* fields and packed elements of one message, nested ones too */
	PB_SIZE_MAX = 4 * 1024 * 1024
};

/*
 * ERR_FORMAT or ERR_LIMIT "<message>.<field>: ..." on malformed input. Before anything is allocated
 * the whole input is walked: sizes, nesting and the number of fields are bounded, strings are UTF-8
 * without NUL. Free with pb_free().
 */
RESULT pb_unpack(const ProtobufCMessageDescriptor *d, struct bytes in, ProtobufCMessage **ret_msg);
/* Appends to `out`. */
RESULT pb_pack(const ProtobufCMessage *msg, struct buf *out);
void pb_free(ProtobufCMessage *msg);

/* AUTO(pb_freep) ProtobufCMessage *m = NULL; */
void pb_freep(ProtobufCMessage **msg);

/*
 * The same with the message's own type, which begins with its `base`:
 *	AUTO(pb_free_any) Agent__OOMEvent *event = NULL;
 *	TRY(PB_UNPACK(agent__oomevent, in, &event));
 */
#define PB_UNPACK(name, in, ret)                                                                   \
	((void)sizeof((*(ret))->base), pb_unpack_any(&name##__descriptor, (in), (ret)))
RESULT pb_unpack_any(const ProtobufCMessageDescriptor *d, struct bytes in, void *ret_msg);
void pb_free_any(void *ptr_to_msg);
