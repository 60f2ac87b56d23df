#include "imports.h"

#include <stdio.h>
#include <stdlib.h>

#include <base/clock.h>
#include <base/encode.h>

struct imports {
	char *names[IMPORTS_MAX];
	struct json *records[IMPORTS_MAX];
	size_t n;
};

void imports_freep(struct imports **ref)
{
	struct imports *i = *ref;

	if (!i)
		return;
	for (size_t k = 0; k < i->n; k++) {
		free(i->names[k]);
		json_free(i->records[k]);
	}
	free(i);
	*ref = NULL;
}

/* ---- reading ---- */

static RESULT add(struct imports *i, const char *name, struct bytes record)
{
	AUTO(json_freep) struct json *j = NULL;

	if (i->n == IMPORTS_MAX)
		return err_new(ERR_LIMIT, "manifests of more than %d images", IMPORTS_MAX);
	TRY(json_parse(record, &j));
	TRY(str_dup(name, &i->names[i->n]));
	i->records[i->n++] = TAKE(j);
	return OK;
}

static RESULT add_stored(struct imports *i, struct store *s, const char *name)
{
	AUTO(secret_freep) struct secret *text = NULL;

	TRY(store_get(s, STORE_MANIFEST, name, &text));
	return add(i, name, secret_bytes(text));
}

RESULT imports_load(
	struct store *s, const char *name, struct bytes record, struct imports **ret_imports)
{
	AUTO(imports_freep) struct imports *i = calloc(1, sizeof(*i));
	AUTO(strv_done) struct strv names = { 0 };

	if (!i)
		return err_new(ERR_NOMEM, "manifests");
	TRY(store_list(s, STORE_MANIFEST, &names));
	for (size_t k = 0; k < names.n; k++) {
		struct err e = OK;
		if (!name || !str_equal(names.v[k], name))
			e = add_stored(i, s, names.v[k]);
		if (failed(e))
			return err_add(e, "manifest of %s", names.v[k]);
	}
	if (name && record.n > 0)
		TRY(add(i, name, record));
	*ret_imports = TAKE(i);
	return OK;
}

const struct json *imports_get(const struct imports *i, const char *name)
{
	for (size_t k = 0; k < i->n; k++)
		if (str_equal(i->names[k], name))
			return i->records[k];
	return NULL;
}

static bool flag(const struct json *record, const char *name)
{
	bool v = false;

	return json_bool(json_get(record, name), &v) && v;
}

RESULT imports_merge(
	const struct imports *i, int64_t now, struct reference_values *refs, int64_t *ret_until)
{
	int64_t until = INT64_MAX;

	for (size_t k = 0; k < i->n; k++) {
		const struct json *r = i->records[k], *debug;
		const struct json *previous = json_get(r, "previous");
		int64_t end = 0;
		TRY(reference_merge(refs, json_pointer(r, "/manifest/reference_values")));
		debug = json_pointer(r, "/manifest/debug_variant/reference_values");
		if (flag(r, "debug_variant") && debug)
			TRY(reference_merge(refs, debug));
		if (!json_i64(json_get(previous, "until"), &end) || end <= now)
			continue;
		TRY(reference_merge(refs, json_get(previous, "reference_values")));
		if (end < until)
			until = end;
	}
	*ret_until = until;
	return OK;
}

static void list_one(const char *name, const struct json *r, struct json_writer *w)
{
	static const char *const members[] = { "form", "sha256", "signer", "imported",
		"debug_variant" };
	const struct json *previous = json_get(r, "previous");

	jw_object(w);
	jw_kstr(w, "name", name);
	jw_key(w, "version");
	jw_json(w, json_pointer(r, "/manifest/image/version"));
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		jw_key(w, members[i]);
		jw_json(w, json_get(r, members[i]));
	}
	if (previous) {
		jw_key(w, "previous");
		jw_object(w);
		jw_key(w, "version");
		jw_json(w, json_get(previous, "version"));
		jw_key(w, "until");
		jw_json(w, json_get(previous, "until"));
		jw_object_end(w);
	}
	jw_object_end(w);
}

RESULT imports_list(const struct imports *i, struct buf *json)
{
	struct json_writer w = jw_of(json);

	jw_array(&w);
	for (size_t k = 0; k < i->n; k++)
		list_one(i->names[k], i->records[k], &w);
	jw_array_end(&w);
	return buf_end(json, "list of manifests");
}

/* ---- making ---- */

static bool has_hex(const struct json *record, const char *name, struct bytes want)
{
	const char *s = json_string(json_get(record, name));
	char hex[2 * DIGEST_MAX + 1];

	hex_to(want, hex);
	return s && str_equal(s, hex);
}

/* The values replaced, as far as they counted. */
static void keep_previous(
	const struct json *present, const struct import_origin *o, struct json_writer *w)
{
	const struct json *values = json_pointer(present, "/manifest/reference_values");

	jw_key(w, "previous");
	jw_object(w);
	jw_key(w, "version");
	jw_json(w, json_pointer(present, "/manifest/image/version"));
	jw_key(w, "sha256");
	jw_json(w, json_get(present, "sha256"));
	jw_key(w, "until");
	jw_i64(w, o->now + (int64_t)o->overlap_s);
	jw_key(w, "reference_values");
	jw_json(w, values);
	jw_object_end(w);
}

static RESULT check_version(const struct manifest *m, const struct json *present)
{
	char expected[32], actual[32];
	uint64_t v = 0;

	if (!json_u64(json_pointer(present, "/manifest/image/version"), &v) || m->version >= v)
		return OK;
	(void)snprintf(expected, sizeof(expected), "%llu or higher", (unsigned long long)v);
	(void)snprintf(actual, sizeof(actual), "%llu", (unsigned long long)m->version);
	return err_deny(ERR_DENIED, "reference.rollback", "image.version", expected, actual);
}

static bool is_same(const struct import_origin *o, const struct json *present)
{
	return has_hex(present, "sha256", BYTES_OF(o->sha256)) &&
	       has_hex(present, "signer", BYTES_OF(o->signer)) &&
	       flag(present, "debug_variant") == o->debug_variant;
}

RESULT import_make(const struct manifest *m, const struct import_origin *o,
	const struct json *present, struct buf *record)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MANIFEST_FILE_MAX);
	struct json_writer w = jw_of(record);
	char imported[RFC3339_SIZE];

	if (o->overlap_s > OVERLAP_MAX_S)
		return err_new(ERR_LIMIT, "overlap of %llu s, at most %d",
			(unsigned long long)o->overlap_s, OVERLAP_MAX_S);
	TRY(check_version(m, present));
	if (present && is_same(o, present))
		return OK;
	TRY(manifest_print(m, &text));
	clock_format(o->now, imported);
	jw_object(&w);
	jw_kstr(&w, "form", o->form);
	jw_khex(&w, "sha256", BYTES_OF(o->sha256));
	jw_khex(&w, "signer", BYTES_OF(o->signer));
	jw_kstr(&w, "imported", imported);
	jw_kbool(&w, "debug_variant", o->debug_variant);
	jw_key(&w, "manifest");
	jw_raw(&w, bytes_of(text.p, text.n - 1));
	if (present && o->overlap_s > 0)
		keep_previous(present, o, &w);
	jw_object_end(&w);
	return buf_end(record, "record of the manifest");
}
