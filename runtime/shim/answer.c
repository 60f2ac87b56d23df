#include "shim.h"

#include <net/pb.h>

void answer(struct ttrpc_call *call, const ProtobufCMessage *m)
{
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);
	struct err e = pb_pack(m, &out);

	if (failed(e))
		ttrpc_fail(call, e);
	else
		ttrpc_answer(call, buf_bytes(&out));
}

void answer_empty(struct ttrpc_call *call)
{
	ttrpc_answer(call, BYTES_NONE);
}

void answer_result(struct ttrpc_call *call, struct err e)
{
	if (failed(e))
		ttrpc_fail(call, e);
	else
		answer_empty(call);
}

Pb__Timestamp timestamp_of(const struct timespec *t)
{
	Pb__Timestamp ts = PB__TIMESTAMP__INIT;

	ts.seconds = t->tv_sec;
	ts.nanos = (int32_t)t->tv_nsec;
	return ts;
}
