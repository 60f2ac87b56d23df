#include "store_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <base/clock.h>
#include <base/encode.h>
#include <base/file.h>
#include <sys/stat.h>
#include <tee/denials.h>

enum {
	SWEEP_AGE_S = 60 * 60, /* what another writer is about to name is younger */
	BUNDLE_VERSION = 1
};

/* Neither a link's target nor a pipe that would never end. */
static RESULT read_plain(const char *path, struct buf *ret)
{
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return err_new(ERR_SYS, "%s", path);
	return file_read_fd(fd, path, ret);
}

RESULT cstore_read_object(const struct cstore *s, const char *sha256, struct buf *ret)
{
	AUTO(auto_free) char *path = NULL;
	char hex[2 * DIGEST_SHA256_SIZE + 1];
	struct digest_value d;

	TRY(cstore_object_path(s, sha256, &path));
	TRY(read_plain(path, ret));
	TRY(digest(DIGEST_SHA256, buf_bytes(ret), &d));
	hex_to(digest_bytes(&d), hex);
	if (!str_equal(hex, sha256))
		return tee_deny(DENY_STORE_DAMAGED, path, sha256, hex);
	return OK;
}

RESULT cstore_load(const struct cstore *s, struct collateral *ret, struct strv *ret_damaged)
{
	for (size_t i = 0; i < s->n_items; i++) {
		AUTO(buf_done) struct buf file = BUF_INIT(COLLATERAL_FILE_MAX);
		struct err e = cstore_read_object(s, s->items[i].sha256, &file);
		if (!failed(e))
			e = collateral_add(ret, buf_bytes(&file), s->items[i].source);
		if (e.code == ERR_NOMEM)
			return e;
		if (failed(e) && ret_damaged)
			TRY(strv_add(ret_damaged, s->items[i].sha256));
	}
	return OK;
}

/* ---- sweep ---- */

static bool is_named(const struct cstore *s, const char *name)
{
	for (size_t i = 0; i < s->n_items; i++)
		if (str_equal(s->items[i].sha256, name))
			return true;
	return false;
}

static void dir_closep(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

RESULT cstore_sweep(const struct cstore *s)
{
	AUTO(auto_free) char *objects = NULL;
	const struct dirent *entry;
	int64_t now = clock_now();

	TRY(path_join(s->path, OBJECTS_NAME, &objects));
	AUTO(dir_closep) DIR *d = opendir(objects);
	if (!d)
		return err_new(ERR_SYS, "%s", objects);
	while ((entry = readdir(d))) {
		struct stat st;
		if (entry->d_name[0] == '.' || is_named(s, entry->d_name) ||
			fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (now - st.st_mtime > SWEEP_AGE_S)
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	}
	return OK;
}

/* ---- bundle ---- */

static int by_digest(const void *a, const void *b)
{
	const struct cstore_item *const *x = a, *const *y = b;

	return strcmp((*x)->sha256, (*y)->sha256);
}

static RESULT write_item(const struct cstore *s, const struct cstore_item *i, struct json_writer *w)
{
	AUTO(buf_done) struct buf file = BUF_INIT(COLLATERAL_FILE_MAX);

	TRY(cstore_read_object(s, i->sha256, &file));
	jw_object(w);
	jw_kstr(w, "sha256", i->sha256);
	jw_kstr(w, "kind", i->kind);
	jw_kstr(w, "subject", i->subject);
	jw_kstr(w, "source", i->source);
	jw_key(w, "fetched");
	jw_i64(w, i->fetched);
	jw_kbase64(w, "data", buf_bytes(&file));
	jw_object_end(w);
	return OK;
}

RESULT cstore_export(const struct cstore *s, struct buf *ret_bundle)
{
	AUTO(auto_free) const struct cstore_item **sorted = calloc(s->n_items + 1, sizeof(*sorted));
	struct json_writer w = jw_of(ret_bundle);

	if (!sorted)
		return err_new(ERR_NOMEM, "bundle");
	for (size_t i = 0; i < s->n_items; i++)
		sorted[i] = &s->items[i];
	qsort(sorted, s->n_items, sizeof(struct cstore_item *), by_digest);
	jw_object(&w);
	jw_ku64(&w, "version", BUNDLE_VERSION);
	jw_key(&w, "items");
	jw_array(&w);
	for (size_t i = 0; i < s->n_items; i++)
		TRY(write_item(s, sorted[i], &w));
	jw_array_end(&w);
	jw_object_end(&w);
	buf_puts(ret_bundle, "\n");
	return buf_end(ret_bundle, "bundle");
}

struct bundle_item {
	char *sha256, *kind, *subject, *source;
	struct buf data;
};

static const struct json_field bundle_fields[] = {
	JSON_FIELD(struct bundle_item, sha256, FIELD_STR, FIELD_REQUIRED, 64),
	JSON_FIELD(struct bundle_item, kind, FIELD_STR, FIELD_REQUIRED, 64),
	JSON_FIELD(struct bundle_item, subject, FIELD_STR, FIELD_REQUIRED, 512),
	JSON_FIELD(struct bundle_item, source, FIELD_STR, FIELD_REQUIRED, 1024),
	JSON_FIELD(struct bundle_item, data, FIELD_BASE64, FIELD_REQUIRED, COLLATERAL_FILE_MAX),
};

static const struct json_table bundle_table = { .what = "bundle: item",
	.size = sizeof(struct bundle_item),
	.fields = bundle_fields,
	.n = ARRAY_LEN(bundle_fields),
	.open = true };

static void bundle_item_done(struct bundle_item *i)
{
	free(i->sha256);
	free(i->kind);
	free(i->subject);
	free(i->source);
	buf_done(&i->data);
}

/* First all are looked at, then all are added. */
static RESULT take_item(const struct json *j, int64_t now, struct cstore *to)
{
	AUTO(bundle_item_done) struct bundle_item i = { 0 };
	AUTO(cstore_item_done) struct cstore_item item = { 0 };
	int64_t fetched;

	TRY(json_decode(j, &bundle_table, &i));
	if (!json_i64(json_get(j, "fetched"), &fetched) || fetched < 0 || fetched > now)
		fetched = now;
	TRY(cstore_item_of(buf_bytes(&i.data), i.source, fetched, &item));
	if (!str_equal(item.sha256, i.sha256))
		return err_new(ERR_FORMAT, "bundle: %.64s is another object's name", i.sha256);
	if (to)
		TRY(cstore_add(to, buf_bytes(&i.data), i.source, fetched));
	return OK;
}

RESULT cstore_import(struct cstore *s, struct bytes bundle, int64_t now, size_t *ret_added)
{
	AUTO(json_freep) struct json *root = NULL;
	uint64_t version;

	TRY(json_parse(bundle, &root));
	if (!json_u64(json_get(root, "version"), &version) || version != BUNDLE_VERSION)
		return err_new(ERR_FORMAT, "bundle: version is not %d", BUNDLE_VERSION);
	const struct json *items = json_get(root, "items");
	if (json_type(items) != JSON_ARRAY || json_count(items) > CSTORE_ITEMS_MAX)
		return err_new(
			ERR_FORMAT, "bundle: items: no list of at most %d", CSTORE_ITEMS_MAX);
	for (size_t i = 0; i < json_count(items); i++) {
		struct err e = take_item(json_at(items, i), now, NULL);
		if (failed(e))
			return err_add(e, "items[%zu]", i);
	}
	for (size_t i = 0; i < json_count(items); i++)
		TRY(take_item(json_at(items, i), now, s));
	*ret_added = json_count(items);
	return OK;
}
