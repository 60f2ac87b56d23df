#include <base/reader.h>
#include <measured-boot/launch.h>

enum {
	GUID_SIZE = 16,
	TAIL = 2 + GUID_SIZE,	  /* of an entry: its length, its GUID */
	AFTER_TABLE = 0x20,	  /* the reset vector */
	SEV_METADATA_HEADER = 16, /* and before each of its sections */
	SEV_METADATA_SECTION = 12,
	SEV_METADATA_VERSION = 1
};

/* 96b582de-1fb2-45f7-baea-a366c55a082d: the table itself */
static const uint8_t guid_table[GUID_SIZE] = { 0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45, 0xba,
	0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d };

static RESULT parse_area(struct reader *r, struct ovmf_area *ret)
{
	struct ovmf_area area = { 0 };

	area.gpa = rd_le32(r);
	area.size = rd_le32(r);
	if ((uint64_t)area.gpa + area.size > UINT64_C(1) << 32)
		return err_new(ERR_FORMAT, "OVMF table: an area beyond 4 GiB");
	*ret = area;
	return OK;
}

static RESULT parse_hashes(struct reader *r, struct ovmf_table *t)
{
	return parse_area(r, &t->hashes);
}

static RESULT parse_secret(struct reader *r, struct ovmf_table *t)
{
	return parse_area(r, &t->secret);
}

static RESULT parse_reset(struct reader *r, struct ovmf_table *t)
{
	t->reset_eip = rd_le32(r);
	t->has_reset_eip = true;
	return OK;
}

static RESULT parse_svsm(struct reader *r, struct ovmf_table *t)
{
	t->svsm_entry = rd_le32(r);
	t->has_svsm_entry = true;
	return OK;
}

static RESULT parse_tdx(struct reader *r, struct ovmf_table *t)
{
	t->tdx_offset = rd_le32(r);
	return OK;
}

struct item {
	uint8_t guid[GUID_SIZE];
	const char *name;
	RESULT (*parse)(struct reader *r, struct ovmf_table *t); /* NULL: metadata, see below */
};

static const struct item items[] = {
	/* 7255371f-3a3b-4b04-927b-1da6efa8d454 */
	{ { 0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b, 0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8,
		  0xd4, 0x54 },
		"SEV hash table", parse_hashes },
	/* 4c2eb361-7d9b-4cc3-8081-127c90d3d294 */
	{ { 0x61, 0xb3, 0x2e, 0x4c, 0x9b, 0x7d, 0xc3, 0x4c, 0x80, 0x81, 0x12, 0x7c, 0x90, 0xd3,
		  0xd2, 0x94 },
		"SEV secret", parse_secret },
	/* 00f771de-1a7e-4fcb-890e-68c77e2fb44e */
	{ { 0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f, 0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f,
		  0xb4, 0x4e },
		"SEV-ES reset block", parse_reset },
	/* a789a612-0597-4c4b-a49f-cbb1fe9d1ddd */
	{ { 0x12, 0xa6, 0x89, 0xa7, 0x97, 0x05, 0x4b, 0x4c, 0xa4, 0x9f, 0xcb, 0xb1, 0xfe, 0x9d,
		  0x1d, 0xdd },
		"SVSM info", parse_svsm },
	/* e47a6535-984a-4798-865e-4685a7bf8ec2 */
	{ { 0x35, 0x65, 0x7a, 0xe4, 0x4a, 0x98, 0x98, 0x47, 0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf,
		  0x8e, 0xc2 },
		"TDX metadata", parse_tdx },
	/* dc886566-984a-4798-a75e-5585a7bf67cc */
	{ { 0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47, 0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf,
		  0x67, 0xcc },
		"SEV metadata", NULL },
};

/* 'ASEV', length, version, number of sections. (edk2, OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm)
 */
static RESULT parse_sections(struct reader r, struct ovmf_table *t)
{
	struct bytes signature = rd_take(&r, 4);
	uint32_t length = rd_le32(&r);
	uint32_t version = rd_le32(&r);
	uint32_t n = rd_le32(&r);

	if (!rd_ok(&r) || bytes_compare(signature, bytes_str("ASEV")) != 0)
		return err_new(ERR_FORMAT, "SEV metadata: no descriptor where the table says");
	if (version != SEV_METADATA_VERSION)
		return err_new(ERR_UNSUPPORTED, "SEV metadata: version %u", version);
	if (n > OVMF_SECTIONS_MAX)
		return err_new(ERR_LIMIT, "SEV metadata: %u sections", n);
	if (length < SEV_METADATA_HEADER + n * SEV_METADATA_SECTION)
		return err_new(ERR_FORMAT, "SEV metadata: %u sections in %u bytes", n, length);
	for (size_t i = 0; i < n; i++) {
		struct ovmf_sev_section *s = &t->sections[i];
		TRY(parse_area(&r, &s->area));
		s->type = rd_le32(&r);
		if ((s->area.gpa | s->area.size) % LAUNCH_PAGE != 0)
			return err_new(
				ERR_FORMAT, "SEV metadata: section %zu is not whole pages", i);
	}
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "SEV metadata: cut");
	t->n_sections = n;
	return OK;
}

/* The entry holds the descriptor's distance from the end of the image. */
static RESULT parse_metadata(struct bytes image, struct reader *r, struct ovmf_table *t)
{
	uint32_t offset = rd_le32(r);

	if (!rd_ok(r) || offset > image.n)
		return err_new(ERR_FORMAT, "SEV metadata: outside of the image");
	return parse_sections(rd_of(bytes_of(image.p + (image.n - offset), offset)), t);
}

static RESULT parse_item(struct bytes image, size_t i, struct bytes data, struct ovmf_table *t)
{
	struct reader r = rd_of(data);

	if (items[i].parse)
		TRY(items[i].parse(&r, t));
	else
		TRY(parse_metadata(image, &r, t));
	return rd_ok(&r) ? OK : err_new(ERR_FORMAT, "OVMF table: %s is cut", items[i].name);
}

/* Entries are walked from the last: each ends in its length and its GUID. Some other firmware may
 * know more of them than these. */
static RESULT parse_entries(struct bytes image, struct bytes table, struct ovmf_table *t)
{
	unsigned seen = 0;

	while (table.n > 0) {
		if (table.n < TAIL)
			return err_new(
				ERR_FORMAT, "OVMF table: %zu bytes before an entry", table.n);
		struct reader r = rd_of(bytes_of(table.p + (table.n - TAIL), TAIL));
		size_t length = rd_le16(&r);
		struct bytes guid = rd_rest(&r);
		if (length < TAIL || length > table.n)
			return err_new(ERR_FORMAT, "OVMF table: an entry of %zu bytes", length);
		struct bytes data = bytes_of(table.p + (table.n - length), length - TAIL);
		table.n -= length;
		for (size_t i = 0; i < ARRAY_LEN(items); i++) {
			if (bytes_compare(guid, BYTES_OF(items[i].guid)) != 0)
				continue;
			if (seen & 1u << i)
				return err_new(
					ERR_FORMAT, "OVMF table: %s comes twice", items[i].name);
			seen |= 1u << i;
			TRY(parse_item(image, i, data, t));
		}
	}
	return OK;
}

RESULT ovmf_table_parse(struct bytes image, struct ovmf_table *ret_table)
{
	struct ovmf_table t = { 0 };

	if (image.n < AFTER_TABLE + TAIL) {
		*ret_table = t;
		return OK;
	}
	size_t end = image.n - AFTER_TABLE;
	struct reader r = rd_of(bytes_of(image.p + (end - TAIL), TAIL));
	size_t length = rd_le16(&r);
	struct bytes guid = rd_rest(&r);
	if (bytes_compare(guid, BYTES_OF(guid_table)) == 0) {
		if (length < TAIL || length > end)
			return err_new(ERR_FORMAT, "OVMF table: %zu bytes", length);
		TRY(parse_entries(image, bytes_of(image.p + (end - length), length - TAIL), &t));
	}
	*ret_table = t;
	return OK;
}
