#include "unxz.h"

#include <base/reader.h>
#include <measured-boot/ovmf.h>

enum {
	FV_SIGNATURE_AT = 40,
	FV_HEADER_MIN = 56,
	FV_ALIGN = 8,
	FFS_HEADER_SIZE = 24,
	FFS_HEADER2_SIZE = 32,
	FFS_ATTRIB_LARGE_FILE = 0x01,
	FILE_TYPE_FIRMWARE_VOLUME_IMAGE = 0x0b,
	SECTION_ALIGN = 4,
	SECTION_GUID_DEFINED = 0x02,
	SECTION_FIRMWARE_VOLUME_IMAGE = 0x17,
	SECTION_LARGE = 0xffffff,
	ITEMS_MAX = 4096 /* volumes, files or sections in one place */
};

static const char fv_signature[] = "_FVH";

/* EE4E5898-3914-4259-9D6E-DC7BD79403CF: a section compressed with LZMA */
static const uint8_t guid_lzma[16] = { 0x98, 0x58, 0x4e, 0xee, 0x14, 0x39, 0x59, 0x42, 0x9d, 0x6e,
	0xdc, 0x7b, 0xd7, 0x94, 0x03, 0xcf };

struct volume {
	struct bytes all;   /* header and files: what is measured */
	struct bytes files; /* from the first file on */
};

struct item {
	uint8_t type;
	struct bytes body;
};

/* PI 1.8 vol. 3, 3.2.1.1 and 3.2.1.2 */
static RESULT volume_parse(struct bytes in, struct volume *ret)
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
	r = rd_of(bytes_of(in.p, (size_t)length));
	if (extended > 0) {
		rd_skip(&r, extended + 16); /* FvName */
		size_t extended_size = rd_le32(&r);
		header = extended + extended_size;
		r = rd_of(bytes_of(in.p, (size_t)length));
	}
	rd_skip(&r, (header + FV_ALIGN - 1) & ~(size_t)(FV_ALIGN - 1));
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "firmware volume: its header is too long");
	*ret = (struct volume){ .all = bytes_of(in.p, (size_t)length), .files = rd_rest(&r) };
	return OK;
}

static void skip_align(struct reader *r, struct bytes of, size_t align)
{
	size_t used = of.n - r->left;
	size_t pad = (align - used % align) % align;

	rd_skip(r, pad < r->left ? pad : r->left);
}

/* PI 1.8 vol. 3, 3.2.3. A file of ones is free space: the end. */
static RESULT next_file(struct reader *r, struct bytes of, struct item *ret, bool *ret_end)
{
	skip_align(r, of, FV_ALIGN);
	struct reader peek = *r;
	rd_skip(&peek, 18); /* Name, IntegrityCheck */
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
	*ret = (struct item){ .type = type, .body = bytes_of(file.p + header, file.n - header) };
	return OK;
}

/* PI 1.8 vol. 3, 3.2.4 */
static RESULT next_section(struct reader *r, struct bytes of, struct item *ret)
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
	*ret = (struct item){ .type = type,
		.body = bytes_of(section.p + header, section.n - header) };
	return OK;
}

/* The compressed bytes of a GUID-defined section, or nothing. */
static struct bytes lzma_of(const struct item *section)
{
	struct reader r = rd_of(section->body);
	struct bytes guid = rd_take(&r, sizeof(guid_lzma));
	size_t data_offset = rd_le16(&r); /* from the section's start, that is 4 before its body */

	if (section->type != SECTION_GUID_DEFINED || !rd_ok(&r) ||
		bytes_compare(guid, BYTES_OF(guid_lzma)) != 0 || data_offset < 4 ||
		data_offset - 4 > section->body.n)
		return BYTES_NONE;
	return bytes_of(section->body.p + (data_offset - 4), section->body.n - (data_offset - 4));
}

/* The first LZMA section among the sections of a file. */
static RESULT find_lzma_section(struct bytes sections, struct bytes *ret)
{
	struct reader r = rd_of(sections);

	for (unsigned i = 0; i < ITEMS_MAX && rd_more(&r) && r.left >= 4; i++) {
		struct item section = { 0 };
		TRY(next_section(&r, sections, &section));
		struct bytes packed = lzma_of(&section);
		if (packed.n > 0) {
			*ret = packed;
			return OK;
		}
	}
	return OK;
}

static RESULT find_lzma(struct bytes code, struct bytes *ret)
{
	struct volume v = { 0 };

	TRY(volume_parse(code, &v));
	struct reader r = rd_of(v.files);
	for (unsigned i = 0; i < ITEMS_MAX && rd_more(&r); i++) {
		struct item file = { 0 };
		struct bytes packed = { 0 };
		bool end = false;
		TRY(next_file(&r, v.files, &file, &end));
		if (end)
			break;
		if (file.type == FILE_TYPE_FIRMWARE_VOLUME_IMAGE)
			TRY(find_lzma_section(file.body, &packed));
		if (packed.n > 0) {
			*ret = packed;
			return OK;
		}
	}
	return err_new(ERR_UNSUPPORTED, "OVMF: no volume that is compressed with LZMA");
}

/* The unpacked data is sections again: volumes between padding. */
static RESULT find_volumes(struct bytes sections, struct bytes *ret_pei, struct bytes *ret_dxe)
{
	struct reader r = rd_of(sections);
	struct bytes found[2] = { 0 };
	size_t n = 0;

	for (unsigned i = 0; i < ITEMS_MAX && n < ARRAY_LEN(found) && r.left >= 4; i++) {
		struct item section = { 0 };
		struct volume v = { 0 };
		TRY(next_section(&r, sections, &section));
		if (section.type != SECTION_FIRMWARE_VOLUME_IMAGE)
			continue;
		TRY(volume_parse(section.body, &v));
		found[n++] = v.all;
	}
	if (n < ARRAY_LEN(found))
		return err_new(ERR_UNSUPPORTED, "OVMF: no PEI and DXE volume");
	*ret_pei = found[0];
	*ret_dxe = found[1];
	return OK;
}

RESULT ovmf_volumes_read(struct bytes code, struct ovmf_volumes *ret_volumes)
{
	AUTO(ovmf_volumes_done)
	struct ovmf_volumes v = { .unpacked = BUF_INIT(OVMF_UNPACKED_MAX) };
	struct bytes packed = { 0 };

	if (code.n > OVMF_CODE_MAX)
		return err_new(ERR_LIMIT, "OVMF: more than %d bytes", OVMF_CODE_MAX);
	TRY(find_lzma(code, &packed));
	TRY(lzma_unpack(packed, "OVMF", &v.unpacked));
	TRY(find_volumes(buf_bytes(&v.unpacked), &v.pei, &v.dxe));
	*ret_volumes = v;
	v = (struct ovmf_volumes){ 0 };
	return OK;
}

void ovmf_volumes_done(struct ovmf_volumes *v)
{
	buf_done(&v->unpacked);
	*v = (struct ovmf_volumes){ 0 };
}

/* UTF-16LE with its NUL, as the event holds it. */
static RESULT version_digest(const char *version, enum digest_alg alg, struct digest_value *ret)
{
	AUTO(buf_done) struct buf wide = BUF_INIT(1024);

	for (const char *c = version; *c; c++)
		buf_le16(&wide, (unsigned char)*c);
	buf_le16(&wide, 0);
	TRY(buf_end(&wide, "firmware version"));
	return digest(alg, buf_bytes(&wide), ret);
}

RESULT ovmf_measure(struct bytes code, const char *version, enum digest_alg alg,
	struct ovmf_measurement *ret_measurement)
{
	AUTO(ovmf_volumes_done) struct ovmf_volumes v = { 0 };
	struct ovmf_measurement m = { 0 };

	TRY(ovmf_volumes_read(code, &v));
	TRY(version_digest(version, alg, &m.crtm_version));
	TRY(digest(alg, v.pei, &m.pei));
	TRY(digest(alg, v.dxe, &m.dxe));
	*ret_measurement = m;
	return OK;
}
