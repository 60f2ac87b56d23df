#include "firmware.h"

#include "util.h"

#include <lzma.h>

static const uint8_t lzma_guid[16] = { 0x98, 0x58, 0x4e, 0xee, 0x14, 0x39, 0x59, 0x42, 0x9d, 0x6e,
	0xdc, 0x7b, 0xd7, 0x94, 0x03, 0xcf };
static const uint8_t platform_pei_guid[16] = { 0x6d, 0x38, 0x2c, 0x22, 0xbc, 0x5a, 0xb4, 0x4f, 0xb1,
	0x24, 0xfb, 0xb8, 0x24, 0x88, 0xac, 0xf4 };

static const uint8_t pei_core_guid[16] = { 0x14, 0x5b, 0xc0, 0x52, 0x98, 0x0b, 0x6c, 0x49, 0xbc,
	0x3b, 0x04, 0xb5, 0x02, 0x11, 0xd6, 0x80 };

static void align(struct buf *b, size_t to)
{
	buf_zero(b, (to - b->n % to) % to);
}

static void put_file(struct buf *b, const uint8_t guid[16], unsigned type, struct bytes body)
{
	align(b, 8);
	buf_put(b, bytes_of(guid, 16));
	buf_zero(b, 2);
	buf_u8(b, type);
	buf_zero(b, 1);
	buf_le(b, body.n + 24, 3);
	buf_zero(b, 1);
	buf_put(b, body);
}

static void put_section(struct buf *b, unsigned type, struct bytes body)
{
	align(b, 4);
	buf_le(b, body.n + 4, 3);
	buf_u8(b, type);
	buf_put(b, body);
}

/* With free space behind the files. */
static void put_volume(struct buf *b, struct bytes files)
{
	buf_zero(b, 32);
	buf_le64(b, 72 + files.n + 64);
	buf_puts(b, "_FVH");
	buf_zero(b, 4);
	buf_le16(b, 72);
	buf_zero(b, 2 + 2 + 2 + 16);
	buf_put(b, files);
	memset(buf_grow(b, 64), 0xff, 64);
}

/* PE image whose .data is 100 bytes of variables and 412 of zeroes. */
static void put_image(struct buf *b, int variable)
{
	static const char name[8] = ".data";

	buf_puts(b, "MZ");
	buf_zero(b, 0x3a);
	buf_le32(b, 0x40);
	buf_put(b, bytes_of("PE\0\0", 4));
	buf_le16(b, 0x8664);
	buf_le16(b, 1);
	buf_zero(b, 12 + 2 + 2); /* no optional header */
	buf_put(b, BYTES_OF(name));
	buf_zero(b, 8);
	buf_le32(b, 512);
	buf_le32(b, 0x100);
	buf_zero(b, 16);
	buf_zero(b, 0x100 - b->n);
	memset(buf_grow(b, 100), variable, 100);
	buf_zero(b, 412);
}

static void put_compressed(struct buf *b, struct bytes data)
{
	lzma_options_lzma options;
	lzma_stream z = LZMA_STREAM_INIT;
	uint8_t packed[8192];

	assert_false(lzma_lzma_preset(&options, 6));
	assert_int_equal(lzma_alone_encoder(&z, &options), LZMA_OK);
	z.next_in = data.p;
	z.avail_in = data.n;
	z.next_out = packed;
	z.avail_out = sizeof(packed);
	assert_int_equal(lzma_code(&z, LZMA_FINISH), LZMA_STREAM_END);
	buf_put(b, BYTES_OF(lzma_guid));
	buf_le16(b, 24);
	buf_le16(b, 1);
	buf_put(b, bytes_of(packed, sizeof(packed) - z.avail_out));
	lzma_end(&z);
}

static void make_pei(struct buf *pei)
{
	AUTO(buf_done) struct buf image = BUF_INIT(FIRMWARE_MAX);
	AUTO(buf_done) struct buf sections = BUF_INIT(FIRMWARE_MAX);
	AUTO(buf_done) struct buf files = BUF_INIT(FIRMWARE_MAX);

	put_image(&image, FIRMWARE_CORE_VARIABLE);
	put_section(&sections, 0x10, buf_bytes(&image));
	put_file(&files, pei_core_guid, 0x04, buf_bytes(&sections));
	buf_clear(&sections);
	buf_clear(&image);
	put_image(&image, FIRMWARE_PLATFORM_VARIABLE);
	put_section(&sections, 0x15, bytes_str("name"));
	put_section(&sections, 0x10, buf_bytes(&image));
	put_file(&files, lzma_guid, 0x07, bytes_str("another file"));
	put_file(&files, platform_pei_guid, 0x06, buf_bytes(&sections));
	put_volume(pei, buf_bytes(&files));
}

void firmware_make(struct buf *code, struct buf *pei, struct buf *dxe)
{
	AUTO(buf_done) struct buf p = BUF_INIT(FIRMWARE_MAX);
	AUTO(buf_done) struct buf d = BUF_INIT(FIRMWARE_MAX);
	AUTO(buf_done) struct buf inner = BUF_INIT(FIRMWARE_MAX);
	AUTO(buf_done) struct buf guided = BUF_INIT(FIRMWARE_MAX);
	AUTO(buf_done) struct buf sections = BUF_INIT(FIRMWARE_MAX);
	AUTO(buf_done) struct buf files = BUF_INIT(FIRMWARE_MAX);

	make_pei(&p);
	put_volume(&d, bytes_str("the drivers of the second phase, which nobody looks at here"));
	put_section(&inner, 0x19, bytes_str("padding"));
	put_section(&inner, 0x17, buf_bytes(&p));
	put_section(&inner, 0x17, buf_bytes(&d));
	put_compressed(&guided, buf_bytes(&inner));
	put_section(&sections, 0x02, buf_bytes(&guided));
	put_file(&files, platform_pei_guid, 0x0b, buf_bytes(&sections));
	put_volume(code, buf_bytes(&files));
	assert_ok(buf_end(code, "firmware"));
	if (pei)
		buf_put(pei, buf_bytes(&p));
	if (dxe)
		buf_put(dxe, buf_bytes(&d));
}

/* The extended header lies behind the header and before the files. (PI 1.8 vol. 3, 3.2.1.2) */
void firmware_make_menu(struct buf *dxe)
{
	static const uint8_t menu_guid[16] = { 0x21, 0xaa, 0x2c, 0x46, 0x14, 0x76, 0x03, 0x45, 0x83,
		0x6e, 0x8a, 0xb6, 0xf4, 0x66, 0x23, 0x31 };
	AUTO(buf_done) struct buf sections = BUF_INIT(FIRMWARE_MAX);
	AUTO(buf_done) struct buf files = BUF_INIT(FIRMWARE_MAX);

	put_section(&sections, 0x10, bytes_str("the program"));
	put_section(&sections, 0x15, bytes_of("M\0e\0n\0u\0\0", 10));
	put_file(&files, pei_core_guid, 0x07, bytes_str("another file"));
	put_file(&files, menu_guid, 0x09, buf_bytes(&sections));
	buf_zero(dxe, 32);
	buf_le64(dxe, 96 + files.n);
	buf_puts(dxe, "_FVH");
	buf_zero(dxe, 4);
	buf_le16(dxe, 72);
	buf_zero(dxe, 2);
	buf_le16(dxe, 72);
	buf_zero(dxe, 2 + 16);
	memset(buf_grow(dxe, 16), 0x11, 16);
	buf_le32(dxe, 20);
	buf_zero(dxe, 4);
	buf_put(dxe, buf_bytes(&files));
	assert_ok(buf_end(dxe, "volume"));
}
