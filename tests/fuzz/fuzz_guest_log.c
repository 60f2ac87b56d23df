/* What a guest may write to its log port, in pieces. */
#include <runtime/guest_log.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_line(void *arg, struct bytes text)
{
	AUTO(guest_event_done) struct guest_event e = { 0 };
	struct buf *clean = arg;

	err_ignore(guest_event_parse(text, &e)); /* only crashes count */
	buf_clear(clean);
	guest_text_clean(text, clean);
	for (size_t i = 0; i < clean->n; i++) {
		if (clean->p[i] < 0x20 || clean->p[i] == 0x7f)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(guest_lines_done) struct guest_lines lines = GUEST_LINES_INIT;
	AUTO(buf_done) struct buf clean = BUF_INIT(GUEST_LINE_MAX);
	size_t piece = size ? data[0] + 1u : 1;

	for (size_t at = 0; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;

		guest_lines_feed(&lines, bytes_of(data + at, n), on_line, &clean);
	}
	return 0;
}
