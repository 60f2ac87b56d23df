#include "int_bytes.h"

static struct err byte_at(const struct json *array, const char *what, size_t i, uint8_t *ret)
{
	uint64_t v;

	if (!json_u64(json_at(array, i), &v) || v > UINT8_MAX)
		return err_new(ERR_FORMAT, "%s: element %zu is no byte", what, i);
	*ret = (uint8_t)v;
	return OK;
}

static struct err need_array(const struct json *array, const char *what)
{
	if (!array || json_type(array) != JSON_ARRAY)
		return err_new(ERR_FORMAT, "%s: not an array of bytes", what);
	return OK;
}

RESULT int_bytes(const struct json *array, const char *what, struct buf *out)
{
	TRY(need_array(array, what));
	size_t n = json_count(array);
	if (n > out->max - out->n)
		return err_new(ERR_FORMAT, "%s: %zu bytes", what, n);
	for (size_t i = 0; i < n; i++) {
		uint8_t v;

		TRY(byte_at(array, what, i, &v));
		buf_u8(out, v);
	}
	return buf_end(out, what);
}

RESULT int_bytes_fixed(const struct json *array, const char *what, uint8_t *to, size_t n)
{
	TRY(need_array(array, what));
	if (json_count(array) != n)
		return err_new(
			ERR_FORMAT, "%s: %zu bytes instead of %zu", what, json_count(array), n);
	for (size_t i = 0; i < n; i++)
		TRY(byte_at(array, what, i, &to[i]));
	return OK;
}
