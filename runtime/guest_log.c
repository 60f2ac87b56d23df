#include "runtime/guest_log.h"

/* Values come as strings (the logger's form) or as numbers. */
static uint64_t number(const struct json *j, const char *name)
{
	const struct json *member = json_get(j, name);
	const char *text = json_string(member);
	uint64_t v = 0;

	if (json_u64(member, &v))
		return v;
	if (!text || failed(str_to_u64(text, INT64_MAX, name, &v)))
		return 0;
	return v;
}

static RESULT text(const struct json *j, const char *name, char **ret_text)
{
	const char *s = json_string(json_get(j, name));

	return str_dup(s ? s : "", ret_text);
}

static enum guest_event_kind kind_of(const char *event)
{
	static const struct {
		const char *name;
		enum guest_event_kind kind;
	} kinds[] = {
		{ "stage", GUEST_STAGE },
		{ "progress", GUEST_PROGRESS },
		{ "failure", GUEST_FAILURE },
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (str_equal(kinds[i].name, event))
			return kinds[i].kind;
	}
	return GUEST_OTHER;
}

void guest_event_done(struct guest_event *e)
{
	free(e->program);
	free(e->event);
	free(e->level);
	free(e->stage);
	free(e->text);
	free(e->request_id);
	*e = (struct guest_event){ 0 };
}

RESULT guest_event_parse(struct bytes line, struct guest_event *ret_event)
{
	AUTO(json_freep) struct json *j = NULL;
	AUTO(guest_event_done) struct guest_event e = { 0 };

	TRY(json_parse(line, &j));
	if (json_type(j) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "guest log line: no object");
	e.ms = number(j, "ms");
	e.took_ms = number(j, "took_ms");
	e.layer = number(j, "layer");
	e.layers = number(j, "layers");
	e.done = number(j, "done");
	e.total = number(j, "total");
	TRY(text(j, "program", &e.program));
	TRY(text(j, "event", &e.event));
	TRY(text(j, "level", &e.level));
	TRY(text(j, "stage", &e.stage));
	TRY(text(j, "text", &e.text));
	TRY(text(j, "request_id", &e.request_id));
	e.kind = kind_of(e.event);
	*ret_event = e;
	e = (struct guest_event){ 0 };
	return OK;
}

void guest_lines_feed(struct guest_lines *l, struct bytes data,
	void (*line)(void *arg, struct bytes text), void *arg)
{
	for (size_t at = 0; at < data.n;) {
		const uint8_t *end = memchr(data.p + at, '\n', data.n - at);
		size_t n = end ? (size_t)(end - (data.p + at)) : data.n - at;

		if (!l->skip)
			buf_put(&l->pending, bytes_of(data.p + at, n));
		if (failed(buf_end(&l->pending, "line"))) {
			l->skip = true;
			buf_clear(&l->pending);
		}
		if (end) {
			if (!l->skip && l->pending.n > 0)
				line(arg, buf_bytes(&l->pending));
			l->skip = false;
			buf_clear(&l->pending);
		}
		at += n + (end ? 1 : 0);
	}
}

void guest_lines_done(struct guest_lines *l)
{
	buf_done(&l->pending);
}

void guest_text_clean(struct bytes text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		buf_u8(out, c < 0x20 || c == 0x7f ? (c == '\t' ? ' ' : '?') : c);
	}
}
