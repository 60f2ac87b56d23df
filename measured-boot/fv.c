#include "fv.h"

#include <base/reader.h>

enum {
	FV_HEADER_MIN = 56,
	FV_ALIGN = 8,
	FFS_HEADER_SIZE = 24,
	FFS_HEADER2_SIZE = 32,
	FFS_ATTRIB_LARGE_FILE = 0x01,
	SECTION_ALIGN = 4,
	SECTION_LARGE = 0xffffff
};

static const char fv_signature[] = "_FVH";

/* PI 1.8 vol. 3, 3.2.1.1 and 3.2.1.2 */
RESULT fv_parse(struct bytes in, struct fv *ret)
{
	struct reader r = rd_of(in);

	rd_skip(&r, 32); /* ZeroVector, FileSystemGuid */
	uint64_t length = rd_le64(&r);
	struct bytes signature = rd_take(&r, 4);
	rd_skip(&r, 4); /* Attributes */
	size_t header = rd_le16(&r);
	rd_skip(&r, 2); /* Checksum */
	size_t extended = rd_le16(&r);
	if (!rd_ok(&r) || bytes_compare(signature, bytes_str(fv_signature)) != 0)
		return err_new(ERR_FORMAT, "firmware volume: no signature");
	if (length > in.n || header < FV_HEADER_MIN || header > length || extended > length)
		return err_new(ERR_FORMAT, "firmware volume: sizes beyond its end");
	struct bytes name = BYTES_NONE;
	r = rd_of(bytes_of(in.p, (size_t)length));
	if (extended > 0) {
		rd_skip(&r, extended);
		name = rd_take(&r, FV_GUID_SIZE); /* FvName */
		size_t extended_size = rd_le32(&r);
		header = extended + extended_size;
		r = rd_of(bytes_of(in.p, (size_t)length));
	}
	rd_skip(&r, (header + FV_ALIGN - 1) & ~(size_t)(FV_ALIGN - 1));
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "firmware volume: its header is too long");
	*ret = (struct fv){
		.all = bytes_of(in.p, (size_t)length), .files = rd_rest(&r), .name = name
	};
	return OK;
}

static void skip_align(struct reader *r, struct bytes of, size_t align)
{
	size_t used = of.n - r->left;
	size_t pad = (align - used % align) % align;

	rd_skip(r, pad < r->left ? pad : r->left);
}

/* PI 1.8 vol. 3, 3.2.3. A file of ones is free space: the end. */
RESULT fv_next_file(struct reader *r, struct bytes of, struct fv_file *ret, bool *ret_end)
{
	skip_align(r, of, FV_ALIGN);
	struct reader peek = *r;
	struct bytes name = rd_take(&peek, FV_GUID_SIZE);
	rd_skip(&peek, 2); /* IntegrityCheck */
	uint8_t type = rd_u8(&peek);
	uint8_t attributes = rd_u8(&peek);
	uint64_t size = rd_le(&peek, 3);
	size_t header = FFS_HEADER_SIZE;
	rd_skip(&peek, 1); /* State */
	*ret_end = !rd_ok(&peek) || type == 0xff;
	if (*ret_end)
		return OK;
	if (attributes & FFS_ATTRIB_LARGE_FILE) {
		size = rd_le64(&peek);
		header = FFS_HEADER2_SIZE;
	}
	if (!rd_ok(&peek) || size < header || size > r->left)
		return err_new(ERR_FORMAT, "firmware file: its size is wrong");
	struct bytes file = rd_take(r, (size_t)size);
	*ret = (struct fv_file){
		.name = name, .type = type, .body = bytes_of(file.p + header, file.n - header)
	};
	return OK;
}

/* PI 1.8 vol. 3, 3.2.4 */
RESULT fv_next_section(struct reader *r, struct bytes of, struct fv_section *ret)
{
	skip_align(r, of, SECTION_ALIGN);
	struct reader peek = *r;
	uint64_t size = rd_le(&peek, 3);
	size_t header = 4;
	uint8_t type = rd_u8(&peek);
	if (size == SECTION_LARGE) {
		size = rd_le32(&peek);
		header = 8;
	}
	if (!rd_ok(&peek) || size < header || size > r->left)
		return err_new(ERR_FORMAT, "firmware section: its size is wrong");
	struct bytes section = rd_take(r, (size_t)size);
	*ret = (struct fv_section){ .type = type,
		.body = bytes_of(section.p + header, section.n - header) };
	return OK;
}
