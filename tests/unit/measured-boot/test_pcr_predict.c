/* The expected values are this program's own arithmetic on the events of a boot. */
#include "util.h"

#include <measured-boot/pcr_predict.h>

static struct digest_value of(enum digest_alg alg, const char *text)
{
	struct digest_value d = { 0 };

	assert_ok(digest(alg, bytes_str(text), &d));
	return d;
}

/* H(...H(H(0 || a) || b)...) */
static struct digest_value chain(enum digest_alg alg, const struct digest_value *events, size_t n)
{
	struct digest_value v = { .alg = alg, .n = digest_size(alg) };

	for (size_t i = 0; i < n; i++)
		assert_ok(digest2(alg, digest_bytes(&v), digest_bytes(&events[i]), &v));
	return v;
}

static void test_orders(void **state)
{
	(void)state;
	static const enum digest_alg algs[] = { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384 };
	static const uint8_t zeroes[4];

	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		enum digest_alg alg = algs[i];
		struct digest_value images[] = { of(alg, "shim"), of(alg, "kernel") };
		struct digest_value action = of(alg, "Calling EFI Application from Boot Option");
		struct digest_value separator = { 0 }, got = { 0 };
		assert_ok(digest(alg, BYTES_OF(zeroes), &separator));
		const struct digest_value disk[] = { action, separator, images[0], images[1] };
		const struct digest_value direct[] = { images[0], action, separator, images[1] };
		struct digest_value want = chain(alg, disk, 4);
		assert_ok(pcr4_predict(PCR_BOOT_DISK, images, 2, &got));
		assert_bytes_equal(digest_bytes(&got), digest_bytes(&want));
		want = chain(alg, direct, 4);
		assert_ok(pcr4_predict(PCR_BOOT_DIRECT, images, 2, &got));
		assert_bytes_equal(digest_bytes(&got), digest_bytes(&want));
		want = chain(alg, direct, 3);
		assert_ok(pcr4_predict(PCR_BOOT_DIRECT, images, 1, &got));
		assert_bytes_equal(digest_bytes(&got), digest_bytes(&want));
	}
}

static void test_stub(void **state)
{
	(void)state;
	struct digest_value events[] = { of(DIGEST_SHA256, "options"),
		of(DIGEST_SHA256, "initrd") };
	struct digest_value got = { 0 }, want = chain(DIGEST_SHA256, events, 2);

	assert_ok(pcr9_predict(&events[0], &events[1], &got));
	assert_bytes_equal(digest_bytes(&got), digest_bytes(&want));
	want = chain(DIGEST_SHA256, events, 1);
	assert_ok(pcr9_predict(&events[0], NULL, &got));
	assert_bytes_equal(digest_bytes(&got), digest_bytes(&want));
}

static void test_refused(void **state)
{
	(void)state;
	struct digest_value mixed[] = { of(DIGEST_SHA256, "a"), of(DIGEST_SHA384, "b") };
	struct digest_value got = { 0 };

	assert_err(pcr4_predict(PCR_BOOT_DISK, mixed, 0, &got), ERR_USAGE);
	assert_err(pcr4_predict(PCR_BOOT_DISK, mixed, 2, &got), ERR_USAGE);
	assert_err(pcr9_predict(&mixed[0], &mixed[1], &got), ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_stub),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
