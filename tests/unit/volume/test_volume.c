/* What of encrypted volumes needs no device mapper; the rest is in tests/e2e/volumes.sh. */
#include "dm.h"
#include "util.h"
#include "volume_make.h"

static void test_status(void **state)
{
	(void)state;
	static const struct {
		const char *status;
		bool good;
		uint64_t sectors;
	} cases[] = {
		{ "0 2048 -", true, 2048 },
		{ "12 8 100", true, 8 },
		{ "0 0 -", true, 0 },
		{ "0 2048", true, 2048 },
		{ "", false, 0 },
		{ "0", false, 0 },
		{ "0  -", false, 0 },
		{ "0 x -", false, 0 },
		{ "0 -8 -", false, 0 },
		{ "0 99999999999999999999 -", false, 0 },
		{ "0 18446744073709551615 -", false, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t sectors = 0;
		struct err e = dm_integrity_sectors(cases[i].status, &sectors);

		if (failed(e) == cases[i].good || sectors != cases[i].sectors)
			fail_msg("'%s': %llu", cases[i].status, (unsigned long long)sectors);
	}
}

static void test_no_device(void **state)
{
	(void)state;
	AUTO(auto_free) char *device = NULL;

	assert_err(volume_make(&(struct volume){ .device = "/absent", .name = "x" }, &device),
		ERR_SYS);
	assert_err(volume_make(&(struct volume){ .device = "/dev/null", .name = "x" }, &device),
		ERR_FORMAT);
	assert_null(device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_no_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
