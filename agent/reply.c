#include "reply.h"

void reply(struct ttrpc_call *call, const ProtobufCMessage *msg)
{
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);
	struct err e = pb_pack(msg, &out);

	if (failed(e))
		ttrpc_fail(call, e);
	else
		ttrpc_answer(call, buf_bytes(&out));
}

void reply_empty(struct ttrpc_call *call)
{
	ttrpc_answer(call, BYTES_NONE);
}

void reply_result(struct ttrpc_call *call, struct err e)
{
	if (failed(e))
		ttrpc_fail(call, e);
	else
		reply_empty(call);
}
