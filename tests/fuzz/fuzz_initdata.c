#include <stddef.h>
#include <stdint.h>

#include <measured-boot/initdata.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	AUTO(buf_done) struct buf again = BUF_INIT(2 * (size_t)INITDATA_MAX);
	AUTO(initdata_done) struct initdata d = { 0 };

	if (failed(initdata_image_parse(in, &toml)) && failed(initdata_annotation_parse(in, &toml)))
		buf_put(&toml, in);
	/* What was understood can be written again, unless it was near the limit of size. */
	if (!failed(initdata_parse(buf_bytes(&toml), &d)) && toml.n < INITDATA_MAX / 8 &&
		failed(initdata_make(d.algorithm, &d.data, &again)))
		__builtin_trap();
	return 0;
}
