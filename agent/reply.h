/* Answers of the agent API. */
#pragma once

#include <net/pb.h>
#include <net/ttrpc.h>

void reply(struct ttrpc_call *call, const ProtobufCMessage *msg);
void reply_empty(struct ttrpc_call *call);
/* The failure, logged once; a refusal gets an id, so that both sides' logs can be put together. */
void reply_failure(struct ttrpc_call *call, struct err e);
/* The empty message or the failure. */
void reply_result(struct ttrpc_call *call, struct err e);
