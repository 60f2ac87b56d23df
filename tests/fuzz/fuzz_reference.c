#include <stdint.h>
#include <stdlib.h>

#include <attestation/attestation.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted prints to something that is accepted. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(reference_freep) struct reference_values *r = NULL, *again = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(JSON_SIZE_MAX);

	if (failed(reference_new(&r)) || failed(reference_new(&again)))
		return 0;
	if (failed(reference_import(r, bytes_of(data, size))))
		return 0;
	if (failed(reference_print(r, &text)))
		return 0;
	if (failed(reference_import(again, buf_bytes(&text))))
		abort();
	return 0;
}
