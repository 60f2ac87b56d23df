#include "luks2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The text by itself, and as part of a header whose checksum the fuzzer cannot guess. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size), text;
	struct luks2_header h;
	struct luks2 l;

	err_ignore(luks2_parse(in, false, &l));
	err_ignore(luks2_parse(in, true, &l));
	if (failed(luks2_header_parse(
		    bytes_of(data, size < LUKS2_BINARY ? size : LUKS2_BINARY), false, &h)))
		return 0;
	err_ignore(luks2_header_check(in, &h, &text));
	return 0;
}
