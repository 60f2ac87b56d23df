#include "firmware.h"
#include "util.h"

#include <base/file.h>
#include <measured-boot/ovmf.h>

#define DEBIAN_OVMF "/usr/share/OVMF/OVMF_CODE_4M.fd"

static RESULT read_volumes(void *arg, struct bytes in)
{
	(void)arg;
	AUTO(ovmf_volumes_done) struct ovmf_volumes v = { 0 };
	struct digest_value d = { 0 };

	TRY(ovmf_volumes_read(in, &v));
	return ovmf_pei_digest(&v, 1, DIGEST_SHA256, &d);
}

static void test_volumes(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf code = BUF_INIT(FIRMWARE_MAX);
	AUTO(buf_done) struct buf pei = BUF_INIT(FIRMWARE_MAX);
	AUTO(buf_done) struct buf dxe = BUF_INIT(FIRMWARE_MAX);
	AUTO(ovmf_volumes_done) struct ovmf_volumes v = { 0 };

	firmware_make(&code, &pei, &dxe);
	assert_ok(ovmf_volumes_read(buf_bytes(&code), &v));
	assert_bytes_equal(v.pei, buf_bytes(&pei));
	assert_bytes_equal(v.dxe, buf_bytes(&dxe));
	each_prefix(buf_bytes(&code), read_volumes, NULL);
	each_flip_survives(buf_bytes(&code), read_volumes, NULL);
}

/* Read off the memory of a booted machine with two processors. */
static void test_platform_data(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf code = BUF_INIT(FIRMWARE_MAX);
	AUTO(buf_done) struct buf pei = BUF_INIT(FIRMWARE_MAX);
	AUTO(ovmf_volumes_done) struct ovmf_volumes v = { 0 };
	struct digest_value untouched = { 0 }, one = { 0 }, two = { 0 }, want = { 0 };

	firmware_make(&code, &pei, NULL);
	assert_ok(ovmf_volumes_read(buf_bytes(&code), &v));
	assert_ok(ovmf_pei_digest(&v, OVMF_CPUS_UNTOUCHED, DIGEST_SHA256, &untouched));
	assert_ok(digest(DIGEST_SHA256, buf_bytes(&pei), &want));
	assert_bytes_equal(digest_bytes(&untouched), digest_bytes(&want));
	assert_ok(ovmf_pei_digest(&v, 1, DIGEST_SHA256, &one));
	assert_ok(ovmf_pei_digest(&v, 2, DIGEST_SHA256, &two));
	assert_false(bytes_equal(digest_bytes(&one), digest_bytes(&untouched)));
	assert_false(bytes_equal(digest_bytes(&one), digest_bytes(&two)));

	/* The variables end 100 bytes into .data; the structure is aligned to 32 behind them. */
	const uint8_t *last = memrchr(pei.p, FIRMWARE_PLATFORM_VARIABLE, pei.n);
	size_t at = (size_t)(last - pei.p) - 99 + 128;
	static const char filled[] = "c029"
				     "000000000000000000000000000000000000"
				     "0000000010000000" /* 64 GiB */
				     "28"
				     "00000080"
				     "00000000000000000000000000"
				     "00000000e0000000" /* 896 GiB */
				     "0000000020000000" /* 128 GiB */
				     "000000c0"
				     "0000003c"
				     "0060000000000000"
				     "00a0000000000000"
				     "0000000000000000"
				     "0200000002000000" /* two processors */
				     "40000000"
				     "0000000000000000"
				     "0101";
	memcpy(pei.p + at + 24, test_hex(filled).p, strlen(filled) / 2);
	assert_ok(digest(DIGEST_SHA256, buf_bytes(&pei), &want));
	assert_bytes_equal(digest_bytes(&two), digest_bytes(&want));
}

/* What Debian 13's OVMF (2025.02-8+deb13u1) changes: two bytes of the core's first variable. */
static void test_timer(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf code = BUF_INIT(FIRMWARE_MAX);
	AUTO(buf_done) struct buf pei = BUF_INIT(FIRMWARE_MAX);
	AUTO(ovmf_volumes_done) struct ovmf_volumes v = { 0 };
	struct digest_value got = { 0 }, want = { 0 };

	firmware_make(&code, &pei, NULL);
	assert_ok(ovmf_volumes_read(buf_bytes(&code), &v));
	assert_ok(ovmf_pei_digest(&v, OVMF_CPUS_TIMER_ONLY, DIGEST_SHA256, &got));
	const uint8_t *last = memrchr(pei.p, FIRMWARE_CORE_VARIABLE, pei.n);
	size_t at = (size_t)(last - pei.p) - 99 + 112; /* the next multiple of 16 */
	pei.p[at] = 0x08;
	pei.p[at + 1] = 0x06;
	assert_ok(digest(DIGEST_SHA256, buf_bytes(&pei), &want));
	assert_bytes_equal(digest_bytes(&got), digest_bytes(&want));
	assert_ok(ovmf_crtm_digest("2025.02-8+deb13u1", DIGEST_SHA256, &got));
	assert_bytes_equal(digest_bytes(&got),
		test_hex("8a0c71d44cbfa2202e9108e463c5dba04064e36324f1ab5e670421a59dc4272b"));
}

static void test_refused(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf code = BUF_INIT(FIRMWARE_MAX);
	AUTO(buf_done) struct buf large = BUF_INIT(2 * (size_t)OVMF_CODE_MAX);

	assert_err(read_volumes(NULL, BYTES_NONE), ERR_FORMAT);
	buf_zero(&large, OVMF_CODE_MAX + 1);
	assert_err(read_volumes(NULL, buf_bytes(&large)), ERR_LIMIT);
	firmware_make(&code, NULL, NULL);
	code.p[40] = 'x';
	assert_err(read_volumes(NULL, buf_bytes(&code)), ERR_FORMAT);
	assert_err_text("no signature");
	code.p[40] = '_';
	code.p[72 + 18] = 0x07; /* the file holds something else */
	assert_err(read_volumes(NULL, buf_bytes(&code)), ERR_UNSUPPORTED);
	assert_err_text("LZMA");
	code.p[72 + 18] = 0xff; /* free space from here on */
	assert_err(read_volumes(NULL, buf_bytes(&code)), ERR_UNSUPPORTED);
}

/* What Debian 12's OVMF (2022.11-6+deb12u2) measured in real boots. */
static void test_debian_ovmf(void **state)
{
	(void)state;
	static const struct {
		unsigned cpus;
		const char *pei;
	} booted[] = {
		{ 1, "1dd4ded32b5b97d369272b66f851f51a3e687b2b377a818c275a10c1a40482f2" },
		{ 2, "86dbd0066d252011bd26b76cbd82b8f347e14751083dab997dd9c99e214e7dc0" },
		{ 4, "497adb5d0e6c5243bacca0e1169c121ea637f77f4d42cb30037d3591e7da4239" },
	};
	AUTO(buf_done) struct buf code = BUF_INIT(OVMF_CODE_MAX);
	AUTO(ovmf_volumes_done) struct ovmf_volumes v = { 0 };
	struct digest_value d = { 0 };

	if (!file_exists(DEBIAN_OVMF)) {
		print_message("SKIPPED: no %s\n", DEBIAN_OVMF);
		skip();
	}
	assert_ok(file_read(DEBIAN_OVMF, &code));
	assert_ok(ovmf_volumes_read(buf_bytes(&code), &v));
	assert_ok(digest(DIGEST_SHA256, v.dxe, &d));
	if (!bytes_equal(digest_bytes(&d),
		    test_hex("82a0445201cb49945461acc6ed78426700fb7e92819862edc55ba3ad4559b135"))) {
		print_message("SKIPPED: another version of OVMF\n");
		skip();
	}
	for (size_t i = 0; i < ARRAY_LEN(booted); i++) {
		assert_ok(ovmf_pei_digest(&v, booted[i].cpus, DIGEST_SHA256, &d));
		assert_bytes_equal(digest_bytes(&d), test_hex(booted[i].pei));
	}
	assert_ok(ovmf_crtm_digest("", DIGEST_SHA256, &d));
	assert_bytes_equal(digest_bytes(&d),
		test_hex("96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_platform_data),
		cmocka_unit_test(test_timer),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_debian_ovmf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
