/* A configuration.toml of Kata: whatever it says, what comes out is one of ours. */
#include "config_parts.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_ours(struct config_import_result *r)
{
	AUTO(runtime_config_done) struct runtime_config c = { 0 };
	struct config_source ours = { .name = (char[]){ "ours.toml" } };

	if (failed(toml_parse(buf_bytes(&r->toml), &ours.tree)) ||
		failed(config_from(&ours, 1, r->config.handler, &c)))
		abort();
	json_freep(&ours.tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const platforms[] = { NULL, "none", "tdx", "se" };
	struct config_source kata = { .name = (char[]){ "kata.toml" } };

	if (failed(toml_parse(bytes_of(data, size), &kata.tree)))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(platforms); i++) {
		AUTO(config_import_result_done) struct config_import_result r = { 0 };
		const struct config_import from = {
			.file = "kata.toml",
			.platform = platforms[i],
		};

		if (!failed(config_import_from(&kata, 1, &from, &r)))
			must_be_ours(&r);
	}
	json_freep(&kata.tree);
	return 0;
}
