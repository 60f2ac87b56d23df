#include "tdx/tdreport.h"
#include "tdx/tdx.h"

#include <stdint.h>
#include <stdlib.h>

#include <base/auto.h>
#include <base/reader.h>
#include <tee/fields.h>

enum {
	HEADER_SIZE = 8 /* size of the event log, time */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Without an anchor of ours nothing may pass. */
static void verify(const char *platform, const struct tee_verify_input *in)
{
	AUTO(claims_done) struct claims c = { 0 };

	if (!failed(tee_verify(tee_by_platform(platform), in, &c)))
		abort();
	(void)tee_recognise(in);
}

static void describe(struct bytes file)
{
	for (size_t i = 0; tee_format_at(i); i++) {
		AUTO(fields_done) struct fields f = { 0 };
		AUTO(buf_done) struct buf text = BUF_INIT(4 * 1024 * 1024);

		if (!tee_format_at(i)->is(file))
			continue;
		err_ignore(tee_format_at(i)->describe(file, &f)); /* a refusal, or rows */
		fields_print(&f, &text);
	}
}

/* JSON evidence when it begins like JSON; else a quote behind an event log. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tee_anchors none;
	static const struct tee_policy policy = { .crl_optional = true, .allow_debug = true };
	AUTO(json_freep) struct json *j = NULL;
	struct tee_verify_input in = {
		.report_data = bytes_str("report data"),
		.initdata_digest = bytes_str("initdata"),
		.anchors = &none,
		.policy = &policy,
	};
	struct reader r = rd_of(bytes_of(data, size));

	describe(bytes_of(data, size));
	if (size > 0 && data[0] == '{') {
		if (failed(json_parse(bytes_of(data, size), &j)))
			return 0;
		in.evidence = j;
	} else if (size > HEADER_SIZE) {
		uint32_t log_size = rd_le32(&r);
		in.now = (int64_t)rd_le32(&r);
		in.parts[0] = (struct tee_part){ "event-log", rd_take(&r, log_size % r.left) };
		in.n_parts = 1;
		in.raw = rd_rest(&r);
		describe(in.raw);
	}
	verify("tdx", &in);
	verify("sgx", &in);
	return 0;
}
