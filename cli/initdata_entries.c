#include "initdata_entries.h"

#include <base/file.h>

void initdata_entries_done(struct initdata_entries *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->v[i].name);
		free(e->v[i].value);
	}
}

static size_t find(const struct initdata_entries *e, const char *name)
{
	size_t i = 0;

	while (i < e->n && !str_equal(e->v[i].name, name))
		i++;
	return i;
}

static RESULT check(const char *name, struct bytes text)
{
	AUTO(json_freep) struct json *root = NULL;
	struct err e = OK;

	if (str_ends(name, ".json"))
		e = json_parse(text, &root);
	else if (str_ends(name, ".toml"))
		e = toml_parse(text, &root);
	return failed(e) ? err_add(e, "%s", name) : OK;
}

RESULT initdata_entries_set(struct initdata_entries *e, const char *name, struct bytes text)
{
	AUTO(auto_free) char *value = NULL;
	size_t i = find(e, name);

	TRY(check(name, text));
	TRY(bytes_to_str(text, &value));
	if (i == INITDATA_ENTRIES_MAX)
		return err_new(ERR_LIMIT, "initdata: more than %d entries", INITDATA_ENTRIES_MAX);
	if (i == e->n) {
		TRY(str_dup(name, &e->v[i].name));
		e->n++;
	}
	free(e->v[i].value);
	e->v[i].value = TAKE(value);
	return OK;
}

RESULT initdata_entries_add(struct initdata_entries *e, struct bytes toml)
{
	AUTO(initdata_done) struct initdata d = { 0 };

	TRY(initdata_parse(toml, &d));
	for (size_t i = 0; i < d.data.n; i++)
		TRY(initdata_entries_set(e, d.data.v[i].name, bytes_str(d.data.v[i].value)));
	return OK;
}

RESULT initdata_entries_files(struct initdata_entries *e, const struct strv *data, bool replace)
{
	for (size_t i = 0; i < data->n; i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(INITDATA_MAX);
		AUTO(auto_free) char *name = NULL;
		const char *equals = strchr(data->v[i], '=');

		if (!equals)
			return err_new(ERR_USAGE, "--data %s: not NAME=FILE", data->v[i]);
		TRY(bytes_to_str(bytes_of(data->v[i], (size_t)(equals - data->v[i])), &name));
		if (!replace && find(e, name) < e->n)
			return err_new(ERR_USAGE, "--data %s: is there already", name);
		TRY(file_read(equals + 1, &text));
		TRY(initdata_entries_set(e, name, buf_bytes(&text)));
	}
	return OK;
}

RESULT initdata_entries_make(struct initdata_entries *e, enum digest_alg alg, struct buf *toml)
{
	const struct json_map map = { .v = e->v, .n = e->n };

	return initdata_make(alg, &map, toml);
}
