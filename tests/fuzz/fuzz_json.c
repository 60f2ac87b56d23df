/* What was taken must print as text that is taken again and prints the same. */
#include <stdlib.h>

#include <base/json.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	PRINTED_MAX = 8 * JSON_SIZE_MAX /* every character may become an escape */
};

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* Every accessor on every value. */
static void walk(const struct json *j)
{
	uint64_t u;
	int64_t i;
	bool b;

	(void)json_u64(j, &u);
	(void)json_i64(j, &i);
	(void)json_bool(j, &b);
	require((json_type(j) == JSON_STRING) == (json_string(j) != NULL));
	for (size_t k = 0; k < json_count(j); k++) {
		require(json_at(j, k) != NULL);
		require((json_type(j) == JSON_OBJECT) == (json_name_at(j, k) != NULL));
		if (json_name_at(j, k) && json_count(j) < 64)
			require(json_get(j, json_name_at(j, k)) == json_at(j, k));
		walk(json_at(j, k));
	}
	require(json_at(j, json_count(j)) == NULL);
}

static void print_again(struct bytes text, struct buf *out)
{
	AUTO(json_freep) struct json *j = NULL;

	/* Escapes may make it larger than what is read. */
	if (text.n > JSON_SIZE_MAX)
		return;
	require(!failed(json_parse(text, &j)));
	json_print(j, out);
	require(bytes_compare(buf_bytes(out), text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(json_freep) struct json *j = NULL;
	AUTO(buf_done) struct buf once = BUF_INIT(PRINTED_MAX);
	AUTO(buf_done) struct buf twice = BUF_INIT(PRINTED_MAX);
	AUTO(buf_done) struct buf canonical = BUF_INIT(PRINTED_MAX);
	AUTO(buf_done) struct buf canonical_again = BUF_INIT(PRINTED_MAX);

	if (failed(json_parse(bytes_of(data, size), &j)))
		return 0;
	walk(j);
	json_print(j, &once);
	print_again(buf_bytes(&once), &twice);
	if (!failed(json_print_canonical(j, &canonical)))
		print_again(buf_bytes(&canonical), &canonical_again);
	return 0;
}
