#include "azure/azure.h"

#include <stdint.h>
#include <stdlib.h>

#include <tee/fields.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing here is signed by a root that anybody trusts. */
static void judge(const struct tee_verify_input *in)
{
	static const char *const platforms[] = { "az-snp-vtpm", "az-tdx-vtpm" };

	(void)tee_recognise(in);
	for (size_t i = 0; i < ARRAY_LEN(platforms); i++) {
		AUTO(claims_done) struct claims c = { 0 };

		if (!failed(tee_verify(tee_by_platform(platforms[i]), in, &c)))
			abort();
	}
}

/* An HCL report, quote.bin or the JSON that a guest sends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tee_anchors none;
	AUTO(json_freep) struct json *j = NULL;
	struct bytes file = bytes_of(data, size);
	struct tee_verify_input in = {
		.raw = file,
		.parts = { { "quote", file } },
		.n_parts = 1,
		.report_data = bytes_str("report data"),
		.anchors = &none,
		.now = 1760000000,
	};

	for (size_t i = 0; tee_format_at(i); i++) {
		struct fields out = { 0 };

		if (tee_format_at(i)->is(file))
			err_ignore(tee_format_at(i)->describe(file, &out)); /* any verdict */
		fields_done(&out);
	}
	judge(&in);
	if (failed(json_parse(file, &j)))
		return 0;
	in.evidence = j;
	in.raw = BYTES_NONE;
	judge(&in);
	return 0;
}
