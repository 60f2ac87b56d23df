/* Results as ttrpc carries them: the Response message and its Status. */
#pragma once

#include <base/buf.h>
#include <net/ttrpc.h>

/* Appends a Response with a payload. */
RESULT ttrpc_response_ok(struct bytes payload, struct buf *out);
/* Appends a Response with a status and, unless NULL, the reason of a refusal. */
RESULT ttrpc_response_failure(
	enum ttrpc_code code, const char *message, const struct denial *denial, struct buf *out);
/*
 * The payload (appended to `out`), or the failure that the peer reported: its message is
 * err_text(), its denial err_denial().
 */
RESULT ttrpc_response_parse(struct bytes response, struct buf *out);
