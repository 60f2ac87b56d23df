/* Annotation packets, private and public options. */
#include <stdlib.h>

#include <image-rs/ocicrypt.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct img_packet p = { 0 };
	struct img_layer_key k = { 0 };
	struct img_pubopts o;
	char *text = NULL;

	err_ignore(img_packet_parse(bytes_of(data, size), &p)); /* only crashes count */
	err_ignore(img_layer_key_parse(bytes_of(data, size), &k));
	if (!failed(bytes_to_str(bytes_of(data, size), &text)))
		err_ignore(img_pubopts_parse(text, &o));
	free(text);
	img_packet_done(&p);
	img_layer_key_done(&k);
	return 0;
}
