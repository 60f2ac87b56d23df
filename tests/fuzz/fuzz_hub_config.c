#include "config.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(hub_config_done) struct hub_config c = { 0 };
	struct bytes in = bytes_of(data, size);

	err_ignore(hub_config_parse(in, in, &c));
	return 0;
}
