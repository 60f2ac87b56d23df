#include "eventlog_json.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses the event's type. Whatever the data, the details are JSON. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t types[] = { EV_ACTION, EV_EFI_HANDOFF_TABLES2,
		EV_PLATFORM_CONFIG_FLAGS, EV_IPL, EV_EVENT_TAG, EV_EFI_VARIABLE_BOOT,
		EV_EFI_BOOT_SERVICES_APPLICATION };
	AUTO(buf_done) struct buf text = BUF_INIT(1024 * 1024);
	AUTO(json_freep) struct json *j = NULL;
	struct json_writer w = jw_of(&text);

	if (size == 0)
		return 0;
	struct event e = { .type = types[data[0] % ARRAY_LEN(types)],
		.data = bytes_of(data + 1, size - 1) };
	struct eventlog log = { .v = &e, .n = 1 };
	if (failed(eventlog_write_json(&log, DIGEST_SHA384, &w)))
		return 0;
	if (failed(json_parse(buf_bytes(&text), &j)))
		abort();
	return 0;
}
