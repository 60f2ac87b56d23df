#include "tdx/qgs.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A quote that was found lies inside the message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes quote;

	if (!failed(qgs_response_parse(bytes_of(data, size), &quote)) &&
		(quote.n == 0 || quote.p < data || quote.p + quote.n != data + size))
		abort();
	return 0;
}
