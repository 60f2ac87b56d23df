#include "tdx_gen.h"
#include "util.h"

#include <base/encode.h>
#include <base/reader.h>
#include <tee/eventlog.h>

enum {
	LOG_MAX = 1024 * 1024,
	TPM_ALG_SHA384 = 0x000c,
	TEE_TYPE_AT = 4,
};

void tdx_gen_log_start(struct tdx_gen_log *l)
{
	*l = (struct tdx_gen_log){ .log = BUF_INIT(LOG_MAX) };
	for (size_t i = 0; i < TDX_RTMRS; i++)
		l->rtmr[i] = (struct digest_value){ .alg = DIGEST_SHA384, .n = DIGEST_SHA384_SIZE };
	buf_le32(&l->log, 0);
	buf_le32(&l->log, EV_NO_ACTION);
	buf_zero(&l->log, DIGEST_SHA1_SIZE);
	buf_le32(&l->log, 16 + 4 + 4 + 4 + 4 + 1);
	buf_put(&l->log, bytes_of("Spec ID Event03", 16));
	buf_le32(&l->log, 0);
	buf_put(&l->log, bytes_of("\0\2\0\2", 4)); /* version 2.0, 64-bit UINTN */
	buf_le32(&l->log, 1);
	buf_le16(&l->log, TPM_ALG_SHA384);
	buf_le16(&l->log, DIGEST_SHA384_SIZE);
	buf_u8(&l->log, 0);
}

void tdx_gen_log_done(struct tdx_gen_log *l)
{
	buf_done(&l->log);
}

void tdx_gen_log_event(struct tdx_gen_log *l, uint32_t mr, uint32_t type, struct bytes data)
{
	struct digest_value d;

	assert_ok(digest(DIGEST_SHA384, data, &d));
	buf_le32(&l->log, mr);
	buf_le32(&l->log, type);
	buf_le32(&l->log, 1);
	buf_le16(&l->log, TPM_ALG_SHA384);
	buf_put(&l->log, digest_bytes(&d));
	buf_le32(&l->log, data.n);
	buf_put(&l->log, data);
	assert_ok(buf_end(&l->log, "log"));
	if (type != EV_NO_ACTION && mr >= 1 && mr <= TDX_RTMRS)
		assert_ok(pcr_extend(&l->rtmr[mr - 1], digest_bytes(&d)));
}

void tdx_gen_log_boot(struct tdx_gen_log *l)
{
	static const uint8_t separator[4];

	tdx_gen_log_event(l, 1, EV_EFI_HANDOFF_TABLES2, bytes_str("TD HOB list"));
	tdx_gen_log_event(l, 1, EV_EFI_PLATFORM_FIRMWARE_BLOB2, bytes_str("variables"));
	tdx_gen_log_event(l, 1, EV_SEPARATOR, BYTES_OF(separator));
	tdx_gen_log_event(l, 2, EV_EFI_BOOT_SERVICES_APPLICATION, bytes_str("kernel"));
	tdx_gen_log_event(
		l, 2, EV_EFI_ACTION, bytes_str("Calling EFI Application from Boot Option"));
	tdx_gen_log_event(l, 2, EV_SEPARATOR, BYTES_OF(separator));
	tdx_gen_log_event(l, 3, EV_EVENT_TAG, bytes_str("command line"));
	tdx_gen_log_event(l, 3, EV_EVENT_TAG, bytes_str("initrd"));
}

void tdx_gen_log_quoted(const struct tdx_gen_log *l, struct tdx_gen_quote *q)
{
	for (size_t i = 0; i < TDX_RTMRS; i++)
		memcpy(q->td.rtmr[i], l->rtmr[i].v, sizeof(q->td.rtmr[i]));
}

void tdx_gen_evidence(struct bytes quote, struct bytes log, struct buf *ret_json)
{
	struct json_writer w = jw_of(ret_json);

	jw_object(&w);
	jw_kbase64(&w, "quote", quote);
	if (log.n > 0) {
		jw_kbase64(&w, "cc_eventlog", log);
	} else if (quote.n > TEE_TYPE_AT && quote.p[TEE_TYPE_AT] == TDX_TEE_TDX) {
		jw_key(&w, "cc_eventlog");
		jw_null(&w);
	}
	jw_object_end(&w);
	assert_ok(buf_end(ret_json, "evidence"));
}
