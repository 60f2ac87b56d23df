#include "reply.h"

#include <base/random.h>

#define LOG_MODULE "agent"
#include <base/log.h>

enum {
	ID_CHARS = 16
};

/* One that has come with an id (from the broker, through the hub) keeps it. */
static void name_denial(struct err e)
{
	struct err_saved saved;
	char id[ID_CHARS + 1];
	struct err made;

	if (!err_denial() || err_denial()->id[0] != '\0')
		return;
	err_save(e, &saved);
	made = random_hex(id, ID_CHARS);
	err_ignore(err_restore(&saved));
	if (!failed(made))
		err_set_denial_id(id);
}

void reply_failure(struct ttrpc_call *call, struct err e)
{
	name_denial(e);
	log_failure(LOG_MODULE, "failure", e);
	/* Kata's runtimes read "unavailable" as: the agent is. What its programs could not do is
	 * the agent's own failure to them. */
	if (e.code == ERR_PEER && !err_denial())
		ttrpc_fail_as(call, TTRPC_INTERNAL, err_text());
	else
		ttrpc_fail(call, e);
}

void reply(struct ttrpc_call *call, const ProtobufCMessage *msg)
{
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);
	struct err e = pb_pack(msg, &out);

	if (failed(e))
		reply_failure(call, e);
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
		reply_failure(call, e);
	else
		reply_empty(call);
}
