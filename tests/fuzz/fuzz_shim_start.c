/* What "start" reads, how it is called, and where streams go: the engine's words, all three. */
#include "bootstrap.h"
#include "flags.h"
#include "stdio_uri.h"

#include <string.h>

#include <runtime/pod_stats.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	ARGS_MAX = 16
};

static void parse_flags(const uint8_t *data, size_t size)
{
	AUTO(auto_free) char *text = malloc(size + 1);
	char *argv[ARGS_MAX];
	struct shim_flags f;
	int n = 0;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t at = 0; n < ARGS_MAX && at <= size; at += strlen(text + at) + 1)
		argv[n++] = text + at;
	err_ignore(shim_flags_parse(n, argv, &f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(bootstrap_done) struct bootstrap b = { 0 };
	AUTO(stdio_uri_done) struct stdio_uri u = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(1 << 20);
	struct pod_process_stats stats;

	err_ignore(bootstrap_parse(bytes_of(data, size), "c1", "2", &b));
	err_ignore(pod_process_stats_parse(bytes_of(data, size), bytes_of(data, size), &stats));
	parse_flags(data, size);
	buf_put(&text, bytes_of(data, size));
	if (buf_cstr(&text))
		err_ignore(stdio_uri_parse(buf_cstr(&text), "stdout", &u));
	return 0;
}
