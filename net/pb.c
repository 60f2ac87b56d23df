#include "pb_check.h"

#include <net/pb.h>

RESULT pb_unpack(const ProtobufCMessageDescriptor *d, struct bytes in, ProtobufCMessage **ret_msg)
{
	ProtobufCMessage *msg;

	if (in.n > PB_SIZE_MAX)
		return err_new(ERR_LIMIT, "%s: more than %d bytes", d->short_name, PB_SIZE_MAX);
	TRY(pb_check(d, in));
	msg = protobuf_c_message_unpack(d, NULL, in.n, in.p);
	if (!msg)
		return err_new(ERR_FORMAT, "%s: malformed or out of memory", d->short_name);
	*ret_msg = msg;
	return OK;
}

RESULT pb_unpack_any(const ProtobufCMessageDescriptor *d, struct bytes in, void *ret_msg)
{
	ProtobufCMessage *msg = NULL;

	TRY(pb_unpack(d, in, &msg));
	/* Copied: pointers to different types do not alias. */
	void *p = msg;

	memcpy(ret_msg, &p, sizeof(p));
	return OK;
}

RESULT pb_pack(const ProtobufCMessage *msg, struct buf *out)
{
	size_t n = protobuf_c_message_get_packed_size(msg);
	uint8_t *to = buf_grow(out, n);

	TRY(buf_end(out, msg->descriptor->short_name));
	if (n > 0)
		(void)protobuf_c_message_pack(msg, to);
	return OK;
}

void pb_free(ProtobufCMessage *msg)
{
	protobuf_c_message_free_unpacked(msg, NULL);
}

void pb_freep(ProtobufCMessage **msg)
{
	pb_free(*msg);
}

void pb_free_any(void *ptr_to_msg)
{
	void *msg;

	memcpy(&msg, ptr_to_msg, sizeof(msg));
	pb_free(msg);
}
