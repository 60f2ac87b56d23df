#include "reply.h"
#include "requests.h"

void refuse_policy(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	(void)payload;
	reply_failure(call, err_deny(ERR_DENIED, "manifest.request", "SetPolicy",
				    a->open_world ? "no policy in a guest without a manifest"
						  : "the manifest that the launch is bound to",
				    "a policy from the host"));
}

/* Kata's agent without its memory agent answers the same. */
void refuse_mem_agent(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	(void)a;
	(void)payload;
	reply_failure(call, err_new(ERR_UNSUPPORTED, "mem-agent is disabled"));
}
