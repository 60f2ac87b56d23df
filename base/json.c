#include "json_scan.h"
#include "json_tree.h"

#include <base/buf.h>

enum json_type json_type(const struct json *j)
{
	return j ? j->type : JSON_NULL;
}

static bool is(const struct json *j, enum json_type type)
{
	return j && j->type == type;
}

size_t json_count(const struct json *j)
{
	return is(j, JSON_ARRAY) || is(j, JSON_OBJECT) ? j->n : 0;
}

size_t json_members(const struct json *j)
{
	return is(j, JSON_OBJECT) ? j->n : 0;
}

const struct json *json_at(const struct json *j, size_t i)
{
	return i < json_count(j) ? &j->children[i] : NULL;
}

const char *json_name_at(const struct json *j, size_t i)
{
	return is(j, JSON_OBJECT) && i < j->n ? j->children[i].name : NULL;
}

static const struct json *member(const struct json *j, struct bytes name)
{
	for (size_t i = 0; is(j, JSON_OBJECT) && i < j->n; i++) {
		if (bytes_compare(bytes_str(j->children[i].name), name) == 0)
			return &j->children[i];
	}
	return NULL;
}

const struct json *json_get(const struct json *j, const char *name)
{
	return member(j, bytes_str(name));
}

/* RFC 6901 section 4: an index has no sign and no leading zero */
static const struct json *element(const struct json *j, const char *token)
{
	uint64_t i;

	if ((token[0] == '0' && token[1] != '\0') ||
		failed(str_to_u64(token, JSON_VALUES_MAX, "index", &i)))
		return NULL;
	return json_at(j, i);
}

/* Takes the text up to the next '/' off the pointer, with ~1 and ~0 replaced. */
static const char *next_token(const char **pointer, struct buf *token)
{
	const char *p = *pointer + 1;

	buf_clear(token);
	for (; *p && *p != '/'; p++) {
		if (*p == '~' && (p[1] == '0' || p[1] == '1'))
			buf_u8(token, *++p == '0' ? '~' : '/');
		else
			buf_u8(token, *p);
	}
	*pointer = p;
	return buf_cstr(token);
}

const struct json *json_pointer(const struct json *j, const char *pointer)
{
	AUTO(buf_done) struct buf token = BUF_INIT(JSON_SIZE_MAX);

	while (j && *pointer == '/') {
		const char *name = next_token(&pointer, &token);
		if (!name)
			return NULL;
		j = is(j, JSON_ARRAY) ? element(j, name) : json_get(j, name);
	}
	return *pointer ? NULL : j;
}

const char *json_string(const struct json *j)
{
	return is(j, JSON_STRING) ? j->text : NULL;
}

bool json_u64(const struct json *j, uint64_t *ret_v)
{
	if (!is(j, JSON_INT) || j->negative)
		return false;
	*ret_v = j->u;
	return true;
}

bool json_i64(const struct json *j, int64_t *ret_v)
{
	if (!is(j, JSON_INT) || (!j->negative && j->u > INT64_MAX))
		return false;
	*ret_v = j->i;
	return true;
}

bool json_bool(const struct json *j, bool *ret_v)
{
	if (!is(j, JSON_BOOL))
		return false;
	*ret_v = j->truth;
	return true;
}

bool json_milli(const struct json *j, uint64_t *ret_milli)
{
	enum {
		MILLI = 1000
	};
	static const double most = 1e9; /* beyond it doubles are too coarse to tell */
	double scaled, rounding;
	uint64_t v;

	if (json_u64(j, &v))
		return !__builtin_mul_overflow(v, MILLI, ret_milli);
	if (!is(j, JSON_DOUBLE) || !(j->number >= 0 && j->number < most))
		return false;
	scaled = j->number * MILLI;
	v = (uint64_t)(scaled + 0.5);
	rounding = scaled - (double)v;
	/* What a product of doubles may be off, far less than another decimal. */
	if (rounding > 1e-6 * MILLI || rounding < -1e-6 * MILLI)
		return false;
	*ret_milli = v;
	return true;
}

double json_double(const struct json *j)
{
	return is(j, JSON_DOUBLE) ? j->number : 0;
}

RESULT json_need_string(const struct json *j, const char *name, const char **ret_s)
{
	const struct json *m = json_get(j, name);

	if (!m)
		return err_new(ERR_FORMAT, "%s: missing", name);
	if (m->type != JSON_STRING)
		return err_new(ERR_FORMAT, "%s: must be a string", name);
	*ret_s = m->text;
	return OK;
}
