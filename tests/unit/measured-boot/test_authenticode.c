#include "util.h"

#include <base/file.h>
#include <measured-boot/authenticode.h>
#include <measured-boot/linux_boot.h>

enum {
	PE_AT = 0x80,
	OPTIONAL_AT = PE_AT + 24,
	OPTIONAL_SIZE = 112 + 16 * 8,
	CHECKSUM_AT = OPTIONAL_AT + 64,
	CERTIFICATES_AT = OPTIONAL_AT + 112 + 4 * 8,
	SECTIONS_AT = OPTIONAL_AT + OPTIONAL_SIZE,
	HEADERS = 0x200,
	SECTION = 0x100,
	TRAILER = 24,
	CERTIFICATES = 40,
	TOTAL = HEADERS + 2 * SECTION + TRAILER + CERTIFICATES
};

static void put_le(uint8_t *p, uint64_t v, size_t width)
{
	for (size_t i = 0; i < width; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* PE32+ with two sections listed against their order, bytes behind them, and certificates. */
static void build(uint8_t pe[static TOTAL])
{
	for (size_t i = 0; i < TOTAL; i++)
		pe[i] = (uint8_t)(i * 7 + i / 256);
	memcpy(pe, "MZ", 2);
	put_le(pe + 0x3c, PE_AT, 4);
	memcpy(pe + PE_AT, "PE\0", 4);
	put_le(pe + PE_AT + 6, 2, 2);
	put_le(pe + PE_AT + 20, OPTIONAL_SIZE, 2);
	put_le(pe + OPTIONAL_AT, 0x20b, 2);
	put_le(pe + OPTIONAL_AT + 60, HEADERS, 4);
	put_le(pe + OPTIONAL_AT + 108, 16, 4);
	put_le(pe + CERTIFICATES_AT, TOTAL - CERTIFICATES, 4);
	put_le(pe + CERTIFICATES_AT + 4, CERTIFICATES, 4);
	for (unsigned i = 0; i < 2; i++) {
		put_le(pe + SECTIONS_AT + i * 40 + 16, SECTION, 4);
		put_le(pe + SECTIONS_AT + i * 40 + 20, HEADERS + (1 - i) * SECTION, 4);
	}
}

static RESULT digest_of(void *arg, struct bytes in)
{
	struct digest_value d = { 0 };

	TRY(authenticode_digest(in, DIGEST_SHA256, &d));
	if (arg && bytes_equal(digest_bytes(&d), digest_bytes(arg)))
		return OK;
	return arg ? err_new(ERR_UNVERIFIED, "another digest") : OK;
}

static void test_ranges(void **state)
{
	(void)state;
	uint8_t pe[TOTAL];
	AUTO(buf_done) struct buf hashed = BUF_INIT(TOTAL);
	struct digest_value want = { 0 }, got = { 0 };

	build(pe);
	buf_put(&hashed, bytes_of(pe, CHECKSUM_AT));
	buf_put(&hashed, bytes_of(pe + CHECKSUM_AT + 4, CERTIFICATES_AT - CHECKSUM_AT - 4));
	buf_put(&hashed,
		bytes_of(pe + CERTIFICATES_AT + 8, TOTAL - CERTIFICATES_AT - 8 - CERTIFICATES));
	assert_ok(digest(DIGEST_SHA256, buf_bytes(&hashed), &want));
	assert_ok(authenticode_digest(BYTES_OF(pe), DIGEST_SHA256, &got));
	assert_bytes_equal(digest_bytes(&got), digest_bytes(&want));
	each_prefix(BYTES_OF(pe), digest_of, NULL);

	/* What is left out may change; nothing else may. */
	pe[CHECKSUM_AT] ^= 1;
	pe[TOTAL - 1] ^= 1;
	assert_ok(digest_of(&want, BYTES_OF(pe)));
	for (size_t i = 0; i < TOTAL - CERTIFICATES; i++) {
		bool left_out = (i >= CHECKSUM_AT && i < CHECKSUM_AT + 4) ||
				(i >= CERTIFICATES_AT && i < CERTIFICATES_AT + 8);
		pe[i] ^= 0x10;
		if (!left_out)
			assert_true(failed(digest_of(&want, BYTES_OF(pe))));
		pe[i] ^= 0x10;
	}
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		size_t at, width;
		uint64_t value;
		enum err_code code;
		const char *text;
	} cases[] = {
		{ 0, 2, 0, ERR_UNSUPPORTED, "MZ" },
		{ 0x3c, 4, 0xffffffff, ERR_FORMAT, "outside" },
		{ PE_AT, 4, 0, ERR_FORMAT, "no PE header" },
		{ PE_AT + 6, 2, 97, ERR_LIMIT, "sections" },
		{ PE_AT + 6, 2, 90, ERR_FORMAT, "section table is cut" },
		{ PE_AT + 20, 2, 10, ERR_FORMAT, "optional header is cut" },
		{ OPTIONAL_AT, 2, 0x107, ERR_FORMAT, "0x107" },
		{ OPTIONAL_AT + 60, 4, TOTAL + 1, ERR_FORMAT, "SizeOfHeaders" },
		{ OPTIONAL_AT + 60, 4, CHECKSUM_AT, ERR_FORMAT, "SizeOfHeaders" },
		{ CERTIFICATES_AT, 4, 0xffffffff, ERR_FORMAT, "certificates" },
		{ CERTIFICATES_AT + 4, 4, CERTIFICATES - 1, ERR_FORMAT, "certificates" },
		{ SECTIONS_AT + 16, 4, 0xffffffff, ERR_FORMAT, "outside" },
		{ SECTIONS_AT + 20, 4, 0xffffff00, ERR_FORMAT, "outside" },
	};
	uint8_t pe[TOTAL];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		build(pe);
		put_le(pe + cases[i].at, cases[i].value, cases[i].width);
		assert_err(digest_of(NULL, BYTES_OF(pe)), cases[i].code);
		assert_err_text(cases[i].text);
	}
	build(pe);
	each_flip_survives(BYTES_OF(pe), digest_of, NULL);
}

static void test_without_directories(void **state)
{
	(void)state;
	uint8_t pe[TOTAL];
	struct digest_value a = { 0 }, b = { 0 };

	build(pe);
	put_le(pe + OPTIONAL_AT + 108, 4, 4);
	assert_ok(authenticode_digest(BYTES_OF(pe), DIGEST_SHA256, &a));
	pe[CERTIFICATES_AT] ^= 1; /* no longer an entry, so it counts */
	assert_ok(authenticode_digest(BYTES_OF(pe), DIGEST_SHA256, &b));
	assert_false(bytes_equal(digest_bytes(&a), digest_bytes(&b)));
}

/* Debian's signature over the kernel holds the digest that Debian computed. */
static void test_signed_kernel(void **state)
{
	(void)state;
	const char *path = test_source("build/guest-kernel/vmlinuz");
	AUTO(buf_done) struct buf kernel = BUF_INIT(LINUX_KERNEL_MAX);
	struct digest_value d = { 0 };

	if (!file_exists(path)) {
		print_message("SKIPPED: no %s (target guest-kernel)\n", path);
		skip();
	}
	assert_ok(file_read(path, &kernel));
	assert_ok(authenticode_digest(buf_bytes(&kernel), DIGEST_SHA256, &d));
	assert_non_null(memmem(kernel.p, kernel.n, d.v, d.n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_without_directories),
		cmocka_unit_test(test_signed_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
