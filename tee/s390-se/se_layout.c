/*
 * Boot images. An image is memory as it is loaded at address 0, so that a part's address is its
 * offset in the file. The IPL parameter block (Linux, arch/s390/include/uapi/asm/ipl.h: type 5)
 * tells the ultravisor where the components are.
 */
#include "s390-se/se_parse.h"

enum {
	LIST_HEADER = 8,   /* of the list of parameter blocks */
	BLOCK_FIXED = 128, /* of the block, before its components */
	BLOCK_PV = 5,
	BLOCK_VERSION = 1,
	COMPONENT_SIZE = 24,
	LIST_MAX = SE_PAGE,
};

const char *se_kind_name(uint16_t kind)
{
	/* Tools before pvimg counted from 0, the command line second. */
	static const struct {
		uint16_t kind, old;
		const char *name;
	} kinds[] = {
		{ SE_KERNEL, 0, "kernel" },
		{ SE_RAMDISK, 2, "initrd" },
		{ SE_CMDLINE, 1, "command line" },
		{ SE_STAGE3B, 3, "stage3b" },
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].kind == kind || kinds[i].old == kind)
			return kinds[i].name;
	return "component";
}

struct block {
	uint32_t list_size, size, n;
	uint8_t version;
	uint64_t header_address, header_size;
};

static void read_block(struct reader *r, struct block *b)
{
	b->list_size = rd_be32(r);
	rd_skip_zero(r, 3); /* flags */
	uint8_t list_version = rd_u8(r);
	b->size = rd_be32(r);
	uint8_t type = rd_u8(r);
	rd_skip_zero(r, 3);
	rd_skip(r, 8); /* load parameter: set when the guest starts */
	rd_skip_zero(r, 87);
	b->version = rd_u8(r);
	rd_skip_zero(r, 4);
	b->n = rd_be32(r);
	b->header_address = rd_be64(r);
	b->header_size = rd_be64(r);
	if (list_version != BLOCK_VERSION || type != BLOCK_PV)
		r->bad = true;
}

/* Of this header. Tools before pvimg leave its address and a version out, and fill a page. */
static bool block_fits(const struct block *b, const struct se_layout *l)
{
	size_t used = LIST_HEADER + (size_t)b->size;
	bool old = b->version == 0 && b->header_address == 0;

	return b->n > 0 && b->n <= SE_COMPONENTS_MAX &&
	       b->size == BLOCK_FIXED + b->n * COMPONENT_SIZE &&
	       (b->list_size == used || b->list_size == LIST_MAX) &&
	       (old || (b->version == BLOCK_VERSION && b->header_address == l->header_address)) &&
	       b->header_size == l->header.n;
}

static bool block_at(struct bytes image, uint64_t offset, struct se_layout *l)
{
	struct block b = { 0 };

	if (offset % SE_PAGE || offset >= image.n)
		return false;
	struct bytes rest = bytes_of(image.p + offset, image.n - (size_t)offset);
	struct reader r = rd_of(rest);
	read_block(&r, &b);
	if (!rd_ok(&r) || !block_fits(&b, l) || b.list_size > rest.n)
		return false;
	l->ipib = bytes_of(rest.p, b.list_size);
	l->ipib_address = offset;
	l->n_components = b.n;
	return true;
}

static RESULT find_block(struct bytes image, struct se_layout *l)
{
	uint64_t header, ipib;

	if (se_metadata_read(image, &header, &ipib)) {
		if (!block_at(image, ipib, l))
			return err_new(ERR_FORMAT,
				"SE image: no IPL parameter block of its header at 0x%llx",
				(unsigned long long)ipib);
		return OK;
	}
	for (uint64_t at = SE_STAGE3A_OFFSET; at < image.n; at += SE_PAGE)
		if (block_at(image, at, l))
			return OK;
	return err_new(ERR_NOT_FOUND, "SE image: no IPL parameter block that names its header");
}

/* Neither header nor parameter block is in a component. */
static bool outside(uint64_t start, uint64_t size, uint64_t address, size_t n)
{
	return start + size <= address || start >= address + n;
}

static RESULT read_component(struct reader *r, struct bytes image, struct se_layout *l, size_t i)
{
	uint64_t prefix = rd_be64(r);
	uint64_t address = rd_be64(r);
	uint64_t size = rd_be64(r);

	if (address % SE_PAGE || size % SE_PAGE || size == 0 || address >= image.n ||
		size > image.n - address)
		return err_new(ERR_FORMAT,
			"SE image: component %zu: 0x%llx bytes at 0x%llx are not pages of the file",
			i, (unsigned long long)size, (unsigned long long)address);
	if (i > 0) {
		const struct se_component *last = &l->components[i - 1];
		if (address < last->address + last->content.n)
			return err_new(
				ERR_FORMAT, "SE image: component %zu is not after %zu", i, i - 1);
	}
	if (!outside(address, size, l->header_address, l->header.n) ||
		!outside(address, size, l->ipib_address, l->ipib.n))
		return err_new(ERR_FORMAT,
			"SE image: component %zu lies over the header or the parameter block", i);
	l->components[i] = (struct se_component){
		.tweak_prefix = prefix,
		.address = address,
		.content = bytes_of(image.p + address, (size_t)size),
	};
	return OK;
}

RESULT se_layout_parse(struct bytes image, struct se_layout *ret_layout)
{
	struct se_layout l = { 0 };

	TRY(se_header_find(image, &l.header));
	l.header_address = (uint64_t)(l.header.p - image.p);
	TRY(find_block(image, &l));
	struct reader r = rd_of(l.ipib);
	rd_skip(&r, LIST_HEADER + BLOCK_FIXED);
	for (size_t i = 0; i < l.n_components; i++)
		TRY(read_component(&r, image, &l, i));
	rd_skip_zero(&r, r.left);
	TRY(rd_end(&r, "SE image: IPL parameter block"));
	*ret_layout = l;
	return OK;
}
