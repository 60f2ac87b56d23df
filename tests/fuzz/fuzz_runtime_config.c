/* A file of the configuration, for each of the built-in handlers that differ, printed again. */
#include "config_parts.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const handlers[] = { "sealpod", "sealpod-snp", "sealpod-se", "mine" };
	struct config_source source = { .name = (char[]){ "fuzz.toml" } };

	if (failed(toml_parse(bytes_of(data, size), &source.tree)))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
		AUTO(runtime_config_done) struct runtime_config c = { 0 };
		AUTO(buf_done) struct buf out = BUF_INIT(RUNTIME_CONFIG_MAX);
		struct json_pair pair = { (char[]){ "io.katacontainers.config.hypervisor.kernel" },
			(char[]){ "/k" } };
		const struct json_map annotations = { &pair, 1 };

		if (failed(config_from(&source, 1, handlers[i], &c)))
			continue;
		if (failed(runtime_config_print(&c, &out)))
			abort();
		err_ignore(runtime_config_annotate(&c, &annotations));
	}
	json_freep(&source.tree);
	return 0;
}
