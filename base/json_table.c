#include <ctype.h>
#include <stdlib.h>

#include <base/encode.h>
#include <base/json.h>

/* What .max 0 stands for. */
enum {
	STR_MAX_DEFAULT = 64 * 1024,
	BYTES_MAX_DEFAULT = 1024 * 1024,
	ENTRIES_MAX_DEFAULT = 1024,
	PATH_TEXT_MAX = 160
};

/* Where in the message the decoder is, for errors. */
struct place {
	const struct place *up;
	const char *name; /* NULL: the element `index` of a list, or the whole message */
	size_t index;
	const char *what; /* of the whole message */
};

static struct err decode_struct(const struct json *j, const struct json_table *table,
	const struct place *at, void *ret_struct);

static void write_path(const struct place *at, struct buf *out)
{
	if (!at->up)
		return;
	write_path(at->up, out);
	if (!at->name) {
		buf_printf(out, "[%zu]", at->index);
		return;
	}
	if (at->up->up)
		buf_u8(out, '.');
	/* Names of members come from outside. */
	for (const char *p = at->name; *p; p++)
		buf_u8(out, isprint((unsigned char)*p) ? *p : '?');
}

PRINTF(3, 4)
static struct err bad(enum err_code code, const struct place *at, const char *fmt, ...)
{
	AUTO(buf_done) struct buf path = BUF_INIT(PATH_TEXT_MAX);
	const struct place *root = at;
	char why[128];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	while (root->up)
		root = root->up;
	write_path(at, &path);
	if (path.n == 0)
		return err_new(code, "%s: %s", root->what, why);
	return err_new(code, "%s: %.*s: %s", root->what, (int)path.n, (const char *)path.p, why);
}

static size_t limit_of(const struct json_field *f, size_t by_default)
{
	return f->max ? f->max : by_default;
}

/* ---- one field ---- */

static struct err need_text(const struct json *j, const struct place *at, const char **ret_s)
{
	const char *s = json_string(j);

	if (!s)
		return bad(ERR_FORMAT, at, "must be a string");
	*ret_s = s;
	return OK;
}

static struct err decode_str(
	const struct json *j, const struct json_field *f, const struct place *at, void *to)
{
	const char *s = NULL;

	TRY(need_text(j, at, &s));
	if (strlen(s) > limit_of(f, STR_MAX_DEFAULT))
		return bad(ERR_LIMIT, at, "more than %zu characters", limit_of(f, STR_MAX_DEFAULT));
	return str_dup(s, to);
}

static struct err decode_bytes(
	const struct json *j, const struct json_field *f, const struct place *at, void *to)
{
	AUTO(buf_done) struct buf b = BUF_INIT(limit_of(f, BYTES_MAX_DEFAULT));
	struct err e;
	const char *s = NULL;

	TRY(need_text(j, at, &s));
	if (f->kind == FIELD_HEX)
		e = hex_decode(bytes_str(s), f->name, &b);
	else
		e = base64_decode(f->kind == FIELD_BASE64 ? BASE64_STD : BASE64_URL_NO_PAD,
			bytes_str(s), f->name, &b);
	if (e.code == ERR_NOMEM)
		return e;
	if (e.code == ERR_LIMIT)
		return bad(ERR_LIMIT, at, "more than %zu bytes", b.max);
	if (failed(e))
		return bad(ERR_FORMAT, at, "must be %s",
			f->kind == FIELD_HEX	  ? "hexadecimal"
			: f->kind == FIELD_BASE64 ? "base64"
						  : "base64url without padding");
	memcpy(to, &b, sizeof(b));
	b = BUF_INIT(0);
	return OK;
}

static struct err decode_u64(
	const struct json *j, const struct json_field *f, const struct place *at, void *to)
{
	uint64_t v;

	if (!json_u64(j, &v))
		return bad(ERR_FORMAT, at, "must be a number from 0");
	if (f->max && v > f->max)
		return bad(ERR_LIMIT, at, "more than %zu", f->max);
	memcpy(to, &v, sizeof(v));
	return OK;
}

static struct err decode_bool(
	const struct json *j, const struct json_field *f, const struct place *at, void *to)
{
	bool v;

	(void)f;
	if (!json_bool(j, &v))
		return bad(ERR_FORMAT, at, "must be true or false");
	memcpy(to, &v, sizeof(v));
	return OK;
}

/* Of an array or object with at most as many entries as the field takes. */
static struct err need_entries(const struct json *j, const struct json_field *f,
	const struct place *at, enum json_type type)
{
	if (json_type(j) != type)
		return bad(ERR_FORMAT, at, "must be %s",
			type == JSON_ARRAY ? "an array" : "an object");
	if (json_count(j) > limit_of(f, ENTRIES_MAX_DEFAULT))
		return bad(
			ERR_LIMIT, at, "more than %zu entries", limit_of(f, ENTRIES_MAX_DEFAULT));
	return OK;
}

static struct err decode_strv(
	const struct json *j, const struct json_field *f, const struct place *at, void *to)
{
	AUTO(strv_done) struct strv list = { 0 };

	TRY(need_entries(j, f, at, JSON_ARRAY));
	for (size_t i = 0; i < json_count(j); i++) {
		struct place here = { .up = at, .index = i };
		const char *s = NULL;
		TRY(need_text(json_at(j, i), &here, &s));
		TRY(strv_add(&list, s));
	}
	memcpy(to, &list, sizeof(list));
	list = (struct strv){ 0 };
	return OK;
}

static void map_done(struct json_map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].name);
		free(m->v[i].value);
	}
	free(m->v);
	*m = (struct json_map){ 0 };
}

static struct err decode_map(
	const struct json *j, const struct json_field *f, const struct place *at, void *to)
{
	AUTO(map_done) struct json_map map = { 0 };

	TRY(need_entries(j, f, at, JSON_OBJECT));
	map.v = calloc(json_count(j) + 1, sizeof(*map.v));
	if (!map.v)
		return err_new(ERR_NOMEM, "%s", f->name);
	for (size_t i = 0; i < json_count(j); i++) {
		struct place here = { .up = at, .name = json_name_at(j, i) };
		const char *s = NULL;
		TRY(need_text(json_at(j, i), &here, &s));
		map.n = i + 1;
		TRY(str_dup(json_name_at(j, i), &map.v[i].name));
		TRY(str_dup(s, &map.v[i].value));
	}
	memcpy(to, &map, sizeof(map));
	map = (struct json_map){ 0 };
	return OK;
}

static void list_release(const struct json_table *table, struct json_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		json_release(table, (uint8_t *)list->items + i * table->size);
	free(list->items);
	*list = (struct json_list){ 0 };
}

static struct err decode_list(
	const struct json *j, const struct json_field *f, const struct place *at, void *to)
{
	struct json_list list = { 0 };

	TRY(need_entries(j, f, at, JSON_ARRAY));
	list.items = calloc(json_count(j) + 1, f->table->size);
	if (!list.items)
		return err_new(ERR_NOMEM, "%s", f->name);
	for (size_t i = 0; i < json_count(j); i++) {
		struct place here = { .up = at, .index = i };
		struct err e = decode_struct(
			json_at(j, i), f->table, &here, (uint8_t *)list.items + i * f->table->size);
		if (failed(e)) {
			list_release(f->table, &list);
			return e;
		}
		list.n = i + 1;
	}
	memcpy(to, &list, sizeof(list));
	return OK;
}

static struct err decode_object(
	const struct json *j, const struct json_field *f, const struct place *at, void *to)
{
	return decode_struct(j, f->table, at, to);
}

static struct err decode_json(
	const struct json *j, const struct json_field *f, const struct place *at, void *to)
{
	(void)f;
	(void)at;
	memcpy(to, &j, sizeof(const struct json *));
	return OK;
}

typedef struct err decode_fn(
	const struct json *j, const struct json_field *f, const struct place *at, void *to);

static decode_fn *const decoders[] = {
	[FIELD_STR] = decode_str,
	[FIELD_HEX] = decode_bytes,
	[FIELD_BASE64] = decode_bytes,
	[FIELD_BASE64URL] = decode_bytes,
	[FIELD_U64] = decode_u64,
	[FIELD_BOOL] = decode_bool,
	[FIELD_STRV] = decode_strv,
	[FIELD_OBJECT] = decode_object,
	[FIELD_LIST] = decode_list,
	[FIELD_MAP] = decode_map,
	[FIELD_JSON] = decode_json,
};

/* ---- a whole struct ---- */

static struct err refuse_unknown(
	const struct json *j, const struct json_table *table, const struct place *at)
{
	for (size_t i = 0; i < json_count(j); i++) {
		struct place here = { .up = at, .name = json_name_at(j, i) };
		bool known = false;
		for (size_t k = 0; !known && k < table->n; k++)
			known = str_equal(table->fields[k].name, here.name);
		if (!known)
			return bad(ERR_FORMAT, &here, "unknown");
	}
	return OK;
}

static struct err decode_fields(const struct json *j, const struct json_table *table,
	const struct place *at, void *ret_struct)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct json_field *f = &table->fields[i];
		const struct json *value = json_get(j, f->name);
		struct place here = { .up = at, .name = f->name };
		if (f->flags & FIELD_NULLABLE && json_type(value) == JSON_NULL)
			value = NULL;
		if (!value && f->flags & FIELD_REQUIRED)
			return bad(ERR_FORMAT, &here, "missing");
		if (value)
			TRY(decoders[f->kind](value, f, &here, (uint8_t *)ret_struct + f->offset));
	}
	return OK;
}

/* Recursion is bounded by the depth of the tree. */
static struct err decode_struct(const struct json *j, const struct json_table *table,
	const struct place *at, void *ret_struct)
{
	struct err e;

	if (json_type(j) != JSON_OBJECT)
		return bad(ERR_FORMAT, at, "must be an object");
	if (!table->open)
		TRY(refuse_unknown(j, table, at));
	e = decode_fields(j, table, at, ret_struct);
	if (failed(e))
		json_release(table, ret_struct);
	return e;
}

RESULT json_decode(const struct json *j, const struct json_table *table, void *ret_struct)
{
	struct place root = { .what = table->what };

	return decode_struct(j, table, &root, ret_struct);
}

static bool borrows(const struct json_table *table)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct json_field *f = &table->fields[i];
		if (f->kind == FIELD_JSON || (f->table && borrows(f->table)))
			return true;
	}
	return false;
}

RESULT json_decode_text(struct bytes text, const struct json_table *table, void *ret_struct)
{
	AUTO(json_freep) struct json *root = NULL;

	/* What it borrows would be gone when this returns. */
	if (borrows(table))
		return err_new(ERR_STATE, "%s: needs its tree to be kept", table->what);
	struct err e = json_parse(text, &root);
	if (failed(e))
		return err_add(e, "%s", table->what);
	return json_decode(root, table, ret_struct);
}

static void release_field(const struct json_field *f, void *at)
{
	switch (f->kind) {
	case FIELD_STR:
		auto_free(at);
		memset(at, 0, sizeof(char *));
		break;
	case FIELD_HEX:
	case FIELD_BASE64:
	case FIELD_BASE64URL:
		buf_done(at);
		memset(at, 0, sizeof(struct buf));
		break;
	case FIELD_STRV:
		strv_done(at);
		break;
	case FIELD_OBJECT:
		json_release(f->table, at);
		break;
	case FIELD_LIST:
		list_release(f->table, at);
		break;
	case FIELD_MAP:
		map_done(at);
		break;
	case FIELD_U64:
		memset(at, 0, sizeof(uint64_t));
		break;
	case FIELD_BOOL:
		memset(at, 0, sizeof(bool));
		break;
	case FIELD_JSON:
		memset(at, 0, sizeof(const struct json *));
		break;
	}
}

void json_release(const struct json_table *table, void *decoded)
{
	for (size_t i = 0; i < table->n; i++)
		release_field(&table->fields[i], (uint8_t *)decoded + table->fields[i].offset);
}

const char *json_map_get(const struct json_map *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++) {
		if (str_equal(m->v[i].name, name))
			return m->v[i].value;
	}
	return NULL;
}
