#include "util.h"

#include <base/cbor.h>

static struct err parse(void *arg, struct bytes in)
{
	struct cbor c;

	(void)arg;
	return cbor_parse(in, "test", &c);
}

static void test_good(void **state)
{
	/* Appendix A of RFC 8949, as far as it is strict. */
	static const struct {
		const char *hex;
		enum cbor_type type;
		uint64_t v;
	} cases[] = {
		{ "00", CBOR_UINT, 0 },
		{ "17", CBOR_UINT, 23 },
		{ "1818", CBOR_UINT, 24 },
		{ "1903e8", CBOR_UINT, 1000 },
		{ "1a000f4240", CBOR_UINT, 1000000 },
		{ "1bffffffffffffffff", CBOR_UINT, UINT64_MAX },
		{ "20", CBOR_NINT, 0 },
		{ "3903e7", CBOR_NINT, 999 },
		{ "4401020304", CBOR_BYTES, 4 },
		{ "40", CBOR_BYTES, 0 },
		{ "6449455446", CBOR_TEXT, 4 },
		{ "62c3bc", CBOR_TEXT, 2 },
		{ "80", CBOR_ARRAY, 0 },
		{ "8301820203820405", CBOR_ARRAY, 3 },
		{ "a0", CBOR_MAP, 0 },
		{ "a201020304", CBOR_MAP, 2 },
		{ "a26161016162820203", CBOR_MAP, 2 },
		{ "c11a514b67b0", CBOR_TAG, 1 },
		{ "f5", CBOR_SIMPLE, 21 },
		{ "f6", CBOR_SIMPLE, 22 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bytes in = test_hex(cases[i].hex);
		struct cbor c;

		assert_ok(cbor_parse(in, "test", &c));
		assert_int_equal(c.type, cases[i].type);
		assert_int_equal(c.v, cases[i].v);
		each_prefix(in, parse, NULL);
	}
}

static void test_bad(void **state)
{
	static const char *const cases[] = {
		"",
		"0000", /* nothing, something after */
		"1817",
		"190018",
		"1a00000018", /* heads longer than needed */
		"1b00000000ffffffff",
		"3817",
		"5803010203",
		"b800",
		"1c",
		"1f",
		"5f4101ff",
		"7f6161ff",
		"9f01ff",
		"bf0102ff",
		"ff",	      /* indefinite */
		"a201020103", /* a key twice */
		"a3010203040103",
		"a2616101616102",
		"a14001",
		"a18001",
		"a1f501", /* keys of other types */
		"f93c00",
		"fb3ff199999999999a",
		"f7",
		"f0",
		"e0",
		"f820", /* floats, simple values */
		"61ff",
		"62c0af",
		"63eda080", /* no UTF-8 */
		"5bffffffffffffffff00",
		"9bffffffffffffffff",
		"bbffffffffffffffff",
		"9a00010000",
		"8181818181818181818181818180",
		"c1c1c1c1c1c1c1c1c1c1c1c1c100", /* deep */
		"8201",
		"c1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = parse(NULL, test_hex(cases[i]));
		if (e.code != ERR_FORMAT)
			print_error("%s was taken\n", cases[i]);
		assert_int_equal(e.code, ERR_FORMAT);
	}
}

static void test_access(void **state)
{
	struct cbor c, v;
	int64_t n;

	(void)state;
	/* {1: 2, "a": 3, -7: h'0102', 2: [4, 5]} */
	assert_ok(cbor_parse(test_hex("a401026161032642010202820405"), "test", &c));
	assert_true(cbor_get(&c, 1, &v));
	assert_true(cbor_int(&v, &n));
	assert_int_equal(n, 2);
	assert_true(cbor_get(&c, -7, &v));
	assert_bytes_equal(v.s, test_hex("0102"));
	assert_false(cbor_int(&v, &n));
	assert_false(cbor_get(&c, 7, &v));
	assert_true(cbor_get(&c, 2, &v));
	assert_false(cbor_get(&v, 4, &c)); /* no map */

	struct reader r = rd_of(v.s);
	cbor_next(&r, &c);
	assert_int_equal(c.v, 4);
	cbor_next(&r, &c);
	assert_int_equal(c.v, 5);
	assert_false(rd_more(&r));
	cbor_next(&r, &c); /* one too many sticks */
	assert_false(rd_ok(&r));
	assert_int_equal(c.type, CBOR_UINT);
	assert_int_equal(c.v, 0);

	assert_ok(cbor_parse(test_hex("3bffffffffffffffff"), "test", &c));
	assert_false(cbor_int(&c, &n));
	assert_ok(cbor_parse(test_hex("3b7fffffffffffffff"), "test", &c));
	assert_true(cbor_int(&c, &n));
	assert_true(n == INT64_MIN);
}

static void test_limits(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(8192);
	struct cbor c;

	(void)state;
	for (unsigned more = 0; more < 2; more++) {
		buf_clear(&b);
		cbor_put_head(&b, CBOR_MAP, CBOR_MAP_MAX + more);
		for (unsigned i = 0; i < CBOR_MAP_MAX + more; i++) {
			cbor_put_int(&b, i);
			cbor_put_int(&b, -(int64_t)i);
		}
		assert_int_equal(
			cbor_parse(buf_bytes(&b), "map", &c).code, more ? ERR_FORMAT : ERR_OK);
		buf_clear(&b);
		cbor_put_head(&b, CBOR_ARRAY, CBOR_ARRAY_MAX + more);
		buf_zero(&b, CBOR_ARRAY_MAX + more);
		assert_int_equal(
			cbor_parse(buf_bytes(&b), "array", &c).code, more ? ERR_FORMAT : ERR_OK);
	}
}

static void nest(struct buf *b, unsigned depth)
{
	cbor_put_head(b, CBOR_MAP, CBOR_MAP_MAX);
	cbor_put_int(b, 0);
	if (depth == 0)
		cbor_put_int(b, 0);
	else
		nest(b, depth - 1);
	for (int64_t i = 1; i < CBOR_MAP_MAX; i++) {
		cbor_put_int(b, i);
		cbor_put_int(b, 0);
	}
}

/* A value that its map's later keys pass over at every level: 64^12 steps for a reader that checks
 * it each time. */
static void test_time(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(4096);
	struct cbor c, v;

	(void)state;
	nest(&b, CBOR_DEPTH_MAX - 1);
	assert_ok(buf_end(&b, "maps"));
	assert_ok(cbor_parse(buf_bytes(&b), "maps", &c));
	for (unsigned i = 0; i < CBOR_DEPTH_MAX - 1; i++) {
		assert_true(cbor_get(&c, 0, &v));
		c = v;
	}
	assert_int_equal(c.type, CBOR_MAP);
}

static void test_write(void **state)
{
	static const int64_t numbers[] = { 0, 23, 24, 255, 256, 65535, 65536, INT64_MAX, -1, -24,
		-25, -256, -257, INT64_MIN };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(64);
		struct cbor c;
		int64_t n;

		cbor_put_int(&b, numbers[i]);
		assert_ok(cbor_parse(buf_bytes(&b), "number", &c));
		assert_true(cbor_int(&c, &n));
		assert_true(n == numbers[i]);
	}
	AUTO(buf_done) struct buf b = BUF_INIT(64);
	cbor_put_text(&b, "IETF");
	cbor_put_bytes(&b, test_hex("01020304"));
	cbor_put_bool(&b, true);
	cbor_put_bool(&b, false);
	assert_bytes_equal(buf_bytes(&b), test_hex("64494554464401020304f5f4"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_access),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
