#include "secure_mount.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(secure_mount_done) struct secure_mount m = { 0 };

	err_ignore(secure_mount_parse(bytes_of(data, size), &m));
	return 0;
}
