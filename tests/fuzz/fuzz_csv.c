#include "csv/csv.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void describe(struct bytes file)
{
	const struct tee_format *f;

	for (size_t i = 0; (f = tee_format_at(i)); i++) {
		AUTO(fields_done) struct fields fields = { 0 };

		if (f->is(file))
			err_ignore(f->describe(file, &fields)); /* a refusal, or rows */
	}
}

/* JSON evidence when it begins like JSON, else a report or a certificate. No HSK and CEK are given
 * to reports, and none of Hygon's can be made up: nothing may pass. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(json_freep) struct json *j = NULL;
	AUTO(claims_done) struct claims c = { 0 };
	struct tee_verify_input in = {
		.raw = bytes_of(data, size),
		.report_data = bytes_str("report data"),
	};

	if (size > 0 && data[0] == '{') {
		if (failed(json_parse(in.raw, &j)))
			return 0;
		in.evidence = j;
		in.raw = BYTES_NONE;
	} else {
		describe(in.raw);
	}
	if (!failed(tee_verify(tee_by_platform("csv"), &in, &c)))
		abort();
	return 0;
}
