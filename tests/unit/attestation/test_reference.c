#include "util.h"

#include <attestation/attestation.h>

static struct err import(void *arg, struct bytes in)
{
	AUTO(reference_freep) struct reference_values *r = NULL;

	(void)arg;
	TRY(reference_new(&r));
	return reference_import(r, in);
}

static struct reference_values *refs_of(const char *text)
{
	struct reference_values *r;

	assert_ok(reference_new(&r));
	assert_ok(reference_import(r, bytes_str(text)));
	return r;
}

static void test_import(void **state)
{
	static const char text[] =
		"{\"version\":1,\"reference_values\":{\"vtpm.kernel\":[\"aa\",\"bb\"],"
		"\"major_version\":1,\"flag\":true,\"one\":\"x\",\"none\":[]},\"inputs\":{\"a\":1}"
		"}";
	AUTO(reference_freep) struct reference_values *r = refs_of(text);

	(void)state;
	assert_true(reference_has(r, "vtpm.kernel", "aa"));
	assert_true(reference_has(r, "vtpm.kernel", "bb"));
	assert_false(reference_has(r, "vtpm.kernel", "a"));
	assert_false(reference_has(r, "vtpm.kernel", ""));
	assert_false(reference_has(r, "vtpm.initrd", "aa"));
	assert_true(reference_has(r, "major_version", "1"));
	assert_true(reference_has(r, "flag", "true"));
	assert_true(reference_has(r, "one", "x"));
	assert_string_equal(reference_first(r, "vtpm.kernel"), "aa");
	assert_null(reference_first(r, "none"));
	assert_null(reference_first(r, "unknown"));
	assert_false(reference_has(NULL, "vtpm.kernel", "aa"));
	each_prefix(bytes_str(text), import, NULL);
}

static void test_merge_and_print(void **state)
{
	AUTO(reference_freep) struct reference_values *r =
		refs_of("{\"version\":1,\"reference_values\":{\"a\":[\"1\"]}}");
	AUTO(reference_freep) struct reference_values *copy = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(4096);
	AUTO(json_freep) struct json *none = NULL;

	(void)state;
	assert_ok(reference_import(r,
		bytes_str(
			"{\"version\":1,\"reference_values\":{\"a\":[\"2\",\"1\"],\"b\":\"3\"}}")));
	assert_ok(reference_print(r, &text));
	assert_string_equal(buf_cstr(&text),
		"{\"version\":1,\"reference_values\":{\"a\":[\"1\",\"2\"],\"b\":[\"3\"]}}");
	assert_ok(reference_new(&copy));
	assert_ok(reference_import(copy, buf_bytes(&text)));
	assert_true(reference_has(copy, "a", "2"));
	assert_ok(json_parse(bytes_str("[]"), &none));
	assert_ok(reference_set(copy, "a", none));
	assert_false(reference_has(copy, "a", "2"));
	assert_true(reference_has(copy, "b", "3"));
}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
	} cases[] = {
		{ "", ERR_FORMAT },
		{ "[]", ERR_UNSUPPORTED },
		{ "{\"reference_values\":{}}", ERR_UNSUPPORTED },
		{ "{\"version\":2,\"reference_values\":{}}", ERR_UNSUPPORTED },
		{ "{\"version\":\"1\",\"reference_values\":{}}", ERR_UNSUPPORTED },
		{ "{\"version\":1}", ERR_FORMAT },
		{ "{\"version\":1,\"reference_values\":[]}", ERR_FORMAT },
		{ "{\"version\":1,\"reference_values\":{\"a\":{}}}", ERR_UNSUPPORTED },
		{ "{\"version\":1,\"reference_values\":{\"a\":[[]]}}", ERR_UNSUPPORTED },
		{ "{\"version\":1,\"reference_values\":{\"a\":[null]}}", ERR_UNSUPPORTED },
		{ "{\"version\":1,\"reference_values\":{\"\":[\"x\"]}}", ERR_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_err(import(NULL, bytes_str(cases[i].text)), cases[i].code);
}

/* A file with one bad value changes nothing. */
static void test_all_or_nothing(void **state)
{
	AUTO(reference_freep) struct reference_values *r =
		refs_of("{\"version\":1,\"reference_values\":{\"a\":[\"1\"]}}");

	(void)state;
	assert_err(
		reference_import(r,
			bytes_str("{\"version\":1,\"reference_values\":{\"a\":[\"2\"],\"b\":{}}}")),
		ERR_UNSUPPORTED);
	assert_false(reference_has(r, "a", "2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_import),
		cmocka_unit_test(test_merge_and_print),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_all_or_nothing),
	};

	return cmocka_run_group_tests_name("attestation reference", tests, NULL, NULL);
}
