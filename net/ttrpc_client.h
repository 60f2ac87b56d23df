/* What the proxy needs of a client beyond the public functions. */
#pragma once

#include <net/ttrpc.h>

/* e: failed(e), or OK and the Response message as it came. */
typedef ttrpc_reply_fn ttrpc_forward_fn;

/* Sends a Request message as it is; the answer comes unopened. As ttrpc_start() otherwise. */
RESULT ttrpc_client_forward(
	struct ttrpc_client *c, struct bytes request, ttrpc_forward_fn *fn, void *arg);
/* The call with this argument is not reported any more. */
void ttrpc_client_forget(struct ttrpc_client *c, const void *arg);
/* Called when the output queue passes its marks; one function, NULL for none. */
void ttrpc_client_on_congestion(
	struct ttrpc_client *c, void (*fn)(void *arg, bool is_congested), void *arg);
bool ttrpc_client_is_congested(const struct ttrpc_client *c);
