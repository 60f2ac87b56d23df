#include "util.h"

#include <base/json.h>

static struct err to_json(const char *text, struct buf *out)
{
	AUTO(json_freep) struct json *j = NULL;

	TRY(toml_parse(bytes_str(text), &j));
	json_print(j, out);
	return OK;
}

static const struct {
	const char *toml, *json;
} good[] = {
	{ "", "{}" },
	{ "# only a comment", "{}" },
	{ "a = 1", "{'a':1}" },
	{ "a=1 # c\r\n\tb = true\n\n", "{'a':1,'b':true}" },
	{ "\"a b\" = 1\n'c.d' = 2\n\"\" = 3", "{'a b':1,'c.d':2,'':3}" },
	{ "1234 = 1\na-b_C = 2", "{'1234':1,'a-b_C':2}" },
	{ "a.b.c = 1\na.b.d = 2\na . 'x.y' . \"z\" = 3",
		"{'a':{'b':{'c':1,'d':2},'x.y':{'z':3}}}" },
	{ "[a]\nb = 1\n[c.d]\ne = 2\n[c]\nf = 3", "{'a':{'b':1},'c':{'d':{'e':2},'f':3}}" },
	{ "[ a . b ] # c\nx = 1", "{'a':{'b':{'x':1}}}" },
	{ "[a]\nb.c = 1\n[a.b.d]\nx = 2", "{'a':{'b':{'c':1,'d':{'x':2}}}}" },
	{ "[[p]]\nn = 1\n[[p]]\n[p.s]\nx = 2\n[[p.t]]\ny = 3",
		"{'p':[{'n':1},{'s':{'x':2},'t':[{'y':3}]}]}" },
	{ "i = [0, +1, -17, 1_000, 0xdead_BEEF, 0o755, 0b101, -0]",
		"{'i':[0,1,-17,1000,3735928559,493,5,0]}" },
	{ "i = [9223372036854775807, -9223372036854775808]",
		"{'i':[9223372036854775807,-9223372036854775808]}" },
	{ "f = [0.4, +1.25, -0.5, 1_0.0_1, 0.0]", "{'f':[0.4,1.25,-0.5,10.01,0.0]}" },
	{ "a = [ # c\n 1, # d\n\n [2, \"x\"],\r\n { y = 3 },\n]\nb = []",
		"{'a':[1,[2,'x'],{'y':3}],'b':[]}" },
	{ "t = { a = 1, b.c = 'x', \"d e\" = [] }\nu = {}",
		"{'t':{'a':1,'b':{'c':'x'},'d e':[]},'u':{}}" },
	{ "s = \"\\b\\t\\n\\f\\r\\\"\\\\\\u00e4\\U0001F600\"",
		"{'s':'\\b\\t\\n\\f\\r\\\"\\\\\xc3\xa4\xf0\x9f\x98\x80'}" },
	{ "s = 'C:\\no\"escape\\'", "{'s':'C:\\\\no\\\"escape\\\\'}" },
	{ "s = \"\"\"\nfirst\nsecond \\\n   \n  third\"\"\"", "{'s':'first\\nsecond third'}" },
	{ "s = \"\"\"a\"b\"\"c\\\"\"\"\"\"\"", "{'s':'a\\\"b\\\"\\\"c\\\"\\\"\\\"'}" },
	{ "s = '''\r\nkeep \\n\r\nit's''''", "{'s':'keep \\\\n\\nit\\u0027s\\u0027'}" },
	{ "s = \"\"\"\"\"\"\nt = ''''''\nu = \"\"\nv = ''", "{'s':'','t':'','u':'','v':''}" },
	{ "s = \"tab\there # no comment\"", "{'s':'tab\\there # no comment'}" },
};

/* The table above writes ' for the quotes of JSON. */
static void with_quotes(const char *s, struct buf *out)
{
	for (; *s; s++) {
		if (str_starts(s, "\\u0027")) {
			buf_u8(out, '\'');
			s += 5;
		} else {
			buf_u8(out, *s == '\'' ? '"' : *s);
		}
	}
}

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(buf_done) struct buf got = BUF_INIT(4096);
		AUTO(buf_done) struct buf want = BUF_INIT(4096);
		with_quotes(good[i].json, &want);
		assert_ok(to_json(good[i].toml, &got));
		assert_string_equal(buf_cstr(&got), buf_cstr(&want));
	}
}

static const struct {
	const char *toml, *says;
} bad[] = {
	{ "a", "line 1: expected '='" },
	{ "a = ", "line 1: expected a value" },
	{ "= 1", "line 1: " },
	{ "a = 1 b = 2", "line 1: unexpected text at the end" },
	{ "\na = 1\na = 2", "line 3: 'a' is there already" },
	{ "\"a\" = 1\n'a' = 2", "line 2: 'a' is there already" },
	{ "[a]\n[a]", "line 2: 'a' is there already" },
	{ "a = 1\n[a]", "'a' is there already" },
	{ "a = 1\n[a.b]", "'a' is no table" },
	{ "a = 1\na.b = 2", "'a' is there already" },
	{ "a = {}\na.b = 2", "'a' is there already" },
	{ "a = { b = 1 }\n[a.c]", "'a' is no table" },
	{ "a = { b.c = 1 }\n[a.b.d]", "'a' is no table" },
	{ "[a.b]\n[a]\nb.c = 1", "'b' is there already" },
	{ "[a.b.c]\nz = 9\n[a]\nb.c.t = 1", "'b' is there already" },
	{ "a.b = 1\n[a]", "'a' is there already" },
	{ "[a]\n[[a]]", "'a' is there already" },
	{ "[[a]]\n[a]", "'a' is there already" },
	{ "a = []\n[[a]]", "'a' is there already" },
	{ "a = [1]\n[a.b]", "'a' is no table" },
	{ "[a", "expected ']'" },
	{ "[[a]", "expected ']]'" },
	{ "[]", "expected a key" },
	{ "[a.]", "expected a key" },
	{ "a..b = 1", "expected a key" },
	{ "\"\"\"a\"\"\" = 1", "line 1: " },
	{ "a = [1 2]", "expected ',' or ']'" },
	{ "a = [,]", "expected a value" },
	{ "a = [1", "expected ',' or ']'" },
	{ "a = { b = 1, }", "expected a key" },
	{ "a = { b = 1\n}", "expected ',' or '}'" },
	{ "a = { b = 1, b = 2 }", "'b' is there already" },
	{ "a = \"x", "string without an end" },
	{ "a = \"x\ny\"", "string without an end" },
	{ "a = 'x", "string without an end" },
	{ "a = \"\"\"x\"\"", "string without an end" },
	{ "a = \"\\q\"", "unknown escape" },
	{ "a = \"\\u12\"", "hexadecimal" },
	{ "a = \"\\ud800\"", "no character" },
	{ "a = \"\\u0000\"", "no character" },
	{ "a = \"\\UFFFFFFFF\"", "no character" },
	{ "a = \"\x01\"", "control character" },
	{ "a = 'x\x7f'", "control character" },
	{ "# \x01", "unexpected text" },
	{ "a = 1\rb = 2", "unexpected text" },
	{ "a = \"\xff\"", "invalid UTF-8" },
	{ "a = 1.5e3", "line 1: '1.5e3': not a decimal" },
	{ "a = 1e3", "not a decimal" },
	{ "a = 01.5", "not a decimal" },
	{ "a = 1.", "not a decimal" },
	{ "a = .5", "not a value" },
	{ "a = 1.5.5", "not a decimal" },
	{ "a = 1_.5", "not a decimal" },
	{ "a = 1.-5", "not a decimal" },
	{ "a = 0.1234567890123456", "not a decimal" },
	{ "a = 12345678.12345678", "not a decimal" },
	{ "a = -inf", "infinity" },
	{ "a = nan", "infinity" },
	{ "a = 2026-03-01", "dates and times" },
	{ "a = 2026-03-01T12:00:00Z", "dates and times" },
	{ "a = 12:30:00", "dates and times" },
	{ "a = 007", "not a value" },
	{ "a = 1__0", "not a value" },
	{ "a = 1_", "not a value" },
	{ "a = _1", "not a value" },
	{ "a = 0x", "not a value" },
	{ "a = -0x1", "not a value" },
	{ "a = 0b2", "not a value" },
	{ "a = 9223372036854775808", "not a value" },
	{ "a = -9223372036854775809", "not a value" },
	{ "a = yes", "not a value" },
	{ "a = truee", "not a value" },
	{ "a = @", "expected a value" },
	{ "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q = 1", "more than 16 parts" },
	{ "a = [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "nested too deeply" },
	{ "a.b.c.d.e.f.g.h.i.j = [[[[[[[[1]]]]]]]]", "nested too deeply" },
};

static const struct {
	const char *toml;
	bool fine;
	uint64_t milli;
} millis[] = {
	{ "a = 0.4", true, 400 },
	{ "a = 0.29", true, 290 },
	{ "a = 1.001", true, 1001 },
	{ "a = 3", true, 3000 },
	{ "a = 0.0", true, 0 },
	{ "a = 999999999.999", true, 999999999999 },
	{ "a = 0.0001", false, 0 },
	{ "a = 1.0005", false, 0 },
	{ "a = -0.5", false, 0 },
	{ "a = -1", false, 0 },
	{ "a = 9000000000000000000", false, 0 },
	{ "a = '0.4'", false, 0 },
	{ "a = true", false, 0 },
};

static void test_milli(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(millis); i++) {
		AUTO(json_freep) struct json *j = NULL;
		uint64_t v = 0;
		assert_ok(toml_parse(bytes_str(millis[i].toml), &j));
		assert_int_equal(json_milli(json_get(j, "a"), &v), millis[i].fine);
		if (millis[i].fine)
			assert_int_equal(v, millis[i].milli);
	}
}

static void test_bad(void **state)
{
	(void)state;
	struct json *j = NULL;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = toml_parse(bytes_str(bad[i].toml), &j);
		if (!failed(e))
			print_error("accepted: %s\n", bad[i].toml);
		assert_true(failed(e));
		assert_err_text(bad[i].says);
		assert_null(j);
	}
}

static void test_nul_byte(void **state)
{
	(void)state;
	struct json *j = NULL;

	assert_err(toml_parse(bytes_of("a=1\0", 4), &j), ERR_FORMAT);
	assert_err(toml_parse(bytes_of("\0", 1), &j), ERR_FORMAT);
	assert_err(toml_parse(bytes_of("# \0\n", 4), &j), ERR_FORMAT);
	assert_err(toml_parse(bytes_of("a='\0'\n", 6), &j), ERR_FORMAT);
}

static void test_too_many_keys(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = BUF_INIT(JSON_SIZE_MAX);
	struct json *j = NULL;

	for (int i = 0; i < 4097; i++)
		buf_printf(&b, "k%d = 1\n", i);
	assert_err(toml_parse(buf_bytes(&b), &j), ERR_FORMAT);
	assert_err_text("line 4097: more than 4096 entries");
}

/* The shape of an initdata document: whole files as values. */
static const char initdata[] =
	"algorithm = \"sha256\"\nversion = \"0.1.0\"\n\n[data]\n"
	"\"aa.toml\" = '''\n[token_configs]\n[token_configs.kbs]\nurl = "
	"'http://10.0.2.2:8080'\n'''\n"
	"\"policy.rego\" = '''\npackage agent_policy\ndefault X := true\n'''\n"
	"\"pod-manifest.json\" = \"\"\"\n{\\\"version\\\": 1}\n\"\"\"\n";

static void test_files_as_values(void **state)
{
	(void)state;
	AUTO(json_freep) struct json *j = NULL;
	AUTO(json_freep) struct json *aa = NULL;
	const char *s = NULL;

	assert_ok(toml_parse(bytes_str(initdata), &j));
	assert_ok(json_need_string(json_get(j, "data"), "aa.toml", &s));
	assert_ok(toml_parse(bytes_str(s), &aa));
	assert_string_equal(
		json_string(json_pointer(aa, "/token_configs/kbs/url")), "http://10.0.2.2:8080");
	assert_ok(json_need_string(json_get(j, "data"), "pod-manifest.json", &s));
	assert_string_equal(s, "{\"version\": 1}\n");
}

static struct err parse_only(void *arg, struct bytes in)
{
	AUTO(json_freep) struct json *j = NULL;

	(void)arg;
	return toml_parse(in, &j);
}

static void test_cut_and_flipped(void **state)
{
	(void)state;
	each_prefix_survives(bytes_str(initdata), parse_only, NULL);
	each_flip_survives(bytes_str(initdata), parse_only, NULL);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		each_prefix_survives(bytes_str(good[i].toml), parse_only, NULL);
		each_flip_survives(bytes_str(good[i].toml), parse_only, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_milli),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_nul_byte),
		cmocka_unit_test(test_too_many_keys),
		cmocka_unit_test(test_files_as_values),
		cmocka_unit_test(test_cut_and_flipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
