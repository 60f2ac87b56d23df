#include "sev/sev_cert.h"

#include <stdint.h>
#include <stdlib.h>

#include <tee/fields.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A launch's JSON when it begins like JSON, else certificates. Without a transport key and AMD's
 * root nothing may pass. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(json_freep) struct json *j = NULL;
	AUTO(claims_done) struct claims c = { 0 };
	AUTO(fields_done) struct fields fields = { 0 };
	struct tee_verify_input in = { .raw = bytes_of(data, size) };
	const struct tee_format *f;

	if (size > 0 && data[0] == '{') {
		if (failed(json_parse(in.raw, &j)))
			return 0;
		in.evidence = j;
		in.raw = BYTES_NONE;
	}
	for (size_t i = 0; !j && (f = tee_format_at(i)); i++)
		if (str_equal(f->name, "SEV certificates") && f->is(in.raw))
			err_ignore(f->describe(in.raw, &fields)); /* a refusal, or rows */
	(void)tee_recognise(&in);
	if (!failed(tee_verify(tee_by_platform("sev"), &in, &c)))
		abort();
	return 0;
}
