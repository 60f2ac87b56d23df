#include "util.h"

#include <measured-boot/cmdline.h>
#include <measured-boot/linux_boot.h>
#include <tee/eventlog.h>

enum {
	KERNEL_SIZE = 0x2000,
	MIB = 1024 * 1024
};

static void put_le(uint8_t *p, uint64_t v, size_t width)
{
	for (size_t i = 0; i < width; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void build(uint8_t k[static KERNEL_SIZE])
{
	for (size_t i = 0; i < KERNEL_SIZE; i++)
		k[i] = (uint8_t)(i * 3);
	k[0x1f1] = 39;
	memcpy(k + 0x202, "HdrS", 4);
	put_le(k + 0x206, 0x20f, 2);
	k[0x211] = 0x01;
	put_le(k + 0x22c, 0x7fffffff, 4);
	put_le(k + 0x236, 0x7f, 2);
}

static RESULT parse(void *arg, struct bytes in)
{
	(void)arg;
	struct linux_setup s = { 0 };

	return linux_setup_parse(in, &s);
}

static void test_setup(void **state)
{
	(void)state;
	uint8_t k[KERNEL_SIZE];
	struct linux_setup s = { 0 };

	build(k);
	assert_ok(linux_setup_parse(BYTES_OF(k), &s));
	assert_int_equal(s.protocol, 0x20f);
	assert_int_equal(s.setup_sects, 39);
	assert_int_equal(s.initrd_addr_max, 0x7fffffff);
	assert_int_equal(s.xloadflags, 0x7f);
	each_prefix(bytes_of(k, 0x238), parse, NULL);
	k[0x211] = 0;
	assert_err(parse(NULL, BYTES_OF(k)), ERR_UNSUPPORTED);
	build(k);
	put_le(k + 0x206, 0x202, 2);
	assert_err(parse(NULL, BYTES_OF(k)), ERR_UNSUPPORTED);
	assert_err_text("0x202");
	build(k);
	k[0x202] ^= 1;
	assert_err(parse(NULL, BYTES_OF(k)), ERR_UNSUPPORTED);
}

/* Addresses worked out by hand from hw/i386/x86.c: (min(limit, low - 0x28000 - 1) - size) & ~4095
 */
static void test_qemu_patches(void **state)
{
	(void)state;
	static const struct {
		uint64_t memory_mib, initrd_size;
		uint16_t protocol, xloadflags;
		uint32_t want;
	} cases[] = {
		{ 256, 0x1000, 0x20f, 0x7f, 0x0ffd6000 },
		{ 256, 0x2000, 0x20f, 0x7f, 0x0ffd5000 },
		{ 512, 17 * MIB, 0x20f, 0x7f, 0x1eed7000 },
		{ 2560, 0x1000, 0x20f, 0x7f, 0x9ffd6000 },
		{ 2816, 0x1000, 0x20f, 0x7f, 0x7ffd6000 }, /* the rest goes above 4 GiB */
		{ 65536, 0x1000, 0x20f, 0x7f, 0x7ffd6000 },
		{ 2560, 0x1000, 0x20f, 0x00, 0x7fffe000 }, /* the header's own limit */
		{ 2560, 0x1000, 0x20b, 0x7f, 0x7fffe000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(LINUX_KERNEL_MAX);
		uint8_t k[KERNEL_SIZE];
		build(k);
		put_le(k + 0x206, cases[i].protocol, 2);
		put_le(k + 0x236, cases[i].xloadflags, 2);
		assert_ok(linux_qemu_kernel(
			BYTES_OF(k), cases[i].memory_mib, cases[i].initrd_size, &out));
		k[0x210] = 0xb0;
		k[0x211] |= 0x80;
		put_le(k + 0x218, cases[i].want, 4);
		put_le(k + 0x21c, cases[i].initrd_size, 4);
		put_le(k + 0x224, 0xfe00, 2);
		put_le(k + 0x228, 0x20000, 4);
		assert_bytes_equal(buf_bytes(&out), BYTES_OF(k));
	}
}

static void test_limits(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = BUF_INIT(LINUX_KERNEL_MAX);
	uint8_t k[KERNEL_SIZE];

	build(k);
	assert_err(linux_qemu_kernel(BYTES_OF(k), 63, 1, &out), ERR_LIMIT);
	assert_err(linux_qemu_kernel(BYTES_OF(k), 64, 64 * MIB, &out), ERR_LIMIT);
	assert_err_text("does not fit");
	assert_int_equal(out.n, 0);
}

/* vtpm/expected/pcr-predict.json: PCR 9 of command line "console=tty0" and an initrd digest of
 * zeroes; PCR 4 of two stages. */
static void test_pcr_vectors(void **state)
{
	(void)state;
	static const struct digest_value zero = { .alg = DIGEST_SHA256, .n = 32 };
	struct digest_value event = { 0 }, pcr = zero, initrd = zero;

	assert_ok(linux_load_options_digest("console=tty0", DIGEST_SHA256, &event));
	assert_ok(pcr_extend(&pcr, digest_bytes(&event)));
	assert_ok(pcr_extend(&pcr, digest_bytes(&initrd)));
	assert_bytes_equal(digest_bytes(&pcr),
		test_hex("eb4f7bca865807d3163b95174d6e66cfc74acf8b930a553e95ec94662cb6facd"));

	pcr = zero;
	static const uint8_t separator[4];
	assert_ok(digest(
		DIGEST_SHA256, bytes_str("Calling EFI Application from Boot Option"), &event));
	assert_ok(pcr_extend(&pcr, digest_bytes(&event)));
	assert_ok(digest(DIGEST_SHA256, BYTES_OF(separator), &event));
	assert_ok(pcr_extend(&pcr, digest_bytes(&event)));
	assert_ok(pcr_extend(&pcr, digest_bytes(&initrd)));
	memset(initrd.v, 1, 32);
	assert_ok(pcr_extend(&pcr, digest_bytes(&initrd)));
	assert_bytes_equal(digest_bytes(&pcr),
		test_hex("22116dee861aa6b44242ac469eab24cead344d52c77131f54ac1cac9d6a2408e"));
}

static void test_cmdlines(void **state)
{
	(void)state;
	static const char *const texts[] = {
#define X(name, text) text,
		LINUX_CMDLINES(X)
#undef X
	};
	struct digest_value d = { 0 }, with = { 0 }, other = { 0 };

	assert_ok(linux_load_options_digest("a initrd=initrd", DIGEST_SHA256, &with));
	assert_ok(linux_cmdline_digest("a", DIGEST_SHA256, &d));
	assert_bytes_equal(digest_bytes(&d), digest_bytes(&with));
	assert_ok(linux_cmdline_digest(texts[0], DIGEST_SHA256, &d));
	assert_ok(linux_cmdline_digest(texts[1], DIGEST_SHA256, &other));
	assert_false(bytes_equal(digest_bytes(&d), digest_bytes(&other)));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_non_null(strstr(texts[i], "panic=-1")); /* a dead guest must end QEMU */
		assert_non_null(strstr(texts[i], "console=hvc0"));
	}
	assert_err(linux_cmdline_digest("caf\xc3\xa9", DIGEST_SHA256, &d), ERR_FORMAT);
	assert_err(linux_cmdline_digest("a\nb", DIGEST_SHA256, &d), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_setup),
		cmocka_unit_test(test_qemu_patches),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_pcr_vectors),
		cmocka_unit_test(test_cmdlines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
