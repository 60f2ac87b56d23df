/* Two manifests, member by member: what a person has to approve again. */
#include "runtime/policy_explain.h"

enum {
	CHANGES_MAX = 4096,
	POLICY_VALUE_MAX = 512 * 1024
};

void policy_changes_done(struct policy_changes *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].field);
		free(c->v[i].before);
		free(c->v[i].after);
	}
	free(c->v);
	*c = (struct policy_changes){ 0 };
}

/* Texts as they are, the rest as JSON. */
static RESULT print_value(const struct json *j, char **ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT(POLICY_VALUE_MAX);

	if (!j)
		return OK;
	if (json_string(j))
		return str_dup(json_string(j), ret);
	json_print(j, &text);
	TRY(buf_end(&text, "value"));
	return bytes_to_str(buf_bytes(&text), ret);
}

static RESULT grow(struct policy_changes *c)
{
	struct policy_change *v;

	if (c->n == CHANGES_MAX)
		return err_new(ERR_LIMIT, "more than %d differences", CHANGES_MAX);
	v = realloc(c->v, (c->n + 1) * sizeof(*v));
	if (!v)
		return err_new(ERR_NOMEM, "differences");
	c->v = v;
	c->v[c->n] = (struct policy_change){ 0 };
	return OK;
}

static RESULT add(struct policy_changes *c, const char *field, const struct json *before,
	const struct json *after)
{
	struct policy_change *change;

	TRY(grow(c));
	change = &c->v[c->n++];
	TRY(str_dup(field, &change->field));
	TRY(print_value(before, &change->before));
	return print_value(after, &change->after);
}

static bool same(const struct json *a, const struct json *b)
{
	AUTO(auto_free) char *x = NULL;
	AUTO(auto_free) char *y = NULL;

	if (!a || !b || json_type(a) != json_type(b))
		return a == b;
	if (failed(print_value(a, &x)) || failed(print_value(b, &y)))
		return false;
	return str_equal(x, y);
}

/* ---- by the kind of a member ---- */

/* Values that only one of the lists has; the order means nothing. */
static RESULT diff_set(struct policy_changes *c, const char *field, const struct json *before,
	const struct json *after)
{
	for (int side = 0; side < 2; side++) {
		const struct json *have = side ? after : before, *other = side ? before : after;

		for (size_t i = 0; i < json_count(have); i++) {
			const struct json *v = json_at(have, i);
			size_t k = 0;

			while (k < json_count(other) && !same(v, json_at(other, k)))
				k++;
			if (k == json_count(other))
				TRY(add(c, field, side ? NULL : v, side ? v : NULL));
		}
	}
	return OK;
}

static RESULT diff_map(struct policy_changes *c, const char *field, const struct json *before,
	const struct json *after)
{
	for (int side = 0; side < 2; side++) {
		const struct json *have = side ? after : before, *other = side ? before : after;

		for (size_t i = 0; i < json_members(have); i++) {
			const char *name = json_name_at(have, i);
			const struct json *v = json_at(have, i), *o = json_get(other, name);
			AUTO(auto_free) char *full = NULL;

			if (same(v, o) || (side && o))
				continue;
			TRY(str_format(&full, "%s.%s", field, name));
			TRY(add(c, full, side ? NULL : v, side ? v : o));
		}
	}
	return OK;
}

static const struct json *keyed(const struct json *list, const char *key, const char *value)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const char *have = json_string(json_get(json_at(list, i), key));

		if (have && value && str_equal(have, value))
			return json_at(list, i);
	}
	return NULL;
}

static RESULT diff_member(struct policy_changes *c, const char *field, const char *name,
	const struct json *before, const struct json *after);

static RESULT diff_members(struct policy_changes *c, const char *field, const struct json *before,
	const struct json *after)
{
	for (int side = 0; side < 2; side++) {
		const struct json *have = side ? after : before, *other = side ? before : after;

		for (size_t i = 0; i < json_members(have); i++) {
			const char *name = json_name_at(have, i);
			const struct json *o = json_get(other, name);
			AUTO(auto_free) char *full = NULL;

			if (side && o)
				continue;
			TRY(str_format(&full, "%s%s%s", field, *field ? "." : "", name));
			TRY(diff_member(c, full, name, side ? NULL : json_at(have, i),
				side ? json_at(have, i) : o));
		}
	}
	return OK;
}

/* Objects in a list, known by one of their members. */
static RESULT diff_keyed(struct policy_changes *c, const char *field, const char *key,
	const struct json *before, const struct json *after)
{
	for (int side = 0; side < 2; side++) {
		const struct json *have = side ? after : before, *other = side ? before : after;

		for (size_t i = 0; i < json_count(have); i++) {
			const struct json *v = json_at(have, i);
			const char *id = json_string(json_get(v, key));
			const struct json *o = keyed(other, key, id);
			AUTO(auto_free) char *full = NULL;

			if (side && o)
				continue;
			TRY(str_format(&full, "%s[%s]", field, id ? id : "?"));
			if (o)
				TRY(diff_members(c, full, v, o));
			else
				TRY(add(c, full, side ? NULL : v, side ? v : NULL));
		}
	}
	return OK;
}

static RESULT diff_member(struct policy_changes *c, const char *field, const char *name,
	const struct json *before, const struct json *after)
{
	static const char *const sets[] = { "capabilities", "mounts", "devices", "exec", "env_also",
		"groups", "after", "completed", "allow" };

	if (str_equal(name, "containers"))
		return diff_keyed(c, field, "name", before, after);
	if (str_equal(name, "volumes"))
		return diff_keyed(c, field, "at", before, after);
	if (str_equal(name, "env") || str_equal(name, "sysctls"))
		return diff_map(c, field, before, after);
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		if (str_equal(name, sets[i]))
			return diff_set(c, field, before, after);
	return same(before, after) ? OK : add(c, field, before, after);
}

RESULT policy_diff(const struct json *before, const struct json *after, struct policy_changes *ret)
{
	AUTO(policy_changes_done) struct policy_changes c = { 0 };

	TRY(diff_members(&c, "", before, after));
	*ret = c;
	c = (struct policy_changes){ 0 };
	return OK;
}
