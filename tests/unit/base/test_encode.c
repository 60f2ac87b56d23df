#include "util.h"

#include <base/clock.h>
#include <base/encode.h>
#include <base/random.h>

/* RFC 4648 section 10, and two with the last digits of the alphabets */
static const struct {
	const char *hex, *std, *url;
} base64_cases[] = {
	{ "", "", "" },
	{ "66", "Zg==", "Zg" },
	{ "666f", "Zm8=", "Zm8" },
	{ "666f6f", "Zm9v", "Zm9v" },
	{ "666f6f62", "Zm9vYg==", "Zm9vYg" },
	{ "666f6f6261", "Zm9vYmE=", "Zm9vYmE" },
	{ "666f6f626172", "Zm9vYmFy", "Zm9vYmFy" },
	{ "fbefff", "++//", "--__" },
	{ "00", "AA==", "AA" },
};

static void check_base64(enum base64_kind kind, struct bytes raw, const char *text)
{
	AUTO(buf_done) struct buf b = BUF_INIT(64);

	base64_encode(kind, raw, &b);
	assert_bytes_equal(buf_bytes(&b), bytes_str(text));
	buf_clear(&b);
	buf_u8(&b, 7); /* decoding appends */
	assert_ok(base64_decode(kind, bytes_str(text), "x", &b));
	assert_bytes_equal(bytes_of(b.p + 1, b.n - 1), raw);
}

static void test_base64(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(base64_cases); i++) {
		struct bytes raw = test_hex(base64_cases[i].hex);
		check_base64(BASE64_STD, raw, base64_cases[i].std);
		check_base64(BASE64_URL_NO_PAD, raw, base64_cases[i].url);
	}
}

static void test_base64_every_byte(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf text = BUF_INIT(1024);
	AUTO(buf_done) struct buf back = BUF_INIT(256);
	uint8_t all[256];

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	base64_encode(BASE64_URL_NO_PAD, BYTES_OF(all), &text);
	assert_ok(base64_decode(BASE64_URL_NO_PAD, buf_bytes(&text), "x", &back));
	assert_bytes_equal(buf_bytes(&back), BYTES_OF(all));
}

static void test_base64_bad(void **state)
{
	(void)state;
	static const struct {
		enum base64_kind kind;
		const char *text, *says;
	} bad[] = {
		{ BASE64_STD, "Zg", "of 2 characters" },
		{ BASE64_STD, "Zg=", "of 3 characters" },
		{ BASE64_STD, "Z===", "key:" },
		{ BASE64_STD, "====", "key:" },
		{ BASE64_STD, "Zg==Zg==", "not base64" },
		{ BASE64_STD, "Zh==", "bits after" },
		{ BASE64_STD, "Zm9=", "bits after" },
		{ BASE64_STD, "Zm9v\n", "key:" },
		{ BASE64_STD, "Zm 9", "not base64" },
		{ BASE64_STD, "--__", "not base64" },
		{ BASE64_URL_NO_PAD, "++//", "not base64" },
		{ BASE64_URL_NO_PAD, "Zg==", "not base64" },
		{ BASE64_URL_NO_PAD, "Z", "of 1 characters" },
		{ BASE64_URL_NO_PAD, "Zh", "bits after" },
	};
	AUTO(buf_done) struct buf b = BUF_INIT(64);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_err(
			base64_decode(bad[i].kind, bytes_str(bad[i].text), "key", &b), ERR_FORMAT);
		assert_err_text(bad[i].says);
		assert_int_equal(b.n, 0);
	}
}

/* Each of the 256 bytes is a digit of the alphabet or refused. */
static void test_base64_alphabet(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = BUF_INIT(1024);
	size_t taken = 0;

	for (unsigned c = 0; c < 256; c++) {
		uint8_t text[] = { (uint8_t)c, 'A', 'A', 'A' };
		if (!failed(base64_decode(BASE64_STD, BYTES_OF(text), "x", &b)))
			taken++;
	}
	assert_int_equal(taken, 64);
}

static void test_base64_limit(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = BUF_INIT(2);

	assert_err(base64_decode(BASE64_STD, bytes_str("Zm9v"), "x", &b), ERR_LIMIT);
}

static void test_hex_both_ways(void **state)
{
	(void)state;
	static const uint8_t raw[] = { 0x00, 0x9a, 0xff };
	AUTO(buf_done) struct buf b = BUF_INIT(64);
	uint8_t fixed[3] = { 1, 2, 3 };
	char text[7];

	hex_encode(BYTES_OF(raw), &b);
	assert_bytes_equal(buf_bytes(&b), bytes_str("009aff"));
	hex_to(BYTES_OF(raw), text);
	assert_string_equal(text, "009aff");
	buf_clear(&b);
	assert_ok(hex_decode(bytes_str("009AfF"), "x", &b));
	assert_bytes_equal(buf_bytes(&b), BYTES_OF(raw));
	assert_err(hex_decode(bytes_str("009"), "x", &b), ERR_FORMAT);
	assert_err(hex_decode(bytes_str("0g"), "x", &b), ERR_FORMAT);
	assert_int_equal(b.n, 3);
	assert_err(hex_decode_fixed(bytes_str("0000"), "x", fixed, 3), ERR_FORMAT);
	assert_err(hex_decode_fixed(bytes_str("00000x"), "x", fixed, 3), ERR_FORMAT);
	assert_int_equal(fixed[0], 1);
	assert_ok(hex_decode_fixed(bytes_str("009aff"), "x", fixed, 3));
	assert_memory_equal(fixed, raw, 3);
}

static void test_clock_both_ways(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
		int64_t t;
	} good[] = {
		{ "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", 0 },
		{ "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z", 1772366400 },
		{ "2026-03-01t12:00:00.123456789z", "2026-03-01T12:00:00Z", 1772366400 },
		{ "2026-03-01T14:30:00+02:30", "2026-03-01T12:00:00Z", 1772366400 },
		{ "2026-03-01T07:00:00-05:00", "2026-03-01T12:00:00Z", 1772366400 },
		{ "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z", 1709164800 },
		{ "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", 1483228800 },
		{ "9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", 253402300799 },
		{ "0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z", -62167219200 },
	};
	char text[RFC3339_SIZE];
	int64_t t;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_ok(clock_parse(good[i].in, &t));
		assert_int_equal(t, good[i].t);
		clock_format(t, text);
		assert_string_equal(text, good[i].out);
	}
	clock_format(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59Z");
	clock_format(INT64_MIN, text);
	assert_string_equal(text, "0000-01-01T00:00:00Z");
}

static struct err parse_time(void *arg, struct bytes in)
{
	AUTO(auto_free) char *s = NULL;
	int64_t t;

	(void)arg;
	TRY(bytes_to_str(in, &s));
	return clock_parse(s, &t);
}

static void test_clock_bad(void **state)
{
	(void)state;
	static const char *const bad[] = { "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
		"2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z",
		"2026-01-01 00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
		"2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00ZZ",
		"2026-1-01T00:00:00Z", "+026-01-01T00:00:00Z" };
	int64_t t = 42;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_err(clock_parse(bad[i], &t), ERR_FORMAT);
		assert_err_text("is not an RFC 3339 time");
	}
	assert_int_equal(t, 42);
	each_prefix(bytes_str("2026-03-01T14:30:00.5+02:30"), parse_time, NULL);
	each_flip_survives(bytes_str("2026-03-01T14:30:00.5+02:30"), parse_time, NULL);
}

static void test_clocks_advance(void **state)
{
	(void)state;
	uint64_t a = clock_monotonic_ms(), b = clock_boottime_ms();

	assert_true(clock_now() > 1700000000);
	assert_true(clock_monotonic_ms() >= a);
	assert_true(clock_boottime_ms() >= b);
}

static void test_random(void **state)
{
	(void)state;
	uint8_t a[64] = { 0 }, b[64] = { 0 };
	char hex[34];

	assert_ok(random_fill(a, sizeof(a)));
	assert_ok(random_fill(b, sizeof(b)));
	assert_memory_not_equal(a, b, sizeof(a));
	hex[33] = 'x';
	assert_ok(random_hex(hex, 32));
	assert_int_equal(strspn(hex, "0123456789abcdef"), 32);
	assert_int_equal(hex[32], '\0');
	assert_int_equal(hex[33], 'x');
	assert_ok(random_hex(hex, 5));
	assert_int_equal(strlen(hex), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_every_byte),
		cmocka_unit_test(test_base64_bad),
		cmocka_unit_test(test_base64_alphabet),
		cmocka_unit_test(test_base64_limit),
		cmocka_unit_test(test_hex_both_ways),
		cmocka_unit_test(test_clock_both_ways),
		cmocka_unit_test(test_clock_bad),
		cmocka_unit_test(test_clocks_advance),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
