#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/encode.h>
#include <base/file.h>
#include <collateral/store.h>
#include <sys/file.h>
#include <sys/stat.h>

static const struct json_field item_fields[] = {
	JSON_FIELD(struct cstore_item, sha256, FIELD_STR, FIELD_REQUIRED, 64),
	JSON_FIELD(struct cstore_item, kind, FIELD_STR, FIELD_REQUIRED, 64),
	JSON_FIELD(struct cstore_item, subject, FIELD_STR, FIELD_REQUIRED, 512),
	JSON_FIELD(struct cstore_item, source, FIELD_STR, FIELD_REQUIRED, 1024),
};

static const struct json_table item_table = { .what = "collateral index: item",
	.size = sizeof(struct cstore_item),
	.fields = item_fields,
	.n = ARRAY_LEN(item_fields),
	.open = true };

void cstore_item_done(struct cstore_item *i)
{
	free(i->sha256);
	free(i->kind);
	free(i->subject);
	free(i->source);
	*i = (struct cstore_item){ 0 };
}

void cstore_contents_done(struct cstore *s)
{
	for (size_t i = 0; i < s->n_items; i++)
		cstore_item_done(&s->items[i]);
	for (size_t i = 0; i < s->n_hosts; i++)
		free(s->hosts[i].host);
	free(s->items);
	free(s->hosts);
	s->items = NULL;
	s->hosts = NULL;
	s->n_items = s->n_hosts = 0;
}

void cstore_freep(struct cstore **s)
{
	if (!*s)
		return;
	cstore_contents_done(*s);
	free((*s)->path);
	free(*s);
	*s = NULL;
}

/* ---- index ---- */

static RESULT item_times(const struct json *j, struct cstore_item *i)
{
	const struct {
		const char *name;
		int64_t *to;
	} times[] = {
		{ "fetched", &i->fetched },
		{ "not_before", &i->not_before },
		{ "not_after", &i->not_after },
	};

	for (size_t k = 0; k < ARRAY_LEN(times); k++)
		if (!json_i64(json_get(j, times[k].name), times[k].to))
			return err_new(ERR_FORMAT, "collateral index: item: %s", times[k].name);
	return OK;
}

/* The name of an object is part of a path. */
static bool is_digest(const char *s)
{
	for (size_t i = 0; i < 64; i++)
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
			return false;
	return s[64] == '\0';
}

static RESULT read_item(const struct json *j, struct cstore *s)
{
	struct cstore_item *v = reallocarray(s->items, s->n_items + 1, sizeof(*v));

	if (!v)
		return err_new(ERR_NOMEM, "collateral index");
	s->items = v;
	struct cstore_item *i = &v[s->n_items];
	*i = (struct cstore_item){ 0 };
	TRY(json_decode(j, &item_table, i));
	s->n_items++;
	if (!is_digest(i->sha256))
		return err_new(ERR_FORMAT, "collateral index: '%.70s' is no SHA-256", i->sha256);
	return item_times(j, i);
}

static RESULT read_hosts(const struct json *j, struct cstore *s)
{
	int64_t t;

	if (j && json_type(j) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "collateral index: hosts: no object");
	if (json_count(j) > CSTORE_HOSTS_MAX)
		return err_new(ERR_LIMIT, "collateral index: more than %d hosts", CSTORE_HOSTS_MAX);
	for (size_t i = 0; i < json_count(j); i++) {
		if (!json_i64(json_at(j, i), &t))
			return err_new(ERR_FORMAT, "collateral index: hosts: no time");
		TRY(cstore_set_host(s, json_name_at(j, i), t));
	}
	return OK;
}

RESULT cstore_index_parse(struct bytes text, struct cstore *s)
{
	AUTO(json_freep) struct json *root = NULL;
	uint64_t version;

	TRY(json_parse(text, &root));
	if (!json_u64(json_get(root, "version"), &version) || version != CSTORE_VERSION)
		return err_new(ERR_FORMAT, "collateral index: version is not %d", CSTORE_VERSION);
	const struct json *items = json_get(root, "items");
	if (json_type(items) != JSON_ARRAY || json_count(items) > CSTORE_ITEMS_MAX)
		return err_new(ERR_FORMAT, "collateral index: items: no list of at most %d",
			CSTORE_ITEMS_MAX);
	for (size_t i = 0; i < json_count(items); i++)
		TRY(read_item(json_at(items, i), s));
	return read_hosts(json_get(root, "hosts"), s);
}

static void write_time(struct json_writer *w, const char *name, int64_t t)
{
	jw_key(w, name);
	jw_i64(w, t);
}

static void write_index(const struct cstore *s, struct json_writer *w)
{
	jw_object(w);
	jw_ku64(w, "version", CSTORE_VERSION);
	jw_key(w, "items");
	jw_array(w);
	for (size_t i = 0; i < s->n_items; i++) {
		const struct cstore_item *it = &s->items[i];
		jw_object(w);
		jw_kstr(w, "sha256", it->sha256);
		jw_kstr(w, "kind", it->kind);
		jw_kstr(w, "subject", it->subject);
		jw_kstr(w, "source", it->source);
		write_time(w, "fetched", it->fetched);
		write_time(w, "not_before", it->not_before);
		write_time(w, "not_after", it->not_after);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_key(w, "hosts");
	jw_object(w);
	for (size_t i = 0; i < s->n_hosts; i++)
		write_time(w, s->hosts[i].host, s->hosts[i].not_before);
	jw_object_end(w);
	jw_object_end(w);
}

static RESULT load_index(struct cstore *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CSTORE_INDEX_MAX);
	AUTO(auto_free) char *path = NULL;

	cstore_contents_done(s);
	TRY(path_join(s->path, INDEX_NAME, &path));
	if (!file_exists(path))
		return OK;
	TRY(file_read(path, &text));
	struct err e = cstore_index_parse(buf_bytes(&text), s);
	return failed(e) ? err_add(e, "%s", path) : OK;
}

RESULT cstore_index_path(const char *store, char **ret_path)
{
	return path_join(store, INDEX_NAME, ret_path);
}

bool cstore_is_one(const char *path)
{
	AUTO(auto_free) char *index = NULL;

	return !failed(path_join(path, INDEX_NAME, &index)) && file_exists(index);
}

RESULT cstore_open(const char *path, bool create, struct cstore **ret_store)
{
	AUTO(cstore_freep) struct cstore *s = calloc(1, sizeof(*s));
	AUTO(auto_free) char *objects = NULL;

	if (!s)
		return err_new(ERR_NOMEM, "collateral store");
	TRY(str_dup(path, &s->path));
	TRY(path_join(path, OBJECTS_NAME, &objects));
	if (create)
		TRY(dir_make(objects, 0755));
	else if (!file_exists(objects))
		return err_new(ERR_NOT_FOUND, "%s: no collateral store", path);
	TRY(load_index(s));
	*ret_store = TAKE(s);
	return OK;
}

/* ---- hosts ---- */

int64_t cstore_host_not_before(const struct cstore *s, const char *host)
{
	for (size_t i = 0; i < s->n_hosts; i++)
		if (str_equal(s->hosts[i].host, host))
			return s->hosts[i].not_before;
	return 0;
}

RESULT cstore_set_host(struct cstore *s, const char *host, int64_t not_before)
{
	for (size_t i = 0; i < s->n_hosts; i++)
		if (str_equal(s->hosts[i].host, host)) {
			s->hosts[i].not_before = not_before;
			return OK;
		}
	if (s->n_hosts == CSTORE_HOSTS_MAX)
		return err_new(ERR_LIMIT, "collateral store: more than %d hosts", CSTORE_HOSTS_MAX);
	struct cstore_host *v = reallocarray(s->hosts, s->n_hosts + 1, sizeof(*v));
	if (!v)
		return err_new(ERR_NOMEM, "collateral store");
	s->hosts = v;
	v[s->n_hosts] = (struct cstore_host){ .not_before = not_before };
	TRY(str_dup(host, &v[s->n_hosts].host));
	s->n_hosts++;
	return OK;
}

/* ---- items ---- */

const struct cstore_item *cstore_of_source(const struct cstore *s, const char *source)
{
	for (size_t i = 0; i < s->n_items; i++)
		if (str_equal(s->items[i].source, source))
			return &s->items[i];
	return NULL;
}

static void remove_at(struct cstore *s, size_t i)
{
	cstore_item_done(&s->items[i]);
	memmove(&s->items[i], &s->items[i + 1], (s->n_items - i - 1) * sizeof(s->items[0]));
	s->n_items--;
}

/* The same object once, and one object a source; what was imported has no source of its own. */
static void remove_superseded(struct cstore *s, const char *sha256, const char *source)
{
	bool imported = str_equal(source, CSTORE_IMPORTED);

	for (size_t i = s->n_items; i-- > 0;)
		if (str_equal(s->items[i].sha256, sha256) ||
			(!imported && str_equal(s->items[i].source, source)))
			remove_at(s, i);
}

/* Takes the item, also on failure. */
RESULT cstore_put(struct cstore *s, struct cstore_item *item)
{
	struct cstore_item *v = NULL;

	remove_superseded(s, item->sha256, item->source);
	if (s->n_items < CSTORE_ITEMS_MAX)
		v = reallocarray(s->items, s->n_items + 1, sizeof(*v));
	if (!v) {
		cstore_item_done(item);
		return err_new(ERR_LIMIT, "collateral store: more than %d items", CSTORE_ITEMS_MAX);
	}
	s->items = v;
	v[s->n_items++] = *item;
	*item = (struct cstore_item){ 0 };
	return OK;
}

static void describe_times(const struct collateral *c, struct cstore_item *i)
{
	for (size_t k = 0; k < c->n; k++) {
		const struct collateral_item *it = c->v[k];
		if (it->not_after && (!i->not_after || it->not_after < i->not_after)) {
			i->not_after = it->not_after;
			i->not_before = it->not_before;
		}
	}
}

RESULT cstore_item_of(struct bytes file, const char *source, int64_t now, struct cstore_item *ret)
{
	AUTO(collateral_freep) struct collateral *c = NULL;
	AUTO(cstore_item_done) struct cstore_item i = { .fetched = now };
	char hex[2 * DIGEST_SHA256_SIZE + 1];
	struct digest_value d;

	TRY(collateral_new(&c));
	TRY(collateral_add(c, file, source));
	TRY(digest(DIGEST_SHA256, file, &d));
	hex_to(digest_bytes(&d), hex);
	TRY(str_dup(hex, &i.sha256));
	TRY(str_dup(collateral_kind_name(c->v[0]->kind), &i.kind));
	TRY(str_dup(c->v[0]->subject, &i.subject));
	TRY(str_dup(source, &i.source));
	describe_times(c, &i);
	*ret = i;
	i = (struct cstore_item){ 0 };
	return OK;
}

RESULT cstore_object_path(const struct cstore *s, const char *sha256, char **ret_path)
{
	return str_format(ret_path, "%s/" OBJECTS_NAME "/%s", s->path, sha256);
}

static bool is_whole(const struct cstore *s, const char *sha256)
{
	AUTO(buf_done) struct buf file = BUF_INIT(COLLATERAL_FILE_MAX);

	return !failed(cstore_read_object(s, sha256, &file));
}

RESULT cstore_add(struct cstore *s, struct bytes file, const char *source, int64_t now)
{
	AUTO(auto_free) char *path = NULL;
	struct cstore_item item;

	TRY(cstore_item_of(file, source, now, &item));
	struct err e = cstore_object_path(s, item.sha256, &path);
	/* Before the index names it; also in place of a damaged one. */
	if (!failed(e) && !is_whole(s, item.sha256))
		e = file_write_atomic(path, file, 0644);
	if (failed(e)) {
		cstore_item_done(&item);
		return e;
	}
	return cstore_put(s, &item);
}

/* ---- commit ---- */

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static RESULT lock(const struct cstore *s, int *ret_fd)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(s->path, "lock", &path));
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return err_new(ERR_SYS, "%s", path);
	while (flock(fd, LOCK_EX) != 0)
		if (errno != EINTR) {
			(void)close(fd);
			return err_new(ERR_SYS, "%s", path);
		}
	*ret_fd = fd;
	return OK;
}

static RESULT copy_item(const struct cstore_item *from, struct cstore_item *to)
{
	AUTO(cstore_item_done) struct cstore_item i = { .fetched = from->fetched,
		.not_before = from->not_before,
		.not_after = from->not_after };

	TRY(str_dup(from->sha256, &i.sha256));
	TRY(str_dup(from->kind, &i.kind));
	TRY(str_dup(from->subject, &i.subject));
	TRY(str_dup(from->source, &i.source));
	*to = i;
	i = (struct cstore_item){ 0 };
	return OK;
}

static bool has_object(const struct cstore *s, const struct cstore_item *o)
{
	for (size_t i = 0; i < s->n_items; i++)
		if (str_equal(s->items[i].sha256, o->sha256) && s->items[i].fetched >= o->fetched)
			return true;
	return false;
}

/* What another writer added since this store was opened stays, unless it is older of its source. */
static RESULT merge_others(struct cstore *s, const struct cstore *others)
{
	for (size_t i = 0; i < others->n_items; i++) {
		const struct cstore_item *o = &others->items[i];
		const struct cstore_item *own = cstore_of_source(s, o->source);
		bool imported = str_equal(o->source, CSTORE_IMPORTED);
		struct cstore_item copy;
		if ((own && !imported && own->fetched >= o->fetched) || has_object(s, o))
			continue;
		TRY(copy_item(o, &copy));
		TRY(cstore_put(s, &copy));
	}
	for (size_t i = 0; i < others->n_hosts; i++)
		if (cstore_host_not_before(s, others->hosts[i].host) < others->hosts[i].not_before)
			TRY(cstore_set_host(s, others->hosts[i].host, others->hosts[i].not_before));
	return OK;
}

RESULT cstore_commit(struct cstore *s)
{
	AUTO(close_fd) int fd = -1;
	AUTO(cstore_freep) struct cstore *others = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(CSTORE_INDEX_MAX);
	AUTO(auto_free) char *path = NULL;
	struct json_writer w = jw_of(&text);

	TRY(lock(s, &fd));
	TRY(cstore_open(s->path, true, &others));
	TRY(merge_others(s, others));
	write_index(s, &w);
	TRY(buf_end(&text, "collateral index"));
	TRY(path_join(s->path, INDEX_NAME, &path));
	TRY(file_write_atomic(path, buf_bytes(&text), 0644));
	return cstore_sweep(s);
}
