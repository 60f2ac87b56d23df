/* What was taken as TOML must be valid JSON when it is printed. */
#include <stdlib.h>

#include <base/json.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	PRINTED_MAX = 8 * JSON_SIZE_MAX
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(json_freep) struct json *toml = NULL;
	AUTO(json_freep) struct json *json = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(PRINTED_MAX);

	if (failed(toml_parse(bytes_of(data, size), &toml)))
		return 0;
	if (json_type(toml) != JSON_OBJECT)
		abort();
	json_print(toml, &text);
	if (text.n <= JSON_SIZE_MAX && failed(json_parse(buf_bytes(&text), &json)))
		abort();
	return 0;
}
