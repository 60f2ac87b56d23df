/* Manifests, indexes and configurations. */
#include <image-rs/manifest.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct img_document d = { 0 };
	struct img_config c = { 0 };
	const struct img_index_entry *e;

	if (!failed(img_document_parse(bytes_of(data, size), &d)) && d.is_index)
		err_ignore(img_index_select(&d.index, "amd64", &e)); /* only crashes count */
	err_ignore(img_config_parse(bytes_of(data, size), &c));
	img_document_done(&d);
	img_config_done(&c);
	return 0;
}
