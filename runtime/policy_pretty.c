#include "policy_pretty.h"

enum {
	STEP = 2,
	FLAT_MAX = 80 /* characters of an object's values in one line */
};

static void put(const struct json *j, unsigned indent, struct buf *out);

/* Lists always, small objects. */
static bool is_flat(const struct json *j)
{
	size_t n = 0;

	for (size_t i = 0; i < json_count(j); i++) {
		const char *text = json_string(json_at(j, i));

		if (json_count(json_at(j, i)) > 0)
			return false;
		n += text ? strlen(text) + 8 : 8;
	}
	return json_type(j) == JSON_ARRAY || n <= FLAT_MAX;
}

static void put_name(const struct json *j, size_t i, struct buf *out)
{
	const char *name = json_name_at(j, i);
	struct json_writer w = jw_of(out);

	if (!name)
		return;
	jw_str(&w, name);
	buf_puts(out, ": ");
}

static void put_lines(const struct json *j, unsigned indent, struct buf *out)
{
	bool object = json_type(j) == JSON_OBJECT;

	buf_puts(out, object ? "{" : "[");
	for (size_t i = 0; i < json_count(j); i++) {
		buf_printf(out, "%s\n%*s", i > 0 ? "," : "", (int)indent, "");
		put_name(j, i, out);
		put(json_at(j, i), indent + STEP, out);
	}
	buf_printf(out, "\n%*s%s", (int)(indent - STEP), "", object ? "}" : "]");
}

static void put_line(const struct json *j, struct buf *out)
{
	bool object = json_type(j) == JSON_OBJECT;

	buf_puts(out, object ? "{" : "[");
	for (size_t i = 0; i < json_count(j); i++) {
		if (i > 0)
			buf_puts(out, ", ");
		put_name(j, i, out);
		json_print(json_at(j, i), out);
	}
	buf_puts(out, object ? "}" : "]");
}

static void put(const struct json *j, unsigned indent, struct buf *out)
{
	if (json_count(j) == 0)
		json_print(j, out);
	else if (is_flat(j))
		put_line(j, out);
	else
		put_lines(j, indent, out);
}

void policy_pretty(const struct json *j, struct buf *out)
{
	put(j, STEP, out);
	buf_puts(out, "\n");
}
