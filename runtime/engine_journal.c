/* The journal of a change: one JSON file, whole or not there. */
#include "engine_parts.h"

#include <errno.h>
#include <unistd.h>

#include <base/file.h>

#define JOURNAL "journal.json"

enum {
	JOURNAL_MAX = 64 * 1024,
	PATH_LIMIT = 4096
};

static const struct json_field fields[] = {
	JSON_FIELD(struct engine_journal, file, FIELD_STR, FIELD_REQUIRED, PATH_LIMIT),
	JSON_FIELD(struct engine_journal, existed, FIELD_BOOL, FIELD_REQUIRED, 0),
	JSON_FIELD(struct engine_journal, changing, FIELD_BOOL, FIELD_REQUIRED, 0),
	JSON_FIELD(struct engine_journal, existed_first, FIELD_BOOL, FIELD_REQUIRED, 0),
	JSON_FIELD(
		struct engine_journal, handlers, FIELD_STRV, FIELD_REQUIRED, RUNTIME_HANDLERS_MAX),
};
static const struct json_table table = {
	.what = "journal",
	.size = sizeof(struct engine_journal),
	.fields = fields,
	.n = ARRAY_LEN(fields),
};

void engine_journal_done(struct engine_journal *j)
{
	json_release(&table, j);
}

RESULT engine_journal_read(const char *dir, struct engine_journal *ret_journal)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(JOURNAL_MAX);

	TRY(path_join(dir, JOURNAL, &path));
	TRY(file_read(path, &text));
	struct err e = json_decode_text(buf_bytes(&text), &table, ret_journal);
	return failed(e) ? err_add(e, "%s", path) : OK;
}

RESULT engine_journal_remove(const char *dir)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(dir, JOURNAL, &path));
	if (unlink(path) < 0 && errno != ENOENT)
		return err_new(ERR_SYS, "%s", path);
	return OK;
}

RESULT engine_journal_write(const char *dir, const struct engine_journal *j)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(JOURNAL_MAX);
	struct json_writer w = jw_of(&text);

	jw_object(&w);
	jw_kstr(&w, "file", j->file);
	jw_kbool(&w, "existed", j->existed);
	jw_kbool(&w, "changing", j->changing);
	jw_kbool(&w, "existed_first", j->existed_first);
	jw_key(&w, "handlers");
	jw_array(&w);
	for (size_t i = 0; i < j->handlers.n; i++)
		jw_str(&w, j->handlers.v[i]);
	jw_array_end(&w);
	jw_object_end(&w);
	TRY(buf_end(&text, "journal"));
	TRY(path_join(dir, JOURNAL, &path));
	return file_write_atomic(path, buf_bytes(&text), 0600);
}
