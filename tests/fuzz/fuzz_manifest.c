/* Pod manifest: what parses must also compare without failing. */
#include <policy/manifest_check.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(manifest_done) struct manifest m = { 0 };
	size_t at;

	if (failed(manifest_parse(bytes_of(data, size), &m)))
		return 0;
	for (size_t i = 0; i < m.containers.n; i++) {
		const struct manifest_container *c = manifest_container_at(&m, i);
		const struct manifest_ask ask = { .name = c->name, .image = c->image };

		err_ignore(manifest_pick(&m, &ask, &at));
		err_ignore(manifest_check_image(c, "10.0.2.2:5000/app:1"));
		if (!manifest_is_pattern(c->image) && failed(manifest_check_image(c, c->image)))
			__builtin_trap();
	}
	return 0;
}
