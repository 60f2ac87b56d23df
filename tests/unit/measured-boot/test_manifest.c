#include "manifest_gen.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

#include <base/json.h>

typedef struct err print_fn(const struct manifest *m, struct buf *out);

static void assert_same(const struct manifest *a, const struct manifest *b, print_fn *print)
{
	AUTO(buf_done) struct buf x = BUF_INIT(MANIFEST_FILE_MAX), y = BUF_INIT(MANIFEST_FILE_MAX);

	assert_ok(print(a, &x));
	assert_ok(print(b, &y));
	assert_bytes_equal(buf_bytes(&x), buf_bytes(&y));
}

static struct err parse_json(void *arg, struct bytes in)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };

	(void)arg;
	return ref_manifest_parse(in, &m);
}

static struct err parse_corim(void *arg, struct bytes in)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };

	(void)arg;
	return manifest_from_corim(in, &m);
}

static struct err parse_trustee(void *arg, struct bytes in)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };

	(void)arg;
	return manifest_parse_trustee(in, "image", &m);
}

static void test_add(void **state)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	static const uint8_t v[DIGEST_MAX + 1];
	struct manifest_entry e = { .id = "x", .text = "a", .v = bytes_of(v, 32) };

	(void)state;
	assert_ok(manifest_add_value(&m, &e));
	assert_ok(manifest_add_value(&m, &e));
	e.text = "b";
	assert_ok(manifest_add_value(&m, &e));
	e.debug = true;
	assert_ok(manifest_add_value(&m, &e)); /* accepted anyway */
	assert_int_equal(m.values.n, 1);
	assert_string_equal(m.values.v[0].text, "a; b");
	e.debug = false;
	assert_ok(manifest_add_input(&m, &e));
	assert_err(manifest_add_input(&m, &e), ERR_FORMAT);
	e.debug = true;
	assert_ok(manifest_add_input(&m, &e));
	e.v = bytes_of(v, 31);
	e.id = "y";
	assert_err(manifest_add_input(&m, &e), ERR_FORMAT);
	e.v = BYTES_NONE;
	assert_err(manifest_add_value(&m, &e), ERR_FORMAT);
	e.v = BYTES_OF(v);
	assert_err(manifest_add_value(&m, &e), ERR_FORMAT);
}

static void test_check(void **state)
{
	static const char *const bad[] = { "", ".x", "a/b", "a b", "\xc3\xb6",
		"0123456789012345678901234567890123456789012345678901234567890123456789" };
	AUTO(buf_done) struct buf out = BUF_INIT(MANIFEST_FILE_MAX);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(ref_manifest_done) struct manifest m = { 0 };

		manifest_make(&m);
		free(m.name);
		assert_ok(str_dup(bad[i], &m.name));
		assert_err(manifest_check(&m), ERR_FORMAT);
		assert_err(manifest_print(&m, &out), ERR_FORMAT);
		assert_err(manifest_to_corim(&m, &out), ERR_FORMAT);
		assert_int_equal(out.n, 0);
	}
	AUTO(ref_manifest_done) struct manifest initdata = { 0 };
	manifest_make(&initdata);
	const struct manifest_entry e = { .id = "initdata", .v = bytes_str("x") };
	assert_ok(manifest_add_value(&initdata, &e));
	assert_err(manifest_print(&initdata, &out), ERR_DENIED);
	AUTO(ref_manifest_done) struct manifest none = { 0 };
	assert_ok(str_dup("x", &none.name));
	assert_err(manifest_check(&none), ERR_FORMAT);
	assert_err_text("no reference values");
}

static void test_json(void **state)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 }, again = { 0 };
	AUTO(buf_done) struct buf json = BUF_INIT(MANIFEST_FILE_MAX);
	AUTO(json_freep) struct json *tree = NULL;

	(void)state;
	manifest_make(&m);
	assert_ok(manifest_print(&m, &json));
	assert_ok(ref_manifest_parse(buf_bytes(&json), &again));
	assert_same(&m, &again, manifest_print);
	assert_int_equal(again.version, 7);
	each_prefix(bytes_of(json.p, json.n - 1), parse_json, NULL);
	each_flip_survives(buf_bytes(&json), parse_json, NULL);
	assert_ok(json_parse(buf_bytes(&json), &tree));
	const struct json *values = json_get(tree, "reference_values");
	assert_int_equal(json_count(json_get(values, "snp_launch_measurement")), 2);
	assert_int_equal(json_count(json_get(values, "vtpm.cmdline")), 1);
	const struct json *debug = json_get(json_get(tree, "debug_variant"), "reference_values");
	assert_int_equal(json_count(json_get(debug, "snp_launch_measurement")), 1);
	assert_int_equal(json_count(debug), 2);
}

static void test_json_bad(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
#define DOC(values, more)                                                                          \
	"{\"version\":1,\"image\":{\"name\":\"a\",\"version\":1},\"reference_values\":" values     \
	",\"labels\":{},\"inputs\":{}" more "}"
		{ DOC("{\"x\":[\"00\"]}", ",\"y\":1"), "y" },
		{ DOC("{\"x\":[\"00\"]}", ",\"labels\":{}"), "" },
		{ DOC("{\"x\":[\"00\"],\"x\":[\"01\"]}", ""), "" },
		{ DOC("{\"x\":[\"0\"]}", ""), "x" },
		{ DOC("{\"x\":[\"\"]}", ""), "x" },
		{ DOC("{\"x\":[1]}", ""), "x" },
		{ DOC("{\"x\":\"00\"}", ""), "x" },
		{ DOC("{\"x/y\":[\"00\"]}", ""), "x/y" },
		{ DOC("{}", ""), "no reference values" },
		{ DOC("[]", ""), "reference_values" },
		{ DOC("{\"x\":[\"00\"]}", "") " x", "" },
		{ DOC("{\"x\":[\"00\"]}", ",\"debug_variant\":{}"), "debug_variant" },
		{ "{\"version\":2}", "version" },
		{ "{\"version\":1}", "image" },
		{ "[]", "" },
	};

	(void)state;
	assert_ok(parse_json(NULL, bytes_str(DOC("{\"x\":[\"00\"]}", ""))));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = parse_json(NULL, bytes_str(cases[i].text));
		if (!failed(e))
			print_error("%s was taken\n", cases[i].text);
		assert_true(failed(e));
		assert_err_text(cases[i].says);
	}
}

static void test_trustee(void **state)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 }, again = { 0 };
	AUTO(buf_done) struct buf json = BUF_INIT(MANIFEST_FILE_MAX);

	(void)state;
	manifest_make(&m);
	assert_ok(manifest_print_trustee(&m, &json));
	assert_ok(manifest_parse_trustee(buf_bytes(&json), "sealpod-guest", &again));
	assert_same(&m, &again, manifest_print_trustee);
	assert_int_equal(again.version, 0);
	for (size_t i = 0; i < again.values.n; i++)
		assert_false(again.values.v[i].debug);
	each_prefix(bytes_of(json.p, json.n - 1), parse_trustee, NULL);
	each_flip_survives(buf_bytes(&json), parse_trustee, NULL);
	/* As Trustee's own tools write it: {"x":"00ff"} */
	assert_ok(parse_trustee(
		NULL, bytes_str("{\"version\":\"0.1.0\",\"type\":\"sample\",\"payload\":"
				"\"eyJ4IjoiMDBmZiJ9\"}")));
	assert_err(parse_trustee(NULL,
			   bytes_str("{\"version\":\"0.1.0\",\"type\":\"swid\",\"payload\":\"\"}")),
		ERR_UNSUPPORTED);
	assert_true(failed(parse_trustee(NULL,
		bytes_str("{\"version\":\"0.1.0\",\"type\":\"sample\",\"payload\":\"W10=\"}"))));
}

static void test_corim(void **state)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 }, again = { 0 };
	AUTO(buf_done) struct buf cbor = BUF_INIT(MANIFEST_FILE_MAX), more = BUF_INIT(4096);

	(void)state;
	manifest_make(&m);
	assert_ok(manifest_to_corim(&m, &cbor));
	assert_ok(manifest_from_corim(buf_bytes(&cbor), &again));
	assert_same(&m, &again, manifest_to_corim);
	assert_int_equal(again.version, 7);
	assert_int_equal(again.values.n, m.values.n);
	assert_int_equal(again.inputs.n, m.inputs.n);
	each_prefix(buf_bytes(&cbor), parse_corim, NULL);
	each_flip_survives(buf_bytes(&cbor), parse_corim, NULL);
	buf_put(&more, buf_bytes(&cbor));
	buf_u8(&more, 0);
	assert_err(parse_corim(NULL, buf_bytes(&more)), ERR_FORMAT);
}

/* The smallest CoRIM, written out by hand after the draft's CDDL. */
#define PROFILE                                                                                     \
	"03d820781975726e3a7365616c706f643a67756573742d696d6167653a31" /* urn:sealpod:guest-image:1 \
									*/
#define CORIM(tags)                                                                                \
	"d901f5a3006161"                                                                           \
	"01" tags PROFILE
/* 506(h'..'): {1: {0: "a/normal", 1: 1}, 4: {0: [[{0: {1: "sealpod", 2: "guest"}}, [..]]]}} */
#define TAG(n, measurements)                                                                       \
	"81d901fa58" n "a201a20068612f6e6f726d616c010104a1008182a100a201677365616c706f64"          \
	"02656775657374" measurements

static void test_corim_by_hand(void **state)
{
	static const struct {
		const char *hex, *says;
	} bad[] = {
		/* two digests; an algorithm that does not fit; a flag on the normal variant; no
		 * key; an unknown key; a digest and raw bytes; an empty raw value; a key twice */
		{ CORIM(TAG("39", "81a2006178"
				  "01a10282820142000082014100")),
			"one digest" },
		{ CORIM(TAG("34", "81a200617801a1028182014100")), "algorithm 1 with 1 bytes" },
		{ CORIM(TAG("38", "81a200617801a203a103f504d902304100")), "marked debug" },
		{ CORIM(TAG("31", "81a101a104d902304100")), "no key 0" },
		{ CORIM(TAG("36", "81a300617801a104d9023041000200")), "not known here" },
		{ CORIM(TAG("3a", "81a200617801a202818201410004d902304100")), "or a raw value" },
		{ CORIM(TAG("33", "81a200617801a104d9023040")), "0 bytes" },
		{ CORIM(TAG("36", "81a300617801a104d9023041000000")), "twice" },
		{ CORIM("80"), "no reference values" },
		{ CORIM("8100"), "tag" },
		{ "d901f6a0", "not tagged 501" },
		{ "d901f5a0", "no key 0" },
	};

	(void)state;
	assert_ok(parse_corim(NULL, test_hex(CORIM(TAG("34", "81a200617801a104d902304100")))));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = parse_corim(NULL, test_hex(bad[i].hex));
		if (!failed(e))
			print_error("%s was taken\n", bad[i].hex);
		assert_true(failed(e));
		assert_err_text(bad[i].says);
	}
}

/* A CoRIM of somebody else's is told apart from a damaged one. */
static void test_corim_other_profile(void **state)
{
	(void)state;
	assert_err(parse_corim(NULL, test_hex("d901f5a30061610180"
					      "03d8206161")),
		ERR_UNSUPPORTED);
	assert_err_text("profile 'a'");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_bad),
		cmocka_unit_test(test_trustee),
		cmocka_unit_test(test_corim),
		cmocka_unit_test(test_corim_by_hand),
		cmocka_unit_test(test_corim_other_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
