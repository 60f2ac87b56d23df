/* What the files of the agent client share. */
#pragma once

#include "runtime/agent_client.h"

#include <net/pb.h>

#define AGENT_SERVICE  "grpc.AgentService"
#define HEALTH_SERVICE "grpc.Health"

struct agent_call {
	const char *service, *method;
	const ProtobufCMessage *request;
	uint64_t timeout_ms; /* 0: none */
};

/* Pumps the loop until the answer is here or the watch gives up. `answer` NULL: Empty. */
RESULT agent_call(struct agent_client *a, const struct agent_call *c,
	const ProtobufCMessageDescriptor *answer, ProtobufCMessage **ret_answer);
/* Starts a call; fn has the rules of ttrpc_start(). */
RESULT agent_call_start(
	struct agent_client *a, const struct agent_call *c, ttrpc_reply_fn *fn, void *arg);
struct loop *agent_loop(struct agent_client *a);

/* protobuf-c has no const; packing reads only. */
static inline char *pb_text(const char *s)
{
	union {
		const char *in;
		char *out;
	} u = { .in = s };

	return u.out;
}
