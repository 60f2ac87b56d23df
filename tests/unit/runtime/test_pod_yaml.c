/* YAML's aliases, merge keys and Lists, and how far they may go. */
#include "util.h"

#include <runtime/pod_size.h>

static void test_written_out(void **state)
{
	(void)state;
	static const struct {
		const char *yaml, *json;
	} rows[] = {
		{ "", "[]" },
		{ "---\n---\n", "[null,null]" },
		{ "a: 1\n---\nb: ~\n", "[{\"a\":\"1\"},{\"b\":null}]" },
		{ "a: &x [1, yes]\nb: *x\n", "[{\"a\":[\"1\",\"yes\"],\"b\":[\"1\",\"yes\"]}]" },
		{ "a: &x {k: 1, l: 2}\nb: {<<: *x, l: 3}\n",
			"[{\"a\":{\"k\":\"1\",\"l\":\"2\"},\"b\":{\"l\":\"3\",\"k\":\"1\"}}]" },
		{ "a: {<<: [{k: 1}, {k: 2, l: 2}]}\n", "[{\"a\":{\"k\":\"1\",\"l\":\"2\"}}]" },
		{ "a: {<<: {<<: {k: 1}, l: 2}}\n", "[{\"a\":{\"l\":\"2\",\"k\":\"1\"}}]" },
		{ "a: {'<<': 1}\n", "[{\"a\":{\"<<\":\"1\"}}]" },
		{ "kind: List\nitems: [{kind: A}, {kind: B}]\n---\nc: d\n",
			"[{\"kind\":\"A\"},{\"kind\":\"B\"},{\"c\":\"d\"}]" },
		{ "kind: List\n", "[{\"kind\":\"List\"}]" },
		{ "k: |\n  two\n  lines\nf: >-\n  one\n  line\n",
			"[{\"k\":\"two\\nlines\\n\",\"f\":\"one line\"}]" },
		/* Of kinds that are none of ours, what is too deep is left out. */
		{ "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", "[[[[[[[[[[[[[[[null]]]]]]]]]]]]]]]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(json_freep) struct json *j = NULL;
		AUTO(buf_done) struct buf text = BUF_INIT(4096);

		print_message("  row %zu\n", i);
		assert_ok(pod_yaml_parse(bytes_str(rows[i].yaml), &j));
		json_print(j, &text);
		assert_string_equal(buf_cstr(&text), rows[i].json);
	}
}

/* Ten aliases a level, nine levels: a thousand million values of less than a thousand bytes. */
static void test_bomb(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf yaml = BUF_INIT(64 * 1024);
	AUTO(json_freep) struct json *j = NULL;

	buf_puts(&yaml, "a0: &a0 x\n");
	for (int level = 1; level < 10; level++) {
		buf_printf(&yaml, "a%d: &a%d [", level, level);
		for (int i = 0; i < 10; i++)
			buf_printf(&yaml, "%s*a%d", i > 0 ? ", " : "", level - 1);
		buf_puts(&yaml, "]\n");
	}
	assert_err(pod_yaml_parse(buf_bytes(&yaml), &j), ERR_LIMIT);
	assert_err_text("aliases");
}

static void test_merge_bomb(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf yaml = BUF_INIT(1024 * 1024);
	AUTO(json_freep) struct json *j = NULL;

	buf_puts(&yaml, "a: &a {");
	for (int i = 0; i < 200; i++)
		buf_printf(&yaml, "k%d: 1, ", i);
	buf_puts(&yaml, "}\nb: {<<: [");
	for (int i = 0; i < 200; i++)
		buf_puts(&yaml, "*a, ");
	buf_puts(&yaml, "]}\n");
	assert_err(pod_yaml_parse(buf_bytes(&yaml), &j), ERR_LIMIT);
	assert_err_text("merged");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_out),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_merge_bomb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
