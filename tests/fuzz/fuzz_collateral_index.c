#include "store_internal.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is taken names objects that stay below the store. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cstore s = { 0 };

	if (!failed(cstore_index_parse(bytes_of(data, size), &s)))
		for (size_t i = 0; i < s.n_items; i++)
			if (strchr(s.items[i].sha256, '/') || strlen(s.items[i].sha256) != 64)
				abort();
	cstore_contents_done(&s);
	return 0;
}
