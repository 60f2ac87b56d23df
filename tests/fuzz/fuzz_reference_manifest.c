#include <stdint.h>
#include <stdlib.h>

#include <measured-boot/manifest.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any form; what was accepted prints to JSON that is accepted and prints the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 }, again = { 0 };
	AUTO(buf_done) struct buf a = BUF_INIT(2 * MANIFEST_FILE_MAX);
	AUTO(buf_done) struct buf b = BUF_INIT(2 * MANIFEST_FILE_MAX);
	enum manifest_form form;

	if (failed(manifest_peek(bytes_of(data, size), &form, &m)))
		return 0;
	if (failed(manifest_print(&m, &a)))
		return 0;
	if (failed(ref_manifest_parse(buf_bytes(&a), &again)) ||
		failed(manifest_print(&again, &b)) || !bytes_equal(buf_bytes(&a), buf_bytes(&b)))
		abort();
	return 0;
}
