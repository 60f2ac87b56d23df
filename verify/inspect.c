#include "verify_internal.h"

#include <errno.h>
#include <stdlib.h>

#include <base/encode.h>

static RESULT describe_with(const struct tee_format *f, struct bytes file, struct fields *out)
{
	fields_group(out, 0, file.n, f->name);
	TRY(f->describe(file, out));
	fields_end(out);
	return OK;
}

static const struct tee_format *format_of(struct bytes file)
{
	const struct tee_format *f;

	for (size_t i = 0; (f = tee_format_at(i)); i++)
		if (f->is(file))
			return f;
	for (f = verify_formats; f->name; f++)
		if (f->is(file))
			return f;
	return NULL;
}

enum {
	UNWRAP_MAX = 4 /* text of text of ... */
};

RESULT inspect_any(struct bytes file, unsigned depth, struct fields *out)
{
	AUTO(json_freep) struct json *json = NULL;
	AUTO(buf_done) struct buf raw = BUF_INIT(EVIDENCE_MAX);
	const struct tee_format *f = format_of(file);
	const char *form;

	if (f)
		return describe_with(f, file, out);
	if (file.n == 0 || depth == UNWRAP_MAX)
		return err_new(ERR_FORMAT, "nothing that is known here");
	TRY(evidence_decode(file, &raw, &json, &form));
	if (str_equal(form, "binary") || str_equal(form, "JSON"))
		return err_new(ERR_FORMAT, "nothing that is known here");
	fields_str(out, FIELDS_NO_OFFSET, 0, "text form", form, NULL);
	return inspect_any(buf_bytes(&raw), depth + 1, out);
}

static RESULT finish(const struct fields *f, bool json, char **ret_text)
{
	AUTO(buf_done) struct buf out = BUF_INIT(REPORT_MAX);
	struct json_writer w = jw_of(&out);

	TRY(fields_finish(f));
	if (json) {
		TRY(fields_write(f, &w));
		buf_puts(&out, "\n");
	} else {
		fields_print(f, &out);
	}
	TRY(buf_end(&out, "fields"));
	return bytes_to_str(buf_bytes(&out), ret_text);
}

static RESULT inspect(struct bytes file, bool json, char **ret_text)
{
	AUTO(fields_done) struct fields f = { 0 };

	TRY(inspect_any(file, 0, &f));
	return finish(&f, json, ret_text);
}

/* The text is the decoded fields, or why there are none. */
static enum sealpod_status text_of(struct err e, char **ret_text)
{
	if (failed(e) && failed(str_dup(err_text(), ret_text)))
		*ret_text = NULL;
	return verify_status_of(e);
}

enum sealpod_status sealpod_inspect(const void *data, size_t n, bool json, char **ret_text)
{
	return text_of(inspect(bytes_of(data, n), json, ret_text), ret_text);
}

static bool parse_number(const char *text, uint64_t *ret_v)
{
	char *end;

	errno = 0;
	unsigned long long v = strtoull(text, &end, 0);
	if (end == text || *end || errno || text[0] == '-')
		return false;
	*ret_v = v;
	return true;
}

static size_t explain_all(const char *code, struct fields *f)
{
	const struct denial_hint *h = denial_hint(code);
	uint64_t number;
	size_t n = 0;

	if (h) {
		fields_str(f, FIELDS_NO_OFFSET, 0, h->code, h->meaning, NULL);
		fields_str(f, FIELDS_NO_OFFSET, 0, "what to do", h->todo, NULL);
		n++;
	}
	if (parse_number(code, &number))
		n += tee_explain(number, f);
	return n;
}

static RESULT explain(const char *code, bool json, char **ret_text)
{
	AUTO(fields_done) struct fields f = { 0 };

	if (explain_all(code, &f) == 0)
		return err_deny(ERR_DENIED, "explain.unknown", "code", NULL, code);
	return finish(&f, json, ret_text);
}

enum sealpod_status sealpod_explain(const char *code, bool json, char **ret_text)
{
	return text_of(explain(code, json, ret_text), ret_text);
}
