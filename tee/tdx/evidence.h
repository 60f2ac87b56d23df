/*
 * What a guest sends: Trustee's {"quote":"<base64>","cc_eventlog":"<base64>"|null} of TDX and
 * {"quote"} of SGX, dstack's {"quote":"<hex>","event_log":[...] or the same as text}, or the quote
 * alone.
 */
#pragma once

#include "tdx/tdx.h"

struct tdx_evidence {
	struct bytes quote;	   /* view */
	struct bytes ccel;	   /* view; n = 0: none */
	const struct json *events; /* dstack's; NULL: none */
	struct buf quote_buf, ccel_buf;
	struct json *events_own;
};
/* ERR_UNVERIFIED "evidence.malformed" names the member. */
RESULT tdx_evidence_decode(const struct tee_verify_input *in, struct tdx_evidence *ret_evidence);
void tdx_evidence_done(struct tdx_evidence *e);
/* The TEE type of what looks like a quote, of raw bytes or in JSON; false: does not. */
bool tdx_evidence_peek(const struct tee_verify_input *in, uint32_t *ret_tee_type);
/* Likewise for the bytes of a quote. */
bool tdx_quote_looks(struct bytes quote, uint32_t *ret_tee_type);
