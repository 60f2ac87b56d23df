/* An ID block and its authentication, as a user hands them to a launch: raw or base64. */
#include <runtime/vm.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vm_protection p = { 0 };
	size_t at = size < ID_BLOCK_SIZE ? size : ID_BLOCK_SIZE;

	if (failed(vm_id_block_set(bytes_of(data, at), bytes_of(data + at, size - at), &p))) {
		if (p.id_block[0] || p.has_policy)
			abort(); /* nothing is written by a failure */
		return 0;
	}
	if (strlen(p.id_block) != 128 || !p.has_policy)
		abort();
	return 0;
}
