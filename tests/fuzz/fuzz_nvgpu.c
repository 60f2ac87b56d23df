#include "nvgpu/nvgpu.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* JSON evidence when it begins like JSON, else a report. No report of a device under NVIDIA's root
 * can be made up for this report_data: nothing may pass. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(json_freep) struct json *j = NULL;
	AUTO(claims_done) struct claims c = { 0 };
	struct tee_verify_input in = {
		.raw = bytes_of(data, size),
		.report_data = bytes_str("report data"),
		.now = 1760000000,
	};
	const struct tee_format *f;

	if (size > 0 && data[0] == '{') {
		if (failed(json_parse(in.raw, &j)))
			return 0;
		in.evidence = j;
		in.raw = BYTES_NONE;
	}
	for (size_t i = 0; !j && (f = tee_format_at(i)); i++) {
		AUTO(fields_done) struct fields fields = { 0 };

		if (f->is(in.raw))
			err_ignore(f->describe(in.raw, &fields)); /* a refusal, or rows */
	}
	if (!failed(tee_verify(tee_by_platform("nvgpu"), &in, &c)))
		abort();
	return 0;
}
