#include "launch_gen.h"

struct section {
	uint32_t data, raw;
	uint64_t gpa, size;
	uint32_t type, attributes;
};

void gen_put(uint8_t *to, uint64_t v, size_t width)
{
	for (size_t i = 0; i < width; i++)
		to[i] = (uint8_t)(v >> (8 * i));
}

static void put_sev(uint8_t *image, const struct section *sections, size_t n)
{
	uint8_t *p = image + GEN_SEV;

	memcpy(p, "ASEV", 4);
	gen_put(p + 4, 16 + 12 * n, 4);
	gen_put(p + 8, 1, 4);
	gen_put(p + 12, n, 4);
	for (size_t i = 0; i < n; i++) {
		gen_put(p + 16 + 12 * i, sections[i].gpa, 4);
		gen_put(p + 20 + 12 * i, sections[i].size, 4);
		gen_put(p + 24 + 12 * i, sections[i].type, 4);
	}
}

static void put_tdvf(uint8_t *image, const struct section *sections, size_t n)
{
	uint8_t *p = image + GEN_TDVF;

	memcpy(p, "TDVF", 4);
	gen_put(p + 4, 16 + 32 * n, 4);
	gen_put(p + 8, 1, 4);
	gen_put(p + 12, n, 4);
	for (size_t i = 0; i < n; i++) {
		uint8_t *to = p + 16 + 32 * i;
		gen_put(to, sections[i].data, 4);
		gen_put(to + 4, sections[i].raw, 4);
		gen_put(to + 8, sections[i].gpa, 8);
		gen_put(to + 16, sections[i].size, 8);
		gen_put(to + 24, sections[i].type, 4);
		gen_put(to + 28, sections[i].attributes, 4);
	}
}

/* One or two numbers, the length, the GUID as its text has it. */
static void put_entry(uint8_t *at, const char *guid, uint32_t a, uint32_t b, size_t data)
{
	static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

	gen_put(at, a, data < 4 ? data : 4);
	if (data == 8)
		gen_put(at + 4, b, 4);
	gen_put(at + data, data + 18, 2);
	for (size_t i = 0; i < sizeof(order); i++) {
		const char *digits = guid + 2 * order[i];
		unsigned v = 0;
		for (size_t j = 0; j < 2; j++) {
			char c = digits[j];
			v = v << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
		}
		at[data + 2 + i] = (uint8_t)v;
	}
}

static void put_table(uint8_t *image, bool svsm)
{
	if (svsm)
		put_entry(image + GEN_RESET, "a789a61205974c4ba49fcbb1fe9d1ddd", GEN_SVSM_ENTRY, 0,
			4);
	else
		put_entry(image + GEN_RESET, "00f771de1a7e4fcb890e68c77e2fb44e", 0x0080b004, 0, 4);
	put_entry(image + GEN_SECRET, "4c2eb3617d9b4cc38081127c90d3d294", 0x810000, 0xc00, 8);
	put_entry(image + GEN_HASHES, "7255371f3a3b4b04927b1da6efa8d454", 0x810c00, 0x400, 8);
	put_entry(image + GEN_SEV_ENTRY, "dc886566984a4798a75e5585a7bf67cc", GEN_SIZE - GEN_SEV, 0,
		4);
	put_entry(image + GEN_TDX_ENTRY, "e47a6535984a4798865e4685a7bf8ec2", GEN_SIZE - GEN_TDVF, 0,
		4);
	put_entry(image + GEN_FOOTER, "96b582de1fb245f7baeaa366c55a082d", 0, 0, 0);
	gen_put(image + GEN_FOOTER, 136, 2);
}

static void fill(uint8_t *image)
{
	for (size_t i = 0; i < GEN_SIZE; i++)
		image[i] = (uint8_t)(i * 11 + i / 256);
}

void gen_firmware(uint8_t image[static GEN_SIZE])
{
	static const struct section sev[GEN_SEV_SECTIONS] = {
		{ .gpa = 0x800000, .size = 0x9000, .type = 1 },
		{ .gpa = 0x80d000, .size = 0x1000, .type = 2 },
		{ .gpa = 0x80e000, .size = 0x1000, .type = 3 },
		{ .gpa = 0x80f000, .size = 0x2000, .type = 4 },
		{ .gpa = 0x810000, .size = 0x1000, .type = 0x10 },
		{ .gpa = 0x812000, .size = 0x1000, .type = 3 },
		{ .gpa = 0x813000, .size = 0x2000, .type = 1 },
	};
	static const struct section tdvf[GEN_TDVF_SECTIONS] = {
		{ 0x1000, 0x1000, 0xfffff000, 0x1000, 0, 1 },
		{ 0, 0x1000, 0xffffe000, 0x1000, 1, 0 },
		{ 0, 0, 0x810000, 0x2000, 3, 0 },
		{ 0, 0, 0x809000, 0x1000, 2, 0 },
		{ 0, 0, 0x80b000, 0x2000, 3, 0 },
		{ 0x200, 0x464, 0x820000, 0x2000, 5, 1 }, /* part of a page, and one of zeroes */
		{ 0, 0, 0x900000, 0x1000, 4, 2 },
	};

	fill(image);
	put_sev(image, sev, GEN_SEV_SECTIONS);
	put_tdvf(image, tdvf, GEN_TDVF_SECTIONS);
	put_table(image, false);
}

void gen_svsm(uint8_t image[static GEN_SIZE])
{
	static const struct section sev[] = {
		{ .gpa = 0x1000, .size = 0x3000, .type = 1 },
		{ .gpa = 0x806000, .size = 0x1000, .type = 2 },
		{ .gpa = 0x807000, .size = 0x1000, .type = 3 },
	};

	fill(image);
	image[0] ^= 0xff;
	put_sev(image, sev, ARRAY_LEN(sev));
	put_table(image, true);
}
