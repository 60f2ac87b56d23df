/* state.json and timeline.json: what parses is written and parsed again to the same text. */
#include <runtime/pod.h>
#include <runtime/timeline.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void state_again(const struct pod_state *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(8 * POD_STATE_MAX);
	AUTO(pod_state_done) struct pod_state again = { 0 };

	if (failed(pod_state_print(s, &text)) || failed(pod_state_parse(buf_bytes(&text), &again)))
		abort();
}

static void timeline_again(const struct timeline_record *r)
{
	AUTO(buf_done) struct buf text = BUF_INIT(8 * TIMELINE_TEXT_MAX);
	AUTO(timeline_record_done) struct timeline_record again = { 0 };

	if (failed(timeline_print(r, &text)) || failed(timeline_parse(buf_bytes(&text), &again)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(pod_state_done) struct pod_state s = { 0 };
	AUTO(timeline_record_done) struct timeline_record r = { 0 };
	uint64_t start;

	if (!failed(pod_state_parse(bytes_of(data, size), &s)))
		state_again(&s);
	if (!failed(timeline_parse(bytes_of(data, size), &r)))
		timeline_again(&r);
	err_ignore(pod_stat_parse(bytes_of(data, size), &start)); /* only crashes count */
	return 0;
}
