#include <stdlib.h>

#include <base/json.h>
#include <base/utf8.h>

struct member {
	const char *name;
	const struct json *value;
};

/* The first UTF-16 code unit of a character. */
static uint32_t first_unit(uint32_t point)
{
	return point < 0x10000 ? point : 0xd800 + ((point - 0x10000) >> 10);
}

/* RFC 8785 3.2.3: names in the order of their UTF-16 code units, which is not that of the bytes
 * where a character above U+FFFF meets one above U+DFFF */
static int compare_names(const void *a, const void *b)
{
	struct bytes x = bytes_str(((const struct member *)a)->name);
	struct bytes y = bytes_str(((const struct member *)b)->name);
	uint32_t p = 0, q = 0;

	for (size_t i = 0; i < x.n && i < y.n;) {
		size_t width = utf8_next(x.p + i, x.n - i, &p);
		(void)utf8_next(y.p + i, y.n - i, &q);
		if (p != q) {
			uint32_t u = first_unit(p), v = first_unit(q);
			return u != v ? (u > v) - (u < v) : (p > q) - (p < q);
		}
		i += width ? width : 1;
	}
	return (x.n > y.n) - (x.n < y.n);
}

static struct err write_canonical(struct json_writer *w, const struct json *j);

static struct err write_object(struct json_writer *w, const struct json *j)
{
	size_t n = json_count(j);
	AUTO(auto_free) struct member *sorted = calloc(n ? n : 1, sizeof(*sorted));

	if (!sorted)
		return err_new(ERR_NOMEM, "sorting %zu members", n);
	for (size_t i = 0; i < n; i++)
		sorted[i] = (struct member){ json_name_at(j, i), json_at(j, i) };
	qsort(sorted, n, sizeof(*sorted), compare_names);
	jw_object(w);
	for (size_t i = 0; i < n; i++) {
		jw_key(w, sorted[i].name);
		TRY(write_canonical(w, sorted[i].value));
	}
	jw_object_end(w);
	return OK;
}

static struct err write_array(struct json_writer *w, const struct json *j)
{
	jw_array(w);
	for (size_t i = 0; i < json_count(j); i++)
		TRY(write_canonical(w, json_at(j, i)));
	jw_array_end(w);
	return OK;
}

/* RFC 8785 3.2.2.3 writes numbers as IEEE doubles: beyond 2^53 that is another number. */
static bool is_exact(const struct json *j)
{
	static const uint64_t limit = 1ull << 53;
	uint64_t u;
	int64_t i;

	if (json_u64(j, &u))
		return u <= limit;
	return json_i64(j, &i) && i >= -(int64_t)limit;
}

static struct err write_canonical(struct json_writer *w, const struct json *j)
{
	switch (json_type(j)) {
	case JSON_OBJECT:
		return write_object(w, j);
	case JSON_ARRAY:
		return write_array(w, j);
	case JSON_DOUBLE:
		return err_new(ERR_UNSUPPORTED, "canonical JSON with a floating-point number");
	case JSON_INT:
		if (!is_exact(j))
			return err_new(
				ERR_UNSUPPORTED, "canonical JSON with an integer above 2^53");
		break;
	case JSON_NULL:
	case JSON_BOOL:
	case JSON_STRING:
		break;
	}
	jw_json(w, j);
	return OK;
}

RESULT json_print_canonical(const struct json *j, struct buf *out)
{
	struct json_writer w = jw_of(out);

	TRY(write_canonical(&w, j));
	return buf_end(out, "canonical JSON");
}
