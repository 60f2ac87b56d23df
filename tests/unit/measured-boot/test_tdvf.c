/* The expected digests were computed by another program, see test_launch.c. */
#include "launch_gen.h"
#include "util.h"

#include <measured-boot/launch.h>

static const uint64_t gib = UINT64_C(1) << 30;

static uint8_t firmware[GEN_SIZE];

static const char single_pass[] = "b8a05c79553476d5bc8e95c88e50c21964b008dea8dc3faef2baeefd81d19563"
				  "f6fc4e834c35bddda0617b7c7e116c01";
static const char two_pass[] = "5bc411bfa08ef09fb7fb15a3b555675f3322bcd4e49d54e732c58d5ce391d385d8c"
			       "b32fe394a18e8be1e3a7da630a18e";

static void test_mrtd(void **state)
{
	(void)state;
	struct digest_value d = { 0 };

	gen_firmware(firmware);
	assert_ok(mrtd_digest(BYTES_OF(firmware), MRTD_SINGLE_PASS, &d));
	assert_bytes_equal(digest_bytes(&d), test_hex(single_pass));
	assert_ok(mrtd_digest(BYTES_OF(firmware), MRTD_TWO_PASS, &d));
	assert_bytes_equal(digest_bytes(&d), test_hex(two_pass));

	/* A volume that is not measured may change. */
	firmware[0x100] ^= 1;
	assert_ok(mrtd_digest(BYTES_OF(firmware), MRTD_SINGLE_PASS, &d));
	assert_bytes_equal(digest_bytes(&d), test_hex(single_pass));
}

static RESULT mrtd_is(void *arg, struct bytes in)
{
	struct digest_value d = { 0 };

	TRY(mrtd_digest(in, MRTD_SINGLE_PASS, &d));
	return bytes_equal(digest_bytes(&d), *(const struct bytes *)arg)
		       ? OK
		       : err_new(ERR_UNVERIFIED, "another digest");
}

/* The second page is the measured volume and holds all metadata; of the first, one section is. */
static RESULT volume_is(void *arg, struct bytes in)
{
	uint8_t image[GEN_SIZE];

	gen_firmware(image);
	memcpy(image + GEN_SIZE / 2, in.p, in.n);
	return mrtd_is(arg, BYTES_OF(image));
}

static void test_every_byte_counts(void **state)
{
	(void)state;
	struct bytes want = test_hex(single_pass);

	gen_firmware(firmware);
	assert_ok(mrtd_is(&want, BYTES_OF(firmware)));
	each_prefix(BYTES_OF(firmware), mrtd_is, &want);
	each_flip(bytes_of(firmware + GEN_SIZE / 2, GEN_SIZE / 2), volume_is, &want);
	for (size_t i = 0; i < 0x464; i++) {
		firmware[0x200 + i] ^= 0x80;
		assert_true(failed(mrtd_is(&want, BYTES_OF(firmware))));
		firmware[0x200 + i] ^= 0x80;
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
		{ GEN_TDX_ENTRY, 4, 0xffffffff, ERR_FORMAT, "no descriptor" },
		{ GEN_TDX_ENTRY, 4, 3, ERR_FORMAT, "no descriptor" },
		{ GEN_TDX_ENTRY, 4, 0, ERR_UNSUPPORTED, "not for TDX" },
		{ GEN_TDX_ENTRY + 4, 2, 19, ERR_FORMAT, "TDX metadata is cut" },
		{ GEN_TDVF, 1, 'X', ERR_FORMAT, "no descriptor" },
		{ GEN_TDVF + 4, 4, 16 + 32 * GEN_TDVF_SECTIONS + 1, ERR_FORMAT, "7 sections in" },
		{ GEN_TDVF + 8, 4, 2, ERR_UNSUPPORTED, "version 2" },
		{ GEN_TDVF + 12, 4, OVMF_SECTIONS_MAX + 1, ERR_LIMIT, "65 sections" },
		{ GEN_TDVF + 12, 4, 0xffffffff, ERR_LIMIT, "sections" },
		{ GEN_TDVF + 12, 4, 0, ERR_FORMAT, "0 sections in" },
		{ GEN_TDVF_SECTION, 4, 0x1001, ERR_FORMAT, "section 0 lies outside" },
		{ GEN_TDVF_SECTION, 4, 0xffffffff, ERR_FORMAT, "section 0 lies outside" },
		{ GEN_TDVF_SECTION + 4, 4, 0x1001, ERR_FORMAT, "section 0 lies outside" },
		{ GEN_TDVF_SECTION + 4, 4, 0, ERR_FORMAT, "section 0 of type 0 with 0" },
		{ GEN_TDVF_SECTION + 8, 8, 0xfffff001, ERR_FORMAT, "section 0 is not whole" },
		{ GEN_TDVF_SECTION + 8, 8, UINT64_MAX & ~0xfffULL, ERR_FORMAT, "lies outside" },
		{ GEN_TDVF_SECTION + 16, 8, 0x1800, ERR_FORMAT, "section 0 is not whole" },
		{ GEN_TDVF_SECTION + 16, 8, 1ULL << 40, ERR_LIMIT, "pages" },
		{ GEN_TDVF_SECTION + 24, 4, TDVF_TYPES, ERR_UNSUPPORTED, "type 9" },
		{ GEN_TDVF_SECTION + 24, 4, TDVF_TD_HOB, ERR_FORMAT, "section 0 of type 2 with" },
		{ GEN_TDVF_SECTION + 2 * 32 + 24, 4, TDVF_TD_HOB, ERR_FORMAT, "2 sections for" },
		{ GEN_TDVF_SECTION + 3 * 32 + 24, 4, TDVF_TEMP_MEM, ERR_FORMAT, "0 sections for" },
		{ GEN_TDVF_SECTION + 4 * 32 + 8, 8, 0x808000, ERR_FORMAT, "3 and 4 overlap" },
		{ GEN_TDVF_SECTION + 4 * 32 + 8, 8, 0x809000, ERR_FORMAT, "3 and 4 overlap" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct digest_value d = { 0 };
		gen_firmware(firmware);
		gen_put(firmware + cases[i].at, cases[i].value, cases[i].width);
		assert_err(mrtd_digest(BYTES_OF(firmware), MRTD_TWO_PASS, &d), cases[i].code);
		assert_err_text(cases[i].text);
	}
}

/* Firmware without the table has a pointer from the start of the image. */
static void test_legacy_pointer(void **state)
{
	(void)state;
	struct tdvf t = { 0 };

	gen_firmware(firmware);
	firmware[GEN_FOOTER + 2] ^= 1;
	assert_err(tdvf_parse(BYTES_OF(firmware), &t), ERR_UNSUPPORTED);
	gen_put(firmware + GEN_LEGACY, GEN_TDVF, 4);
	assert_ok(tdvf_parse(BYTES_OF(firmware), &t));
	assert_int_equal(t.n, GEN_TDVF_SECTIONS);
	assert_int_equal(t.sections[0].gpa, 0xfffff000);
	gen_put(firmware + GEN_LEGACY, 0xfffffffe, 4);
	assert_err(tdvf_parse(BYTES_OF(firmware), &t), ERR_UNSUPPORTED);
	assert_err(tdvf_parse(bytes_of(firmware, 16), &t), ERR_UNSUPPORTED);
	assert_err(tdvf_parse(BYTES_NONE, &t), ERR_UNSUPPORTED);
}

/* ---- TD HOB ---- */

struct resource {
	uint32_t type;
	uint64_t start, length;
};

static uint64_t le(const uint8_t *p, size_t width)
{
	uint64_t v = 0;

	for (size_t i = width; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static struct td_memory stock(uint64_t size)
{
	return (struct td_memory){ .size = size };
}

static void assert_hob(struct td_memory memory, const struct resource *want, size_t n)
{
	AUTO(buf_done) struct buf hob = BUF_INIT(8192);
	struct tdvf t = { 0 };

	gen_firmware(firmware);
	assert_ok(tdvf_parse(BYTES_OF(firmware), &t));
	assert_ok(td_hob_make(&t, memory, &hob));
	assert_int_equal(hob.n, 56 + 48 * n);
	assert_int_equal(le(hob.p, 2), 1);
	assert_int_equal(le(hob.p + 48, 8), 0x809000 + hob.n + 8);
	for (size_t i = 0; i < n; i++) {
		const uint8_t *p = hob.p + 56 + 48 * i;
		assert_int_equal(le(p, 8), 3 | 48 << 16);
		assert_int_equal(le(p + 24, 4), want[i].type);
		assert_int_equal(le(p + 28, 4), 7);
		assert_int_equal(le(p + 32, 8), want[i].start);
		assert_int_equal(le(p + 40, 8), want[i].length);
	}
}

static void test_td_hob(void **state)
{
	(void)state;
	struct resource want[] = {
		{ 7, 0, 0x809000 },
		{ 0, 0x809000, 0x1000 },
		{ 7, 0x80a000, 0x1000 },
		{ 0, 0x80b000, 0x2000 },
		{ 7, 0x80d000, 0x3000 },
		{ 0, 0x810000, 0x2000 },
		{ 7, 0x812000, 0 },
		{ 7, 4 * gib, 0 },
	};

	want[6].length = 2 * gib - 0x812000;
	assert_hob(stock(2 * gib), want, 7);
	want[6].length = 0xaffff000 - 0x812000; /* one page less than what splits it */
	assert_hob(stock(0xaffff000), want, 7);
	want[6].length = 2 * gib - 0x812000;
	want[7].length = 0xb0000000 - 2 * gib;
	assert_hob(stock(0xb0000000), want, 8);
	assert_hob(stock(0x812000), want, 6); /* nothing is left behind the last section */

	/* A machine that keeps 256 MiB below 4 GiB splits any memory beyond. */
	want[6].length = (UINT64_C(256) << 20) - 0x812000;
	want[7].length = 2 * gib - (UINT64_C(256) << 20);
	assert_hob((struct td_memory){ 2 * gib, UINT64_C(256) << 20 }, want, 8);
	assert_hob((struct td_memory){ UINT64_C(256) << 20, UINT64_C(256) << 20 }, want, 7);
	want[6].length = 2 * gib - 0x812000;
	want[7].length = 2 * gib;
	assert_hob((struct td_memory){ 4 * gib, 3 * gib }, want, 8);
}

static void test_td_hob_refused(void **state)
{
	(void)state;
	static const uint64_t sizes[] = { 0, 0x811fff, 0x811000, 4097, (UINT64_C(1) << 52) + 4096,
		UINT64_MAX };
	struct digest_value d = { 0 };

	gen_firmware(firmware);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		assert_err(td_hob_digest(BYTES_OF(firmware), stock(sizes[i]), &d), ERR_USAGE);
	/* Memory of 3 GiB has nothing at 2 GiB. */
	gen_put(firmware + GEN_TDVF_SECTION + 2 * 32 + 8, 2 * gib, 8);
	assert_err(td_hob_digest(BYTES_OF(firmware), stock(3 * gib), &d), ERR_USAGE);
	assert_err_text("0x80000000");

	/* As many sections as there may be, each with memory around it. */
	struct tdvf most = { .n = OVMF_SECTIONS_MAX };
	AUTO(buf_done) struct buf hob = BUF_INIT(8192);
	for (size_t i = 0; i < most.n; i++)
		most.sections[i] = (struct tdvf_section){
			.type = TDVF_TEMP_MEM, .gpa = 0x100000 + 0x2000 * i, .mem_size = 0x1000
		};
	assert_ok(td_hob_make(&most, stock(64 * gib), &hob));
	assert_int_equal(hob.n, 56 + 48 * (2 + 2 * OVMF_SECTIONS_MAX));
	most.n++;
	assert_err(td_hob_make(&most, stock(64 * gib), &hob), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mrtd),
		cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_legacy_pointer),
		cmocka_unit_test(test_td_hob),
		cmocka_unit_test(test_td_hob_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
