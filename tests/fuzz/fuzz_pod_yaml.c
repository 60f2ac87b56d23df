#include <stddef.h>
#include <stdint.h>

#include <runtime/pod_size.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(json_freep) struct json *documents = NULL;
	struct pod_size s = { 0 };

	if (failed(pod_yaml_parse(bytes_of(data, size), &documents)))
		return 0;
	err_ignore(pod_size_of(documents, NULL, &s));
	return 0;
}
