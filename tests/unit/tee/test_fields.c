#include "util.h"

#include <string.h>

#include <tee/fields.h>

static const struct field_bit bits[] = {
	{ 0, "SMT", "allowed" },
	{ 3, "DEBUG", "allowed" },
};

static void fill(struct fields *f)
{
	fields_group(f, 0, 16, "report");
	fields_u64(f, 0, 4, "VERSION", 5, NULL);
	fields_bits(f, 8, 2, "POLICY", 0x108, bits, ARRAY_LEN(bits));
	fields_end(f);
	f->base = 0x100;
	fields_group(f, 0, 4, "table");
	fields_hex(f, 0, test_hex("00ff"), "GUID", "VCEK");
	fields_end(f);
	fields_str(f, FIELDS_NO_OFFSET, 0, "note", "a\x1b[31m\nb", NULL);
}

static void test_text(void **state)
{
	AUTO(fields_done) struct fields f = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(4096);

	(void)state;
	fill(&f);
	assert_ok(fields_finish(&f));
	fields_print(&f, &out);
	assert_string_equal(buf_cstr(&out), "report @0x0\n"
					    "  VERSION @0x0: 5\n"
					    "  POLICY @0x8: 0x0108\n"
					    "    DEBUG: bit 3  (allowed)\n"
					    "    other bits: 0x100  (not known)\n"
					    "table @0x100\n"
					    "  GUID @0x100: 00ff  (VCEK)\n"
					    "note: a\\x1b[31m\\x0ab\n");
}

static void test_json(void **state)
{
	AUTO(fields_done) struct fields f = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	AUTO(json_freep) struct json *j = NULL;
	struct json_writer w = jw_of(&out);

	(void)state;
	fill(&f);
	assert_ok(fields_write(&f, &w));
	assert_ok(json_parse(buf_bytes(&out), &j));
	assert_int_equal(json_count(j), 3);
	assert_string_equal(json_string(json_pointer(j, "/0/fields/1/fields/0/name")), "DEBUG");
	assert_string_equal(json_string(json_pointer(j, "/1/fields/0/value")), "00ff");
	assert_string_equal(json_string(json_pointer(j, "/2/name")), "note");
	uint64_t offset = 0;
	assert_true(json_u64(json_pointer(j, "/1/fields/0/offset"), &offset));
	assert_int_equal(offset, 0x100);
	assert_null(json_pointer(j, "/2/offset"));
}

static void test_cut_and_limits(void **state)
{
	AUTO(fields_done) struct fields f = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	struct json_writer w = jw_of(&out);

	(void)state;
	fill(&f);
	fields_cut(&f, 1);
	assert_int_equal(f.n, 1);
	for (int i = 0; i < FIELDS_DEPTH_MAX; i++)
		fields_group(&f, 0, 0, "deeper");
	assert_err(fields_finish(&f), ERR_LIMIT);
	assert_err(fields_write(&f, &w), ERR_LIMIT);
}

static void test_empty_and_deepest(void **state)
{
	AUTO(fields_done) struct fields none = { 0 }, deep = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	AUTO(json_freep) struct json *j = NULL;
	struct json_writer w = jw_of(&out);

	(void)state;
	assert_ok(fields_write(&none, &w));
	assert_string_equal(buf_cstr(&out), "[]");
	buf_clear(&out);
	w = jw_of(&out);
	for (int i = 0; i + 1 < FIELDS_DEPTH_MAX; i++)
		fields_group(&deep, 0, 0, "group");
	fields_u64(&deep, 0, 1, "leaf", 1, NULL);
	assert_ok(fields_write(&deep, &w));
	assert_ok(json_parse(buf_bytes(&out), &j));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_cut_and_limits),
		cmocka_unit_test(test_empty_and_deepest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
