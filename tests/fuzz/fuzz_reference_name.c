/* Image references: what parses prints and parses again to the same. */
#include <stdlib.h>

#include <base/buf.h>
#include <image-rs/reference.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct img_reference r = { 0 }, again = { 0 };
	char *text = NULL, *printed = NULL;

	if (!failed(bytes_to_str(bytes_of(data, size), &text)) &&
		!failed(img_reference_parse(text, &r))) {
		if (failed(img_reference_print(&r, &printed)) ||
			failed(img_reference_parse(printed, &again)) ||
			!str_equal(r.repository, again.repository) ||
			!str_equal(r.registry, again.registry))
			abort();
	}
	free(text);
	free(printed);
	img_reference_done(&r);
	img_reference_done(&again);
	return 0;
}
