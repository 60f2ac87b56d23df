#include "fv.h"
#include "ovmf_platform.h"
#include "unxz.h"

#include <measured-boot/ovmf.h>

/* EE4E5898-3914-4259-9D6E-DC7BD79403CF: a section compressed with LZMA */
static const uint8_t guid_lzma[16] = { 0x98, 0x58, 0x4e, 0xee, 0x14, 0x39, 0x59, 0x42, 0x9d, 0x6e,
	0xdc, 0x7b, 0xd7, 0x94, 0x03, 0xcf };

/* The compressed bytes of a GUID-defined section, or nothing. */
static struct bytes lzma_of(const struct fv_section *section)
{
	struct reader r = rd_of(section->body);
	struct bytes guid = rd_take(&r, sizeof(guid_lzma));
	size_t data_offset = rd_le16(&r); /* from the section's start, that is 4 before its body */

	if (section->type != FV_SECTION_GUID_DEFINED || !rd_ok(&r) ||
		bytes_compare(guid, BYTES_OF(guid_lzma)) != 0 || data_offset < 4 ||
		data_offset - 4 > section->body.n)
		return BYTES_NONE;
	return bytes_of(section->body.p + (data_offset - 4), section->body.n - (data_offset - 4));
}

/* The first LZMA section among the sections of a file. */
static RESULT find_lzma_section(struct bytes sections, struct bytes *ret)
{
	struct reader r = rd_of(sections);

	for (unsigned i = 0; i < FV_ITEMS_MAX && rd_more(&r) && r.left >= 4; i++) {
		struct fv_section section = { 0 };
		TRY(fv_next_section(&r, sections, &section));
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
	struct fv v = { 0 };

	TRY(fv_parse(code, &v));
	struct reader r = rd_of(v.files);
	for (unsigned i = 0; i < FV_ITEMS_MAX && rd_more(&r); i++) {
		struct fv_file file = { 0 };
		struct bytes packed = { 0 };
		bool end = false;
		TRY(fv_next_file(&r, v.files, &file, &end));
		if (end)
			break;
		if (file.type == FV_FILE_VOLUME_IMAGE)
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

	for (unsigned i = 0; i < FV_ITEMS_MAX && n < ARRAY_LEN(found) && r.left >= 4; i++) {
		struct fv_section section = { 0 };
		struct fv v = { 0 };
		TRY(fv_next_section(&r, sections, &section));
		if (section.type != FV_SECTION_VOLUME_IMAGE)
			continue;
		TRY(fv_parse(section.body, &v));
		found[n++] = v.all;
	}
	if (n == 0)
		return err_new(ERR_UNSUPPORTED, "OVMF: no DXE volume");
	/* That of TDX has no PEI phase. */
	*ret_pei = n > 1 ? found[0] : BYTES_NONE;
	*ret_dxe = found[n - 1];
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

RESULT ovmf_pei_digest(const struct ovmf_volumes *v, unsigned cpus, enum digest_alg alg,
	struct digest_value *ret_digest)
{
	AUTO(buf_done) struct buf pei = BUF_INIT(OVMF_UNPACKED_MAX);

	if (v->pei.n == 0)
		return err_new(ERR_UNSUPPORTED, "OVMF: no PEI volume");
	if (cpus == OVMF_CPUS_UNTOUCHED)
		return digest(alg, v->pei, ret_digest);
	buf_put(&pei, v->pei);
	TRY(buf_end(&pei, "OVMF"));
	if (cpus == OVMF_CPUS_TIMER_ONLY)
		TRY(ovmf_timer_fill(&pei));
	else
		TRY(ovmf_platform_fill(&pei, cpus));
	return digest(alg, buf_bytes(&pei), ret_digest);
}

RESULT ovmf_crtm_digest(const char *version, enum digest_alg alg, struct digest_value *ret_digest)
{
	AUTO(buf_done) struct buf wide = BUF_INIT(1024);

	for (const char *c = version; *c; c++)
		buf_le16(&wide, (unsigned char)*c);
	buf_le16(&wide, 0);
	TRY(buf_end(&wide, "firmware version"));
	return digest(alg, buf_bytes(&wide), ret_digest);
}
