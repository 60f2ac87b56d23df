#include "util.h"

#include <base/json.h>

static const char sample[] =
	"{\"a\": 1, \"b\": [true, false, null, \"x\\u00e4\\ud83d\\ude00\"], \"c\": {\"d/e~\": -5},"
	" \"big\": 18446744073709551615, \"low\": -9223372036854775808, \"f\": 1.5e3}";

static struct json *parse(const char *text)
{
	struct json *j = NULL;

	assert_ok(json_parse(bytes_str(text), &j));
	return j;
}

static void assert_prints(const char *text, const char *want)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	AUTO(json_freep) struct json *j = parse(text);

	json_print(j, &out);
	assert_string_equal(buf_cstr(&out), want);
}

static void test_access(void **state)
{
	(void)state;
	AUTO(json_freep) struct json *j = parse(sample);
	const struct json *b = json_get(j, "b");
	const char *s = "unset";
	uint64_t u = 9;
	int64_t i = 9;
	bool t = false;

	assert_int_equal(json_type(j), JSON_OBJECT);
	assert_int_equal(json_count(j), 6);
	assert_string_equal(json_name_at(j, 1), "b");
	assert_null(json_name_at(j, 6));
	assert_null(json_name_at(b, 0));
	assert_null(json_get(j, "none"));
	assert_null(json_get(NULL, "a"));
	assert_null(json_get(b, "a"));
	assert_true(json_u64(json_get(j, "a"), &u) && u == 1);
	assert_true(json_u64(json_get(j, "big"), &u) && u == UINT64_MAX);
	assert_false(json_i64(json_get(j, "big"), &i));
	assert_false(json_u64(json_get(j, "low"), &u));
	assert_true(json_i64(json_get(j, "low"), &i) && i == INT64_MIN);
	assert_int_equal(json_count(b), 4);
	assert_true(json_bool(json_at(b, 0), &t) && t);
	assert_true(json_bool(json_at(b, 1), &t) && !t);
	assert_int_equal(json_type(json_at(b, 2)), JSON_NULL);
	assert_non_null(json_at(b, 2)); /* null is there, unlike what is absent */
	assert_null(json_at(b, 4));
	assert_string_equal(json_string(json_at(b, 3)), "x\xc3\xa4\xf0\x9f\x98\x80");
	assert_null(json_string(b));
	assert_int_equal(json_type(json_get(j, "f")), JSON_DOUBLE);
	assert_false(json_u64(json_get(j, "f"), &u));
	assert_err(json_need_string(j, "a", &s), ERR_FORMAT);
	assert_err_text("a: must be a string");
	assert_err(json_need_string(j, "z", &s), ERR_FORMAT);
	assert_err_text("z: missing");
	assert_string_equal(s, "unset");
}

static void test_pointer(void **state)
{
	(void)state;
	AUTO(json_freep) struct json *j = parse(sample);
	static const char *const absent[] = { "a", "/b/4", "/b/00", "/b/-1", "/b/", "/c/d", "/a/x",
		"/b/18446744073709551616" };
	int64_t i = 0;

	assert_ptr_equal(json_pointer(j, ""), j);
	assert_ptr_equal(json_pointer(j, "/b/0"), json_at(json_get(j, "b"), 0));
	assert_true(json_i64(json_pointer(j, "/c/d~1e~0"), &i) && i == -5);
	for (size_t k = 0; k < ARRAY_LEN(absent); k++)
		assert_null(json_pointer(j, absent[k]));
}

static void test_print(void **state)
{
	(void)state;
	static const char *const same[] = { "null", "true", "0", "-1", "\"\"", "[]", "{}",
		"[[],{}]", "18446744073709551615", "-9223372036854775808", "1.5", "1e+300",
		"{\"b\":1,\"a\":[null,{\"x\":\"\\\"\\\\\\b\\t\\n\\f\\r\\u0001/\"}]}" };

	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		assert_prints(same[i], same[i]);
	assert_prints(" [ 1 , 2 ] \r\n\t", "[1,2]");
	assert_prints("[-0, 1.0, 0.1, 1E2]", "[0,1.0,0.1,100.0]");
	assert_prints("\"\\u0041\\/\"", "\"A/\"");
}

static const struct {
	const char *text;
	size_t n; /* 0: strlen */
	const char *says;
} bad[] = {
	{ "", 0, "unexpected character" },
	{ " ", 0, "unexpected character" },
	{ "{", 0, "expected a string" },
	{ "[", 0, "unexpected character" },
	{ "[1", 0, "expected ',' or ']'" },
	{ "[1,]", 0, "unexpected character" },
	{ "[,1]", 0, "unexpected character" },
	{ "{\"a\":1,}", 0, "expected a string" },
	{ "{\"a\" 1}", 0, "expected ':'" },
	{ "{a:1}", 0, "expected a string" },
	{ "{'a':1}", 0, "expected a string" },
	{ "'a'", 0, "unexpected character" },
	{ "[1] x", 0, "text after the end" },
	{ "[1][2]", 0, "text after the end" },
	{ "1\0", 2, "text after the end" },
	{ "NaN", 0, "unexpected character" },
	{ "-Infinity", 0, "unexpected character" },
	{ "nul", 0, "unexpected character" },
	{ "nulll", 0, "text after the end" },
	{ "True", 0, "unexpected character" },
	{ "01", 0, "leading zero" },
	{ "-01", 0, "leading zero" },
	{ "+1", 0, "unexpected character" },
	{ "1.", 0, "after the point" },
	{ ".5", 0, "unexpected character" },
	{ "1e", 0, "in the exponent" },
	{ "1e+-1", 0, "in the exponent" },
	{ "0x10", 0, "text after the end" },
	{ "1e999", 0, "number out of range" },
	{ "18446744073709551616", 0, "does not fit 64 bits" },
	{ "-9223372036854775809", 0, "does not fit 64 bits" },
	{ "\"a", 0, "string without an end" },
	{ "\"a\nb\"", 0, "control character" },
	{ "\"a\0b\"", 5, "control character" },
	{ "\"\\x41\"", 0, "unknown escape" },
	{ "\"\\", 0, "unknown escape" },
	{ "\"\\u12g4\"", 0, "without four" },
	{ "\"\\u12", 0, "without four" },
	{ "\"\\u0000\"", 0, "NUL" },
	{ "\"\\ud800\"", 0, "surrogate" },
	{ "\"\\ud800\\u0041\"", 0, "surrogate" },
	{ "\"\\udc00\"", 0, "surrogate" },
	{ "\"\xc0\x80\"", 0, "invalid UTF-8" },
	{ "\"\xed\xa0\x80\"", 0, "invalid UTF-8" },
	{ "\"\xf4\x90\x80\x80\"", 0, "invalid UTF-8" },
	{ "\"\xe2\x82\"", 0, "invalid UTF-8" },
	{ "\xef\xbb\xbf{}", 0, "unexpected character" },
	{ "{\"a\":1,\"a\":1}", 0, "appears twice" },
	{ "{\"a\":{\"x\":[1,2]},\"b\":0,\"a\":1}", 0, "appears twice" },
	{ "{\"a\":1,\"\\u0061\":2}", 0, "appears twice" },
	{ "[{\"\":1,\"\":2}]", 0, "appears twice" },
	{ "[/* c */1]", 0, "unexpected character" },
	{ "[1 // c\n]", 0, "expected ','" },
	{ "\f[]", 0, "unexpected character" },
	{ "{\"a\":\n[1,\n  x]}", 0, "JSON line 3, column 3: unexpected character" },
};

static void test_bad(void **state)
{
	(void)state;
	struct json *j = NULL;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct bytes text =
			bytes_of(bad[i].text, bad[i].n ? bad[i].n : strlen(bad[i].text));
		assert_err(json_parse(text, &j), ERR_FORMAT);
		assert_err_text(bad[i].says);
		assert_null(j);
	}
}

static void repeat(struct buf *b, const char *s, size_t times)
{
	for (size_t i = 0; i < times; i++)
		buf_puts(b, s);
}

static void test_limits(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = BUF_INIT(JSON_SIZE_MAX + 1);
	struct json *j = NULL;

	repeat(&b, "[", JSON_DEPTH_MAX);
	repeat(&b, "]", JSON_DEPTH_MAX);
	assert_ok(json_parse(buf_bytes(&b), &j));
	json_freep(&j);
	buf_clear(&b);
	repeat(&b, "[", JSON_DEPTH_MAX + 1);
	repeat(&b, "]", JSON_DEPTH_MAX + 1);
	assert_err(json_parse(buf_bytes(&b), &j), ERR_FORMAT);
	assert_err_text("nested too deeply");
	buf_clear(&b);
	repeat(&b, "[0", 1);
	repeat(&b, ",0", 100000);
	repeat(&b, "]", 1);
	assert_err(json_parse(buf_bytes(&b), &j), ERR_LIMIT);
	buf_clear(&b);
	repeat(&b, "[{}", 1);
	repeat(&b, ",{}", 39999);
	repeat(&b, "]", 1);
	assert_ok(json_parse(buf_bytes(&b), &j));
	json_freep(&j);
	buf_clear(&b);
	repeat(&b, "[{}", 1);
	repeat(&b, ",{}", 40000);
	repeat(&b, "]", 1);
	assert_err(json_parse(buf_bytes(&b), &j), ERR_LIMIT);
	assert_err_text("more than 40000 objects");
	buf_clear(&b);
	repeat(&b, " ", JSON_SIZE_MAX);
	buf_puts(&b, "1");
	assert_err(json_parse(buf_bytes(&b), &j), ERR_LIMIT);
	assert_null(j);
}

static struct err parse_only(void *arg, struct bytes in)
{
	AUTO(json_freep) struct json *j = NULL;

	(void)arg;
	return json_parse(in, &j);
}

static void test_cut_and_flipped(void **state)
{
	(void)state;
	each_prefix(bytes_str(sample), parse_only, NULL);
	each_flip_survives(bytes_str(sample), parse_only, NULL);
}

static void assert_canonical(const char *text, const char *want)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	AUTO(json_freep) struct json *j = parse(text);

	assert_ok(json_print_canonical(j, &out));
	assert_string_equal(buf_cstr(&out), want);
}

static void test_canonical(void **state)
{
	(void)state;
	assert_canonical("{\"b\":1,\"a\":\"test\",\"c\":{\"d\":\"e\"}}",
		"{\"a\":\"test\",\"b\":1,\"c\":{\"d\":\"e\"}}");
	/* RFC 8785 3.2.3: the example of sorting, by UTF-16 code units */
	assert_canonical("{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,"
			 "\"\\u0080\":6,\"\\u00f6\":7}",
		"{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\xc3\xb6\":7,\"\xe2\x82\xac\":1,"
		"\"\xf0\x9f\x98\x80\":5,\"\xef\xac\xb3\":3}");
	assert_canonical("{\"ab\":1,\"a\":2,\"\":3}", "{\"\":3,\"a\":2,\"ab\":1}");
	assert_canonical("{\"\\ud83d\\ude01\":1,\"\\ud83d\\ude00\":2}",
		"{\"\xf0\x9f\x98\x80\":2,\"\xf0\x9f\x98\x81\":1}");
	/* RFC 8785 3.2.2.2 */
	assert_canonical("\"\\u20ac$\\u000f\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\"",
		"\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
	assert_canonical(" [ 9007199254740992 , -9007199254740992, true, null ] ",
		"[9007199254740992,-9007199254740992,true,null]");
}

/* KBS runtime data: what both ends must hash */
static void test_canonical_runtime_data(void **state)
{
	(void)state;
	assert_canonical(
		"{\"tee-pubkey\":{\"kty\":\"EC\",\"alg\":\"ECDH-ES+A256KW\",\"crv\":\"P-256\","
		"\"y\":\"GUp968uXcS0t2jyoWqh2Wlb0X8dYWZZS8ol8ZTBuV5Q\","
		"\"x\":\"AhfmF_C2RDkoJ4-WmZ5pojpPLBUr321s32bluAKC1O0\"},"
		"\"nonce\":\"bm9uY2U=\",\"additional-evidence\":\"\"}",
		"{\"additional-evidence\":\"\",\"nonce\":\"bm9uY2U=\",\"tee-pubkey\":{"
		"\"alg\":\"ECDH-ES+A256KW\",\"crv\":\"P-256\",\"kty\":\"EC\","
		"\"x\":\"AhfmF_C2RDkoJ4-WmZ5pojpPLBUr321s32bluAKC1O0\","
		"\"y\":\"GUp968uXcS0t2jyoWqh2Wlb0X8dYWZZS8ol8ZTBuV5Q\"}}");
}

static void test_canonical_refuses(void **state)
{
	(void)state;
	static const char *const unsupported[] = { "[1.5]", "9007199254740993", "-9007199254740993",
		"{\"a\":[1e2]}" };
	AUTO(buf_done) struct buf out = BUF_INIT(64);

	for (size_t i = 0; i < ARRAY_LEN(unsupported); i++) {
		AUTO(json_freep) struct json *j = parse(unsupported[i]);
		assert_err(json_print_canonical(j, &out), ERR_UNSUPPORTED);
		buf_clear(&out);
	}
}

static void test_writer(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	struct json_writer w = jw_of(&out);

	jw_object(&w);
	jw_kstr(&w, "s", "a\xff\"");
	jw_ku64(&w, "u", UINT64_MAX);
	jw_key(&w, "i");
	jw_i64(&w, INT64_MIN);
	jw_kbool(&w, "t", true);
	jw_key(&w, "a");
	jw_array(&w);
	jw_null(&w);
	jw_bytes_str(&w, bytes_of("a\0b", 3));
	jw_i64(&w, -1);
	jw_i64(&w, 2);
	jw_array_end(&w);
	jw_khex(&w, "h", test_hex("00ff"));
	jw_kbase64(&w, "b", test_hex("ff"));
	jw_kbase64url(&w, "l", test_hex("ff"));
	jw_key(&w, "r");
	jw_raw(&w, bytes_str("{}"));
	jw_object_end(&w);
	assert_string_equal(buf_cstr(&out),
		"{\"s\":\"a\xef\xbf\xbd\\\"\",\"u\":18446744073709551615,"
		"\"i\":-9223372036854775808,\"t\":true,\"a\":[null,\"a\\u0000b\",-1,2],"
		"\"h\":\"00ff\",\"b\":\"/w==\",\"l\":\"_w\",\"r\":{}}");
}

static void test_writer_too_deep(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	struct json_writer w = jw_of(&out);

	for (int i = 0; i <= JSON_DEPTH_MAX; i++)
		jw_array(&w);
	assert_err(buf_end(&out, "x"), ERR_LIMIT);
	for (int i = 0; i <= JSON_DEPTH_MAX + 5; i++)
		jw_array_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_access),
		cmocka_unit_test(test_pointer),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_cut_and_flipped),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_canonical_runtime_data),
		cmocka_unit_test(test_canonical_refuses),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_writer_too_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
