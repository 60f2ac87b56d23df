#include "cca/cca.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* JSON evidence when it begins like JSON, else a token. Without an anchor nothing may pass. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tee_anchors none;
	AUTO(fields_done) struct fields fields = { 0 };
	AUTO(json_freep) struct json *j = NULL;
	AUTO(claims_done) struct claims c = { 0 };
	struct tee_verify_input in = {
		.raw = bytes_of(data, size),
		.report_data = bytes_str("report data"),
		.initdata_digest = bytes_str("initdata"),
		.anchors = &none,
	};

	if (size > 0 && data[0] == '{') {
		if (failed(json_parse(in.raw, &j)))
			return 0;
		in.evidence = j;
		in.raw = BYTES_NONE;
	} else {
		err_ignore(cca_describe(in.raw, &fields)); /* a refusal, or rows */
	}
	if (!failed(tee_verify(tee_by_platform("cca"), &in, &c)))
		abort();
	return 0;
}
