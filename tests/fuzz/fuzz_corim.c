#include <stdint.h>
#include <stdlib.h>

#include <measured-boot/manifest.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted is written to something that is accepted, and then to the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 }, again = { 0 };
	AUTO(buf_done) struct buf a = BUF_INIT(2 * MANIFEST_FILE_MAX);
	AUTO(buf_done) struct buf b = BUF_INIT(2 * MANIFEST_FILE_MAX);

	if (size > MANIFEST_FILE_MAX || failed(manifest_from_corim(bytes_of(data, size), &m)))
		return 0;
	if (failed(manifest_to_corim(&m, &a)))
		return 0;
	if (failed(manifest_from_corim(buf_bytes(&a), &again)) ||
		failed(manifest_to_corim(&again, &b)) || !bytes_equal(buf_bytes(&a), buf_bytes(&b)))
		abort();
	return 0;
}
