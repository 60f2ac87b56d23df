#include <base/reader.h>
#include <measured-boot/launch.h>

enum {
	LEGACY_POINTER = 0x20, /* from the end of the image */
	HEADER = 16,
	SECTION = 32,
	VERSION = 1
};

static bool is_descriptor(struct bytes image, size_t at)
{
	struct reader r = rd_of(image);

	rd_skip(&r, at);
	struct bytes signature = rd_take(&r, 4);
	return rd_ok(&r) && bytes_compare(signature, bytes_str("TDVF")) == 0;
}

/* By the table at the image's end, else by a pointer from its start. (TDVF design guide, 11.1) */
static RESULT find_descriptor(struct bytes image, struct bytes *ret)
{
	struct ovmf_table t = { 0 };
	size_t at = 0;

	TRY(ovmf_table_parse(image, &t));
	if (t.tdx_offset > 0) {
		if (t.tdx_offset > image.n || !is_descriptor(image, image.n - t.tdx_offset))
			return err_new(ERR_FORMAT, "TDVF: no descriptor %u bytes from the end",
				t.tdx_offset);
		at = image.n - t.tdx_offset;
	} else {
		struct reader r = rd_of(image);
		rd_skip(&r, image.n > LEGACY_POINTER ? image.n - LEGACY_POINTER : image.n);
		at = rd_le32(&r);
		if (!rd_ok(&r) || !is_descriptor(image, at))
			return err_new(ERR_UNSUPPORTED,
				"firmware: not for TDX, it has no TDVF descriptor");
	}
	*ret = bytes_of(image.p + at, image.n - at);
	return OK;
}

static RESULT check_size(const struct tdvf_section *s, size_t i, size_t image_size)
{
	if ((s->gpa | s->mem_size) % LAUNCH_PAGE != 0)
		return err_new(ERR_FORMAT, "TDVF: section %zu is not whole pages", i);
	if (s->mem_size > UINT64_MAX - s->gpa || s->raw_size > s->mem_size ||
		s->data_offset > image_size || s->raw_size > image_size - s->data_offset)
		return err_new(ERR_FORMAT, "TDVF: section %zu lies outside", i);
	return OK;
}

/* Firmware volumes have data, memory has none. */
static RESULT check_type(const struct tdvf_section *s, size_t i)
{
	bool is_volume = s->type == TDVF_BFV || s->type == TDVF_CFV;
	bool is_memory = s->type == TDVF_TD_HOB || s->type == TDVF_TEMP_MEM;

	if (s->type >= TDVF_TYPES)
		return err_new(ERR_UNSUPPORTED, "TDVF: section %zu of type %u", i, s->type);
	if ((is_volume && s->raw_size == 0) || (is_memory && s->raw_size > 0))
		return err_new(ERR_FORMAT, "TDVF: section %zu of type %u with %u bytes", i, s->type,
			s->raw_size);
	return OK;
}

static bool overlap(const struct tdvf_section *a, const struct tdvf_section *b)
{
	return a->gpa < b->gpa + b->mem_size && b->gpa < a->gpa + a->mem_size;
}

static RESULT check_sections(const struct tdvf *t, size_t image_size)
{
	uint64_t pages = 0;
	size_t hobs = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct tdvf_section *s = &t->sections[i];
		TRY(check_size(s, i, image_size));
		TRY(check_type(s, i));
		hobs += s->type == TDVF_TD_HOB;
		pages += s->mem_size / LAUNCH_PAGE;
		if (pages > LAUNCH_PAGES_MAX)
			return err_new(ERR_LIMIT, "TDVF: more than %d pages", LAUNCH_PAGES_MAX);
		for (size_t j = 0; j < i; j++)
			if (overlap(s, &t->sections[j]))
				return err_new(
					ERR_FORMAT, "TDVF: sections %zu and %zu overlap", j, i);
	}
	return hobs == 1 ? OK : err_new(ERR_FORMAT, "TDVF: %zu sections for the TD HOB", hobs);
}

RESULT tdvf_parse(struct bytes image, struct tdvf *ret_tdvf)
{
	struct bytes descriptor = { 0 };
	struct tdvf t = { 0 };

	TRY(find_descriptor(image, &descriptor));
	struct reader r = rd_of(descriptor);
	rd_skip(&r, 4); /* Signature */
	uint32_t length = rd_le32(&r);
	uint32_t version = rd_le32(&r);
	uint32_t n = rd_le32(&r);
	if (version != VERSION)
		return err_new(ERR_UNSUPPORTED, "TDVF: version %u", version);
	if (n > OVMF_SECTIONS_MAX)
		return err_new(ERR_LIMIT, "TDVF: %u sections", n);
	if (length != HEADER + n * SECTION)
		return err_new(ERR_FORMAT, "TDVF: %u sections in %u bytes", n, length);
	for (t.n = 0; t.n < n; t.n++) {
		struct tdvf_section *s = &t.sections[t.n];
		s->data_offset = rd_le32(&r);
		s->raw_size = rd_le32(&r);
		s->gpa = rd_le64(&r);
		s->mem_size = rd_le64(&r);
		s->type = rd_le32(&r);
		s->attributes = rd_le32(&r);
	}
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "TDVF: cut");
	TRY(check_sections(&t, image.n));
	*ret_tdvf = t;
	return OK;
}
