#include "util.h"

#include <crypto/der.h>

static void test_good(void **state)
{
	(void)state;
	static const char *const good[] = {
		"0500",
		"3000",
		"310602010102017f",
		"0101ff",
		"010100",
		"a003020105",
		"8003020105", /* context-specific, primitive: any octets */
		"30820100" /* filled below */,
	};
	AUTO(buf_done) struct buf big = BUF_INIT(1024);

	for (size_t i = 0; i + 1 < ARRAY_LEN(good); i++)
		assert_ok(der_check(test_hex(good[i])));
	buf_put(&big, test_hex(good[7]));
	buf_put(&big, test_hex("048200fc"));
	assert_err(der_check(buf_bytes(&big)), ERR_FORMAT);
	buf_clear(&big);
	buf_put(&big, test_hex("048180"));
	buf_zero(&big, 128);
	assert_ok(der_check(buf_bytes(&big)));
}

static void test_bad(void **state)
{
	(void)state;
	static const struct {
		const char *hex, *part;
	} bad[] = {
		{ "", "truncated" },
		{ "30", "truncated" },
		{ "300201", "truncated" },
		{ "3003020200", "truncated" }, /* the child is longer than its parent */
		{ "050000", "1 bytes too many" },
		{ "30800000", "indefinite" },
		{ "3085000000000000", "overlong" },
		{ "04810100", "not minimal" },
		{ "0482000100", "not minimal" },
		{ "1f0100", "more than one octet" },
		{ "2403040100", "tag 0x24" }, /* constructed OCTET STRING */
		{ "1003020105", "tag 0x10" }, /* primitive SEQUENCE */
		{ "010101", "boolean" },
		{ "0100", "boolean" },
		{ "a0020101", "truncated" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_err(der_check(test_hex(bad[i].hex)), ERR_FORMAT);
		assert_err_text(bad[i].part);
	}
}

static void test_depth(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = BUF_INIT(1024);

	/* 50 sequences inside each other: the outermost holds 98 bytes. */
	for (int i = 49; i >= 0; i--) {
		buf_u8(&b, 0x30);
		buf_u8(&b, 2 * i);
	}
	assert_err(der_check(buf_bytes(&b)), ERR_LIMIT);
	assert_err_text("nested");
	assert_ok(der_check(bytes_of(b.p + 40, b.n - 40)));
}

static void test_next(void **state)
{
	(void)state;
	struct reader r = rd_of(test_hex("0500300302010505"));
	struct bytes one = BYTES_NONE;

	assert_ok(der_next(&r, &one));
	assert_bytes_equal(one, test_hex("0500"));
	assert_ok(der_next(&r, &one));
	assert_bytes_equal(one, test_hex("3003020105"));
	assert_err(der_next(&r, &one), ERR_FORMAT);
}

static void test_values(void **state)
{
	(void)state;
	static const struct {
		const char *hex;
		uint64_t v;
	} good[] = {
		{ "020100", 0 },
		{ "02017f", 127 },
		{ "02020080", 128 },
		{ "020200d9", 217 },
		{ "0a0102", 2 },
		{ "02087fffffffffffffff", INT64_MAX },
		{ "020900ffffffffffffffff", UINT64_MAX },
	};
	static const struct {
		const char *hex, *part;
	} bad[] = {
		{ "0200", "without octets" },
		{ "0201ff", "below zero" },
		{ "0202007f", "not minimal" },
		{ "020901ffffffffffffffff", "9 octets" },
		{ "020a00ffffffffffffffffff", "10 octets" },
		{ "0401ff", "is no number" },
		{ "0202", "truncated" },
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct reader r = rd_of(test_hex(good[i].hex));
		uint64_t v = 1;
		assert_ok(der_u64(&r, &v));
		assert_true(v == good[i].v);
		assert_ok(rd_end(&r, "number"));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct reader r = rd_of(test_hex(bad[i].hex));
		uint64_t v = 1;
		assert_err(der_u64(&r, &v), ERR_FORMAT);
		assert_err_text(bad[i].part);
		assert_true(v == 1);
	}
}

static void test_oid(void **state)
{
	(void)state;
	static const struct {
		const char *hex, *text;
	} good[] = {
		{ "06092a864886f84d010d01", "1.2.840.113741.1.13.1" },
		{ "060a2b060104019c78010301", "1.3.6.1.4.1.3704.1.3.1" },
		{ "0603550403", "2.5.4.3" },
		{ "06028837", "2.999" },
		{ "060100", "0.0" },
		{ "06014f", "1.39" },
	};
	static const char *const bad[] = { "0600", "060180", "06022a80", "06032a8001", "020100",
		"060a2affffffffffffffff7f" };
	char text[DER_OID_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct reader r = rd_of(test_hex(good[i].hex));
		assert_ok(der_oid(&r, text));
		assert_string_equal(text, good[i].text);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct reader r = rd_of(test_hex(bad[i]));
		assert_err(der_oid(&r, text), ERR_FORMAT);
	}
}

static void test_enter(void **state)
{
	(void)state;
	struct reader r = rd_of(test_hex("300602010104010a"));
	struct reader seq = { 0 }, string = { 0 };
	struct bytes any;
	uint64_t v;
	uint8_t tag;

	assert_ok(der_enter(&r, DER_SEQUENCE, &seq));
	assert_ok(rd_end(&r, "outer"));
	assert_ok(der_u64(&seq, &v));
	struct reader again = seq;
	assert_ok(der_enter(&seq, DER_OCTET_STRING, &string));
	assert_int_equal(rd_u8(&string), 10);
	assert_ok(rd_end(&string, "string"));
	assert_ok(rd_end(&seq, "sequence"));
	assert_ok(der_any(&again, &tag, &any));
	assert_int_equal(tag, DER_OCTET_STRING);
	assert_int_equal(any.n, 1);
	r = rd_of(test_hex("3000"));
	assert_err(der_enter(&r, DER_SET, &seq), ERR_FORMAT);
	assert_err_text("0x30 where 0x31 belongs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_oid),
		cmocka_unit_test(test_enter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
