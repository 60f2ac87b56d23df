#include "vtpm/vtpm_files.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * A quote in a file and one part beside it: two bytes tell how long the quote is, one which part
 * the rest is. Without roots no key may come out as a TPM's.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "signature", "pcrs", "ak", "ak-cert", "ek-cert",
		"event-log" };
	static const uint8_t signature[] = { 0, 0x14, 0, 0x0b, 0, 1, 1 };
	static const struct tee_anchors none;
	AUTO(claims_done) struct claims c = { 0 };

	if (size < 3)
		return 0;
	size_t n = (size_t)data[0] << 8 | data[1];
	const char *name = names[data[2] % ARRAY_LEN(names)];
	struct bytes rest = bytes_of(data + 3, size - 3);
	if (n > rest.n)
		n = rest.n;
	const struct tee_verify_input in = {
		.raw = bytes_of(rest.p, n),
		.parts = { { name, bytes_of(rest.p + n, rest.n - n) },
			{ "signature", BYTES_OF(signature) } },
		.n_parts = 2,
		.anchors = &none,
		.now = 1760000000,
	};
	if (!failed(tee_verify(tee_by_platform("vtpm"), &in, &c)) &&
		!str_equal(claim_text(claims_get(&c, "tpm.ak_trusted")), "false"))
		abort();
	return 0;
}
