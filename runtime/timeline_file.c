#include "pod_dir.h"
#include "runtime/pod.h"
#include "runtime/timeline.h"

#include <dirent.h>

#include <base/file.h>

enum {
	RECORD_VERSION = 1,
	KEPT_NAME_MAX = 96,
	KEPT_ENTRIES_MAX = 1024
};

struct stage_record {
	char *stage;
	uint64_t ms;
};

struct record_file {
	uint64_t version;
	char *id, *image, *platform;
	uint64_t created, exit_status, ready_ms;
	bool ended;
	struct json_list stages;
};

static const struct json_field stage_fields[] = {
	JSON_FIELD(struct stage_record, stage, FIELD_STR, FIELD_REQUIRED, 16),
	JSON_FIELD(struct stage_record, ms, FIELD_U64, FIELD_REQUIRED, INT64_MAX),
};
static const struct json_table stage_table = {
	.what = "stage",
	.size = sizeof(struct stage_record),
	.fields = stage_fields,
	.n = ARRAY_LEN(stage_fields),
};
static const struct json_field record_fields[] = {
	JSON_FIELD(struct record_file, version, FIELD_U64, FIELD_REQUIRED, RECORD_VERSION),
	JSON_FIELD(struct record_file, id, FIELD_STR, FIELD_REQUIRED, POD_NAME_MAX),
	JSON_FIELD(struct record_file, image, FIELD_STR, FIELD_REQUIRED, 1024),
	JSON_FIELD(struct record_file, platform, FIELD_STR, FIELD_REQUIRED, 64),
	JSON_FIELD(struct record_file, created, FIELD_U64, FIELD_REQUIRED, INT64_MAX),
	JSON_FIELD(struct record_file, ended, FIELD_BOOL, FIELD_REQUIRED, 0),
	JSON_FIELD(struct record_file, exit_status, FIELD_U64, FIELD_REQUIRED, 255),
	JSON_FIELD(struct record_file, ready_ms, FIELD_U64, FIELD_REQUIRED, INT64_MAX),
	JSON_FIELD_SUB(struct record_file, stages, "stages", FIELD_LIST, FIELD_REQUIRED,
		TIMELINE_COUNT, &stage_table),
};
static const struct json_table record_table = {
	.what = "timeline",
	.size = sizeof(struct record_file),
	.fields = record_fields,
	.n = ARRAY_LEN(record_fields),
};

static void record_file_done(struct record_file *f)
{
	json_release(&record_table, f);
}

void timeline_record_done(struct timeline_record *r)
{
	free(r->id);
	free(r->image);
	free(r->platform);
	*r = (struct timeline_record){ 0 };
}

RESULT timeline_print(const struct timeline_record *r, struct buf *json)
{
	struct json_writer w = jw_of(json);

	jw_object(&w);
	jw_ku64(&w, "version", RECORD_VERSION);
	jw_kstr(&w, "id", r->id);
	jw_kstr(&w, "image", r->image);
	jw_kstr(&w, "platform", r->platform);
	jw_ku64(&w, "created", r->created);
	jw_kbool(&w, "ended", r->ended);
	jw_ku64(&w, "exit_status", r->exit_status);
	jw_ku64(&w, "ready_ms", r->t.ready);
	jw_key(&w, "stages");
	jw_array(&w);
	for (int s = 0; s < TIMELINE_COUNT; s++) {
		if (!r->t.known[s])
			continue;
		jw_object(&w);
		jw_kstr(&w, "stage", timeline_name((enum timeline_stage)s));
		jw_ku64(&w, "ms", r->t.ms[s]);
		jw_object_end(&w);
	}
	jw_array_end(&w);
	jw_object_end(&w);
	return buf_end(json, "timeline");
}

static RESULT take_stage(struct timeline *t, const struct stage_record *from)
{
	for (int s = 0; s < TIMELINE_COUNT; s++) {
		if (!str_equal(timeline_name((enum timeline_stage)s), from->stage))
			continue;
		if (t->known[s])
			return err_new(ERR_FORMAT, "timeline: stage '%s' twice", from->stage);
		t->known[s] = true;
		t->ms[s] = from->ms;
		return OK;
	}
	return err_new(ERR_FORMAT, "timeline: no such stage '%s'", from->stage);
}

RESULT timeline_parse(struct bytes json, struct timeline_record *ret_record)
{
	AUTO(record_file_done) struct record_file f = { 0 };
	struct timeline t = { 0 };

	TRY(json_decode_text(json, &record_table, &f));
	if (f.version != RECORD_VERSION)
		return err_new(
			ERR_UNSUPPORTED, "timeline: version %llu", (unsigned long long)f.version);
	const struct stage_record *s = f.stages.items;
	for (size_t i = 0; i < f.stages.n; i++)
		TRY(take_stage(&t, &s[i]));
	t.ready = f.ready_ms;
	*ret_record = (struct timeline_record){
		.id = TAKE(f.id),
		.image = TAKE(f.image),
		.platform = TAKE(f.platform),
		.created = f.created,
		.ended = f.ended,
		.exit_status = f.exit_status,
		.t = t,
	};
	return OK;
}

/* ---- those that are kept: STATE/timelines/CREATED-ID.json, so names sort by age ---- */

static RESULT kept_dir(const char *state_dir, char **ret_path)
{
	return path_join(state_dir, "timelines", ret_path);
}

static int newest_first(const void *a, const void *b)
{
	return strcmp(*(char *const *)b, *(char *const *)a);
}

static RESULT kept_names(const char *dir, struct strv *ret_names)
{
	AUTO(strv_done) struct strv names = { 0 };
	AUTO(auto_closedir) DIR *d = opendir(dir);
	struct dirent *e;

	while (d && names.n < KEPT_ENTRIES_MAX) {
		e = readdir(d); /* NOLINT(concurrency-mt-unsafe): one thread */
		if (!e)
			break;
		if (str_ends(e->d_name, ".json"))
			TRY(strv_add(&names, e->d_name));
	}
	if (names.n > 1)
		qsort(names.v, names.n, sizeof(*names.v), newest_first);
	*ret_names = names;
	names = (struct strv){ 0 };
	return OK;
}

RESULT timeline_keep(const char *state_dir, const struct timeline_record *r)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TIMELINE_TEXT_MAX);
	AUTO(strv_done) struct strv names = { 0 };
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_free) char *path = NULL;
	char name[KEPT_NAME_MAX];

	TRY(kept_dir(state_dir, &dir));
	TRY(dir_make(dir, 0700));
	(void)snprintf(
		name, sizeof(name), "%012llu-%s.json", (unsigned long long)r->created, r->id);
	TRY(path_join(dir, name, &path));
	TRY(timeline_print(r, &text));
	TRY(file_write_atomic(path, buf_bytes(&text), 0600));
	TRY(kept_names(dir, &names));
	for (size_t i = TIMELINE_KEPT; i < names.n; i++) {
		AUTO(auto_free) char *old = NULL;

		TRY(path_join(dir, names.v[i], &old));
		(void)unlink(old);
	}
	return OK;
}

static RESULT read_record(const char *path, struct timeline_record *ret_record)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TIMELINE_TEXT_MAX);

	TRY(file_read(path, &text));
	struct err e = timeline_parse(buf_bytes(&text), ret_record);
	return failed(e) ? err_add(e, "%s", path) : OK;
}

static RESULT find_running(const char *run_dir, const char *id, struct timeline_record *ret_record)
{
	AUTO(auto_free) char *pods = NULL;
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_free) char *path = NULL;

	TRY(pod_name_check(id));
	TRY(pod_pods_dir(run_dir, &pods));
	TRY(path_join(pods, id, &dir));
	TRY(path_join(dir, TIMELINE_FILE, &path));
	if (!file_exists(path))
		return err_new(ERR_NOT_FOUND, "no timeline of pod '%s'", id);
	return read_record(path, ret_record);
}

static bool is_of(const char *file, const char *id)
{
	const char *dash = strchr(file, '-');
	size_t n = strlen(id);

	return dash && strncmp(dash + 1, id, n) == 0 && str_equal(dash + 1 + n, ".json");
}

RESULT timeline_find(const char *run_dir, const char *state_dir, const char *id,
	struct timeline_record *ret_record)
{
	AUTO(strv_done) struct strv names = { 0 };
	AUTO(auto_free) char *dir = NULL;

	if (id) {
		struct err e = find_running(run_dir, id, ret_record);

		if (e.code != ERR_NOT_FOUND)
			return e;
	}
	TRY(kept_dir(state_dir, &dir));
	TRY(kept_names(dir, &names));
	for (size_t i = 0; i < names.n; i++) {
		AUTO(auto_free) char *path = NULL;

		if (id && !is_of(names.v[i], id))
			continue;
		TRY(path_join(dir, names.v[i], &path));
		return read_record(path, ret_record);
	}
	return id ? err_new(ERR_NOT_FOUND, "no timeline of pod '%s'", id)
		  : err_new(ERR_NOT_FOUND, "no pod has finished yet");
}
