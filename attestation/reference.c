#include <stdlib.h>
#include <string.h>

#include <attestation/attestation.h>

enum {
	REFERENCE_VERSION = 1,
	REFERENCE_IDS_MAX = 4096,
	REFERENCE_VALUES_MAX = 4096, /* of one id */
	REFERENCE_ID_MAX = 256,
	REFERENCE_VALUE_MAX = 4096,
};

struct reference {
	char *id;
	struct strv values;
};

struct reference_values {
	struct reference *v;
	size_t n;
};

RESULT reference_new(struct reference_values **ret_refs)
{
	struct reference_values *r = calloc(1, sizeof(*r));

	if (!r)
		return err_new(ERR_NOMEM, "reference values");
	*ret_refs = r;
	return OK;
}

void reference_freep(struct reference_values **r)
{
	if (!*r)
		return;
	for (size_t i = 0; i < (*r)->n; i++) {
		free((*r)->v[i].id);
		strv_done(&(*r)->v[i].values);
	}
	free((*r)->v);
	free(*r);
	*r = NULL;
}

static struct reference *find(const struct reference_values *r, const char *id)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->v[i].id, id) == 0)
			return &r->v[i];
	return NULL;
}

static bool has_value(const struct strv *values, const char *value)
{
	for (size_t i = 0; i < values->n; i++)
		if (strcmp(values->v[i], value) == 0)
			return true;
	return false;
}

/* Strings as they are; numbers and booleans as JSON prints them. */
static struct err add_scalar(struct strv *values, const char *id, const struct json *value)
{
	AUTO(buf_done) struct buf text = BUF_INIT(REFERENCE_VALUE_MAX);
	enum json_type type = json_type(value);

	if (type == JSON_STRING)
		buf_puts(&text, json_string(value));
	else if (type == JSON_INT || type == JSON_BOOL)
		json_print(value, &text);
	else
		return err_new(ERR_UNSUPPORTED,
			"reference value '%.64s' is not a string, number, boolean or a list of "
			"those",
			id);
	TRY(buf_end(&text, "reference value"));
	const char *s = buf_cstr(&text);
	if (!s)
		return err_new(ERR_LIMIT, "reference value '%.64s' is too long", id);
	if (has_value(values, s))
		return OK;
	if (values->n == REFERENCE_VALUES_MAX)
		return err_new(ERR_LIMIT, "reference value '%.64s': more than %d values", id,
			REFERENCE_VALUES_MAX);
	return strv_add(values, s);
}

static struct err add_values(struct strv *values, const char *id, const struct json *value)
{
	if (json_type(value) != JSON_ARRAY)
		return add_scalar(values, id, value);
	for (size_t i = 0; i < json_count(value); i++)
		TRY(add_scalar(values, id, json_at(value, i)));
	return OK;
}

static struct err need(struct reference_values *r, const char *id, struct reference **ret)
{
	struct reference *found = find(r, id);
	AUTO(auto_free) char *own = NULL;

	if (found) {
		*ret = found;
		return OK;
	}
	if (id[0] == '\0' || strlen(id) > REFERENCE_ID_MAX)
		return err_new(ERR_FORMAT, "reference value id of %zu characters", strlen(id));
	if (r->n == REFERENCE_IDS_MAX)
		return err_new(ERR_LIMIT, "more than %d reference values", REFERENCE_IDS_MAX);
	TRY(str_dup(id, &own));
	struct reference *v = reallocarray(r->v, r->n + 1, sizeof(*v));
	if (!v)
		return err_new(ERR_NOMEM, "reference values");
	r->v = v;
	v[r->n] = (struct reference){ .id = TAKE(own) };
	*ret = &v[r->n++];
	return OK;
}

RESULT reference_set(struct reference_values *r, const char *id, const struct json *value)
{
	AUTO(strv_done) struct strv values = { 0 };
	struct reference *to;

	TRY(add_values(&values, id, value));
	TRY(need(r, id, &to));
	strv_done(&to->values);
	to->values = values;
	values = (struct strv){ 0 };
	return OK;
}

/* Checked as a whole before the first value is taken, so that a bad file changes nothing. */
RESULT reference_merge(struct reference_values *r, const struct json *ids)
{
	struct reference *to;

	if (json_type(ids) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "reference values: 'reference_values' is no object");
	for (size_t i = 0; i < json_count(ids); i++) {
		AUTO(strv_done) struct strv checked = { 0 };

		TRY(add_values(&checked, json_name_at(ids, i), json_at(ids, i)));
	}
	for (size_t i = 0; i < json_count(ids); i++) {
		TRY(need(r, json_name_at(ids, i), &to));
		TRY(add_values(&to->values, json_name_at(ids, i), json_at(ids, i)));
	}
	return OK;
}

RESULT reference_import(struct reference_values *r, struct bytes text)
{
	AUTO(json_freep) struct json *tree = NULL;
	uint64_t version = 0;

	struct err e = json_parse(text, &tree);
	if (failed(e))
		return err_add(e, "reference values");
	if (!json_u64(json_get(tree, "version"), &version) || version != REFERENCE_VERSION)
		return err_new(ERR_UNSUPPORTED, "reference values: 'version' is not %d",
			REFERENCE_VERSION);
	return reference_merge(r, json_get(tree, "reference_values"));
}

bool reference_has(const struct reference_values *r, const char *id, const char *value)
{
	const struct reference *f = r ? find(r, id) : NULL;

	return f && has_value(&f->values, value);
}

const char *reference_first(const struct reference_values *r, const char *id)
{
	const struct reference *f = r ? find(r, id) : NULL;

	return f && f->values.n > 0 ? f->values.v[0] : NULL;
}

RESULT reference_print(const struct reference_values *r, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_ku64(&w, "version", REFERENCE_VERSION);
	jw_key(&w, "reference_values");
	jw_object(&w);
	for (size_t i = 0; i < r->n; i++) {
		jw_key(&w, r->v[i].id);
		jw_array(&w);
		for (size_t j = 0; j < r->v[i].values.n; j++)
			jw_str(&w, r->v[i].values.v[j]);
		jw_array_end(&w);
	}
	jw_object_end(&w);
	jw_object_end(&w);
	return buf_end(out, "reference values");
}
