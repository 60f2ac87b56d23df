/* Files of container engines: with the handlers added they can be read, and without them again they
 * are what they were. */
#include "engine_parts.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char name[] = "sealpod";
static char *names[] = { name };
static const struct strv handlers = { names, 1 };

static void add_and_remove(enum engine_kind e, struct bytes old)
{
	AUTO(buf_done) struct buf with = BUF_INIT(ENGINE_CONFIG_MAX);
	AUTO(buf_done) struct buf again = BUF_INIT(ENGINE_CONFIG_MAX);
	AUTO(buf_done) struct buf without = BUF_INIT(ENGINE_CONFIG_MAX);
	const struct engine_text t = {
		.handlers = &handlers, .bin_dir = "/usr/bin", .version = 28
	};

	if (failed(engine_add(e, old, &t, &with)))
		return;
	if (failed(engine_add(e, buf_bytes(&with), &t, &again)) ||
		!bytes_equal(buf_bytes(&with), buf_bytes(&again)))
		abort();
	if (failed(engine_remove(e, buf_bytes(&with), &handlers, &without)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (enum engine_kind e = ENGINE_CONTAINERD; e < ENGINES; e++)
		add_and_remove(e, bytes_of(data, size));
	return 0;
}
