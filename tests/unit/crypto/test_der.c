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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
