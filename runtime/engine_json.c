/* JSON as people write it into files. */
#include "engine_parts.h"

static void put(const struct json *j, unsigned depth, struct buf *out);

static void indent(struct buf *out, unsigned depth)
{
	buf_puts(out, "\n");
	for (unsigned i = 0; i < depth; i++)
		buf_puts(out, "    ");
}

static void put_members(const struct json *j, unsigned depth, struct buf *out)
{
	bool object = json_type(j) == JSON_OBJECT;

	buf_puts(out, object ? "{" : "[");
	for (size_t i = 0; i < json_count(j); i++) {
		struct json_writer w = jw_of(out);
		buf_puts(out, i ? "," : "");
		indent(out, depth + 1);
		if (object) {
			jw_str(&w, json_name_at(j, i));
			buf_puts(out, ": ");
		}
		put(json_at(j, i), depth + 1, out);
	}
	indent(out, depth);
	buf_puts(out, object ? "}" : "]");
}

/* Recursion is bounded by the depth of the tree. */
static void put(const struct json *j, unsigned depth, struct buf *out)
{
	if (json_count(j) > 0)
		put_members(j, depth, out);
	else
		json_print(j, out);
}

void json_pretty(const struct json *j, struct buf *out)
{
	put(j, 0, out);
	buf_puts(out, "\n");
}
