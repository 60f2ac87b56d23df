#include <stdint.h>
#include <stdlib.h>

#include <tee/eventlog.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was parsed lies inside the input, and can be walked and replayed. */
static void walk(const struct eventlog *l, const uint8_t *data, size_t size)
{
	struct digest_value v;
	struct bytes inner;
	uint32_t id;

	for (size_t i = 0; i < l->n; i++) {
		const struct event *e = &l->v[i];

		if (e->data.n > 0 && (e->data.p < data || e->data.p + e->data.n > data + size))
			abort();
		(void)event_kind(e, DIGEST_SHA256);
		(void)event_type_name(e->type);
		(void)event_tag(e, &id, &inner);
	}
	for (uint32_t pcr = 0; pcr < 24; pcr++)
		err_ignore(eventlog_replay(l, DIGEST_SHA256, pcr, &v)); /* any verdict */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum eventlog_end ends[] = { EVENTLOG_EXACT, EVENTLOG_PADDED };

	for (size_t i = 0; i < 2; i++) {
		AUTO(eventlog_done) struct eventlog l = { 0 };

		if (!failed(eventlog_parse(bytes_of(data, size), ends[i], &l)))
			walk(&l, data, size);
	}
	return 0;
}
