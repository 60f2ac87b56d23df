#include "launch_kernel.h"

enum {
	GUID_SIZE = 16,
	TABLE_SIZE = 168, /* without the zeroes up to a multiple of 16 */
	ENTRY_SIZE = GUID_SIZE + 2 + DIGEST_SHA256_SIZE
};

/* 9438d606-4f22-4cc9-b479-a793d411fd21 */
static const uint8_t guid_table[GUID_SIZE] = { 0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f, 0xc9, 0x4c, 0xb4,
	0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21 };
/* 97d02dd8-bd20-4c94-aa78-e7714d36ab2a */
static const uint8_t guid_cmdline[GUID_SIZE] = { 0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd, 0x94, 0x4c,
	0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a };
/* 44baf731-3a2f-4bd7-9af1-41e29169781d */
static const uint8_t guid_initrd[GUID_SIZE] = { 0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a, 0xd7, 0x4b,
	0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d };
/* 4de79437-abd2-427f-b835-d5b172d2045b */
static const uint8_t guid_kernel[GUID_SIZE] = { 0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab, 0x7f, 0x42,
	0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b };

static RESULT put_entry(struct buf *b, const uint8_t guid[static GUID_SIZE], struct bytes data)
{
	struct digest_value d = { 0 };

	TRY(digest(DIGEST_SHA256, data, &d));
	buf_put(b, bytes_of(guid, GUID_SIZE));
	buf_le16(b, ENTRY_SIZE);
	buf_put(b, digest_bytes(&d));
	return OK;
}

RESULT launch_kernel_hashes(const struct launch_kernel *k, uint8_t table[static KERNEL_HASHES_SIZE])
{
	AUTO(buf_done) struct buf b = BUF_INIT(KERNEL_HASHES_SIZE);
	const char *append = k->append ? k->append : "";

	buf_put(&b, BYTES_OF(guid_table));
	buf_le16(&b, TABLE_SIZE);
	TRY(put_entry(&b, guid_cmdline, bytes_of(append, strlen(append) + 1)));
	TRY(put_entry(&b, guid_initrd, k->initrd));
	TRY(put_entry(&b, guid_kernel, k->kernel));
	buf_zero(&b, KERNEL_HASHES_SIZE - TABLE_SIZE);
	TRY(buf_end(&b, "kernel hashes"));
	memcpy(table, b.p, KERNEL_HASHES_SIZE);
	return OK;
}
