/* Secure Execution's files: what is taken must be describable, and nothing made up verifies. */
#include "s390-se/se.h"

#include <stdlib.h>

#include <tee/fields.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[SE_KEY_SIZE] = { 1 };
	static const struct tee_anchors none = { 0 };
	AUTO(claims_done) struct claims claims = { 0 };
	struct bytes in = bytes_of(data, size);
	const struct tee_format *f;

	for (size_t i = 0; (f = tee_format_at(i)); i++) {
		AUTO(fields_done) struct fields out = { 0 };
		if (f->is(in))
			err_ignore(f->describe(in, &out)); /* only must not crash */
	}
	const struct tee_verify_input v = { .raw = in,
		.parts = { { "request-key", BYTES_OF(key) }, { "se-header", in } },
		.n_parts = 2,
		.anchors = &none };
	if (!failed(tee_verify(tee_by_platform("se"), &v, &claims)))
		abort();
	return 0;
}
