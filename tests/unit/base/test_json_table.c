#include "util.h"

#include <base/json.h>

/* ---- allocation failures: the linker sends malloc() and its kin here ---- */

static size_t calls, fail_at; /* fail_at 0: never */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);

static bool fails(void)
{
	return ++calls == fail_at;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

/* ---- the message of the tests ---- */

struct point {
	uint64_t x;
	char *label;
};

struct message {
	char *version;
	struct buf digest, blob, token;
	uint64_t size;
	bool fast;
	struct strv argv;
	struct point origin;
	struct json_list points;
	struct json_map env;
};

static const struct json_field point_fields[] = {
	JSON_FIELD(struct point, x, FIELD_U64, FIELD_REQUIRED, 100),
	JSON_FIELD(struct point, label, FIELD_STR, FIELD_NULLABLE, 8),
};
static const struct json_table point_table = {
	.what = "point",
	.size = sizeof(struct point),
	.fields = point_fields,
	.n = ARRAY_LEN(point_fields),
};
static const struct json_field message_fields[] = {
	JSON_FIELD(struct message, version, FIELD_STR, FIELD_REQUIRED, 5),
	JSON_FIELD_AS(struct message, digest, "sha-256", FIELD_HEX, 0, 4),
	JSON_FIELD(struct message, blob, FIELD_BASE64, 0, 8),
	JSON_FIELD(struct message, token, FIELD_BASE64URL, 0, 8),
	JSON_FIELD(struct message, size, FIELD_U64, 0, 0),
	JSON_FIELD(struct message, fast, FIELD_BOOL, 0, 0),
	JSON_FIELD(struct message, argv, FIELD_STRV, 0, 3),
	JSON_FIELD_SUB(struct message, origin, "origin", FIELD_OBJECT, 0, 0, &point_table),
	JSON_FIELD_SUB(struct message, points, "points", FIELD_LIST, 0, 2, &point_table),
	JSON_FIELD(struct message, env, FIELD_MAP, 0, 2),
};
static const struct json_table message_table = {
	.what = "message",
	.size = sizeof(struct message),
	.fields = message_fields,
	.n = ARRAY_LEN(message_fields),
};

static const char good[] =
	"{\"version\":\"0.4.0\",\"sha-256\":\"00ffAA\",\"blob\":\"/w==\",\"token\":\"_w\","
	"\"size\":18446744073709551615,\"fast\":true,\"argv\":[\"a\",\"\",\"c\"],"
	"\"origin\":{\"x\":100,\"label\":\"o\"},\"points\":[{\"x\":1,\"label\":null},{\"x\":2,"
	"\"label\":\"two\"}],\"env\":{\"PATH\":\"/bin\",\"A\":\"\"}}";

static bool is_zero(const struct message *m)
{
	return bytes_is_zero(bytes_of(m, sizeof(*m)));
}

static void test_good(void **state)
{
	(void)state;
	struct message m = { 0 };

	assert_ok(json_decode_text(bytes_str(good), &message_table, &m));
	assert_string_equal(m.version, "0.4.0");
	assert_bytes_equal(buf_bytes(&m.digest), test_hex("00ffaa"));
	assert_bytes_equal(buf_bytes(&m.blob), test_hex("ff"));
	assert_bytes_equal(buf_bytes(&m.token), test_hex("ff"));
	assert_true(m.size == UINT64_MAX && m.fast);
	assert_int_equal(m.argv.n, 3);
	assert_string_equal(m.argv.v[2], "c");
	assert_int_equal(m.origin.x, 100);
	assert_string_equal(m.origin.label, "o");
	assert_int_equal(m.points.n, 2);
	const struct point *points = m.points.items;
	assert_null(points[0].label);
	assert_string_equal(points[1].label, "two");
	assert_string_equal(json_map_get(&m.env, "PATH"), "/bin");
	assert_null(json_map_get(&m.env, "HOME"));
	json_release(&message_table, &m);
	assert_true(is_zero(&m));
}

static void test_smallest(void **state)
{
	(void)state;
	struct message m = { 0 };

	assert_ok(json_decode_text(bytes_str("{\"version\":\"\"}"), &message_table, &m));
	assert_string_equal(m.version, "");
	assert_int_equal(m.points.n + m.argv.n + m.env.n + m.digest.n, 0);
	json_release(&message_table, &m);
	json_release(&message_table, &m); /* nothing left is fine */
}

#define MESSAGE(rest) "{\"version\":\"1\"," rest "}"

static void test_bad(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "{}", "message: version: missing" },
		{ "[]", "message: must be an object" },
		{ "{", "message: JSON line 1" },
		{ "{\"version\":null}", "message: version: must be a string" },
		{ "{\"version\":\"123456\"}", "message: version: more than 5 characters" },
		{ MESSAGE("\"extra\":1"), "message: extra: unknown" },
		{ MESSAGE("\"ex\\ntra\":1"), "message: ex?tra: unknown" },
		{ MESSAGE("\"sha-256\":\"0\""), "message: sha-256: must be hexadecimal" },
		{ MESSAGE("\"sha-256\":\"0011223344\""), "message: sha-256: more than 4 bytes" },
		{ MESSAGE("\"blob\":\"_w\""), "message: blob: must be base64" },
		{ MESSAGE("\"token\":\"/w==\""), "must be base64url without padding" },
		{ MESSAGE("\"size\":-1"), "message: size: must be a number from 0" },
		{ MESSAGE("\"size\":1.0"), "message: size: must be a number" },
		{ MESSAGE("\"size\":\"1\""), "message: size: must be a number" },
		{ MESSAGE("\"fast\":1"), "message: fast: must be true or false" },
		{ MESSAGE("\"argv\":\"a\""), "message: argv: must be an array" },
		{ MESSAGE("\"argv\":[\"a\",1]"), "message: argv[1]: must be a string" },
		{ MESSAGE("\"argv\":[\"\",\"\",\"\",\"\"]"), "message: argv: more than 3 entries" },
		{ MESSAGE("\"origin\":{\"x\":101}"), "message: origin.x: more than 100" },
		{ MESSAGE("\"origin\":{\"x\":1,\"y\":1}"), "message: origin.y: unknown" },
		{ MESSAGE("\"origin\":null"), "message: origin: must be an object" },
		{ MESSAGE("\"points\":[{\"x\":1,\"label\":\"a\"},{\"label\":\"b\"}]"),
			"message: points[1].x: missing" },
		{ MESSAGE("\"points\":[{\"x\":1},2]"), "message: points[1]: must be an object" },
		{ MESSAGE("\"env\":{\"A\":\"x\",\"B\":1}"), "message: env.B: must be a string" },
		{ MESSAGE("\"env\":{\"A\":\"\",\"B\":\"\",\"C\":\"\"}"), "more than 2 entries" },
	};
	struct message m = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = json_decode_text(bytes_str(bad[i].text), &message_table, &m);
		assert_true(failed(e));
		assert_err_text(bad[i].says);
		assert_true(is_zero(&m));
	}
}

static struct err decode_text(void *arg, struct bytes in)
{
	struct message m = { 0 };
	struct err e = json_decode_text(in, &message_table, &m);

	(void)arg;
	if (failed(e))
		assert_true(is_zero(&m));
	json_release(&message_table, &m);
	return e;
}

static void test_cut_and_flipped(void **state)
{
	(void)state;
	each_prefix(bytes_str(good), decode_text, NULL);
	each_flip_survives(bytes_str(good), decode_text, NULL);
}

struct loose {
	const struct json *any;
};

static void test_open_and_borrowed(void **state)
{
	(void)state;
	static const struct json_field fields[] = {
		JSON_FIELD(struct loose, any, FIELD_JSON, 0, 0),
	};
	static const struct json_table table = { .what = "loose",
		.size = sizeof(struct loose),
		.fields = fields,
		.n = 1,
		.open = true };
	static const char text[] = "{\"other\":1,\"any\":[1,2]}";
	AUTO(json_freep) struct json *j = NULL;
	struct loose l = { 0 };

	assert_ok(json_parse(bytes_str(text), &j));
	assert_ok(json_decode(j, &table, &l));
	assert_int_equal(json_count(l.any), 2);
	json_release(&table, &l);
	assert_null(l.any);
	assert_err(json_decode_text(bytes_str(text), &table, &l), ERR_STATE);
	assert_err_text("loose: needs its tree");
}

static struct err parse_json(void)
{
	AUTO(json_freep) struct json *j = NULL;

	return json_parse(bytes_str(good), &j);
}

static struct err parse_toml(void)
{
	static const char text[] =
		"a.b = [1, \"x\", { c = true }]\n[d.e]\nf = 'g'\n[[h]]\ni = \"\"\"j\"\"\"\n";
	AUTO(json_freep) struct json *j = NULL;

	return toml_parse(bytes_str(text), &j);
}

/* Each allocation of ours fails once; the leak checker sees what is forgotten on the way out. */
static void test_parsers_without_memory(void **state)
{
	(void)state;
	static const struct {
		struct err (*parse)(void);
		size_t at_least;
	} cases[] = { { parse_json, 1 }, { parse_toml, 20 } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e;
		size_t n = 0;
		do {
			calls = 0;
			fail_at = ++n;
			e = cases[i].parse();
			fail_at = 0;
			assert_true(!failed(e) || e.code == ERR_NOMEM);
		} while (failed(e));
		assert_true(n > cases[i].at_least);
	}
}

/* The same of the way from tree to struct: an error, no leak, nothing half. */
static void test_no_memory(void **state)
{
	(void)state;
	AUTO(json_freep) struct json *j = NULL;
	struct message m = { 0 };
	size_t n = 0, needed;
	struct err e;

	assert_ok(json_parse(bytes_str(good), &j));
	do {
		calls = 0;
		fail_at = ++n;
		e = json_decode(j, &message_table, &m);
		needed = calls;
		fail_at = 0;
		if (failed(e)) {
			assert_int_equal(e.code, ERR_NOMEM);
			assert_true(is_zero(&m));
		}
		json_release(&message_table, &m);
	} while (failed(e));
	assert_int_equal(needed, n - 1);
	assert_true(n > 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_smallest),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_cut_and_flipped),
		cmocka_unit_test(test_open_and_borrowed),
		cmocka_unit_test(test_parsers_without_memory),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
