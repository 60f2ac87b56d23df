#include "tdx/evidence.h"

#include <base/encode.h>
#include <base/reader.h>
#include <tee/eventlog.h>

enum {
	QUOTE_MAX = 64 * 1024,
	HEADER_SIZE = 48, /* as text: 96 digits, or 64 of base64 without padding */
	BASE64_HEADER = 64,
	CCEL_MAX = EVENTLOG_MAX / 4,
	KEY_ECDSA_P256 = 2,
};

void tdx_evidence_done(struct tdx_evidence *e)
{
	buf_done(&e->quote_buf);
	buf_done(&e->ccel_buf);
	json_free(e->events_own);
}

static bool is_hex(struct bytes s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f') ||
			    (s.p[i] >= 'A' && s.p[i] <= 'F')))
			return false;
	return true;
}

/* The header of no quote is all hex digits in base64: TEE type and zeroes need others. */
static bool quote_is_hex(struct bytes text)
{
	return text.n >= 2 * HEADER_SIZE && is_hex(bytes_of(text.p, 2 * HEADER_SIZE));
}

static RESULT decode_text(struct bytes text, struct buf *out)
{
	if (quote_is_hex(text))
		return hex_decode(text, "quote", out);
	return base64_decode(BASE64_STD, text, "quote", out);
}

/* dstack writes the list as text in a string. */
static RESULT decode_events(const struct json *j, struct tdx_evidence *e)
{
	const char *text = json_string(j);

	e->events = j;
	if (!j || !text)
		return OK;
	TRY(json_parse(bytes_str(text), &e->events_own));
	e->events = e->events_own;
	return OK;
}

static RESULT decode_ccel(const struct json *j, struct tdx_evidence *e)
{
	if (!j || json_type(j) == JSON_NULL)
		return OK;
	if (!json_string(j))
		return err_new(ERR_FORMAT, "cc_eventlog: not a string");
	return base64_decode(BASE64_STD, bytes_str(json_string(j)), "cc_eventlog", &e->ccel_buf);
}

static RESULT decode_json(const struct json *j, struct tdx_evidence *e)
{
	const char *quote;

	TRY(json_need_string(j, "quote", &quote));
	TRY(decode_text(bytes_str(quote), &e->quote_buf));
	TRY(decode_ccel(json_get(j, "cc_eventlog"), e));
	return decode_events(json_get(j, "event_log"), e);
}

RESULT tdx_evidence_decode(const struct tee_verify_input *in, struct tdx_evidence *ret_evidence)
{
	AUTO(tdx_evidence_done)
	struct tdx_evidence e = {
		.quote = in->raw,
		.quote_buf = BUF_INIT(QUOTE_MAX),
		.ccel_buf = BUF_INIT(CCEL_MAX),
	};

	if (in->evidence) {
		TRY(tee_deny_because(
			decode_json(in->evidence, &e), DENY_EVIDENCE_MALFORMED, "evidence"));
		e.quote = buf_bytes(&e.quote_buf);
		e.ccel = buf_bytes(&e.ccel_buf);
	}
	if (e.ccel.n == 0)
		e.ccel = tee_part(in, "event-log");
	*ret_evidence = e;
	e = (struct tdx_evidence){ 0 };
	return OK;
}

bool tdx_quote_looks(struct bytes quote, uint32_t *ret_tee_type)
{
	struct reader r = rd_of(quote);
	uint16_t version = rd_le16(&r), key_type = rd_le16(&r);
	uint32_t tee_type = rd_le32(&r);

	if (quote.n < HEADER_SIZE || version < 3 || version > 5 || key_type != KEY_ECDSA_P256 ||
		(tee_type != TDX_TEE_SGX && tee_type != TDX_TEE_TDX))
		return false;
	*ret_tee_type = tee_type;
	return true;
}

bool tdx_evidence_peek(const struct tee_verify_input *in, uint32_t *ret_tee_type)
{
	AUTO(buf_done) struct buf header = BUF_INIT(HEADER_SIZE);
	const char *text = json_string(json_get(in->evidence, "quote"));

	if (!in->evidence)
		return tdx_quote_looks(in->raw, ret_tee_type);
	if (!text || strlen(text) < 2 * HEADER_SIZE)
		return false;
	struct bytes start =
		bytes_of(text, quote_is_hex(bytes_str(text)) ? 2 * HEADER_SIZE : BASE64_HEADER);
	return !failed(decode_text(start, &header)) &&
	       tdx_quote_looks(buf_bytes(&header), ret_tee_type);
}
