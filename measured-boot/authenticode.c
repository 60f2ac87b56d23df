#include <base/reader.h>
#include <measured-boot/authenticode.h>

enum {
	DOS_LFANEW = 0x3c,
	COFF_HEADER_SIZE = 20,
	OPTIONAL_CHECKSUM = 64,
	DIRECTORY_CERTIFICATES = 4,
	DIRECTORY_SIZE = 8,
	SECTION_SIZE = 40,
	MAGIC_PE32 = 0x10b,
	MAGIC_PE32_PLUS = 0x20b
};

struct section {
	uint32_t offset, size;
};

/* Offsets in the file. */
struct pe {
	size_t checksum;
	size_t certificate_entry; /* 0: the image has no such entry */
	uint32_t headers_size;
	uint32_t certificates_offset, certificates_size;
	size_t section_table;
	unsigned n_sections;
	struct section sections[PE_SECTIONS_MAX];
};

static RESULT reader_at(struct bytes image, size_t offset, struct reader *ret)
{
	struct reader r = rd_of(image);

	rd_skip(&r, offset);
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "PE image: a header lies outside of the file");
	*ret = r;
	return OK;
}

/* Where the optional header starts; also tells the number of sections. */
static RESULT coff_parse(struct bytes image, struct pe *pe, size_t *ret_optional, size_t *ret_size)
{
	struct reader r = rd_of(image);

	if (image.n < 2 || image.p[0] != 'M' || image.p[1] != 'Z')
		return err_new(ERR_UNSUPPORTED, "PE image: does not begin with MZ");
	rd_skip(&r, DOS_LFANEW);
	size_t at = rd_le32(&r);
	TRY(reader_at(image, at, &r));
	uint32_t signature = rd_le32(&r);
	rd_skip(&r, 2); /* Machine */
	pe->n_sections = rd_le16(&r);
	rd_skip(&r, 12); /* TimeDateStamp, PointerToSymbolTable, NumberOfSymbols */
	size_t optional_size = rd_le16(&r);
	if (!rd_ok(&r) || signature != 0x4550) /* "PE\0\0" */
		return err_new(ERR_FORMAT, "PE image: no PE header");
	if (pe->n_sections > PE_SECTIONS_MAX)
		return err_new(ERR_LIMIT, "PE image: more than %d sections", PE_SECTIONS_MAX);
	*ret_optional = at + sizeof(uint32_t) + COFF_HEADER_SIZE;
	*ret_size = optional_size;
	return OK;
}

static RESULT optional_parse(struct bytes image, size_t at, size_t size, struct pe *pe)
{
	struct reader all = { 0 };

	TRY(reader_at(image, at, &all));
	struct reader r = rd_sub(&all, size);
	uint16_t magic = rd_le16(&r);
	if (magic != MAGIC_PE32 && magic != MAGIC_PE32_PLUS)
		return err_new(ERR_FORMAT, "PE image: optional header of type 0x%x", magic);
	rd_skip(&r, 58); /* up to SizeOfHeaders: equally long in both types */
	pe->headers_size = rd_le32(&r);
	rd_skip(&r, 4 + 2 + 2); /* CheckSum, Subsystem, DllCharacteristics */
	rd_skip(&r, magic == MAGIC_PE32 ? 4 * 4 + 4 : 4 * 8 + 4);
	uint32_t n_directories = rd_le32(&r);
	size_t directories = at + (size - r.left);
	size_t before = (size_t)DIRECTORY_CERTIFICATES * DIRECTORY_SIZE;
	if (n_directories > DIRECTORY_CERTIFICATES) {
		rd_skip(&r, before);
		pe->certificates_offset = rd_le32(&r);
		pe->certificates_size = rd_le32(&r);
		pe->certificate_entry = directories + before;
	}
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "PE image: the optional header is cut");
	pe->checksum = at + OPTIONAL_CHECKSUM;
	pe->section_table = at + size;
	return OK;
}

static int compare_sections(const void *a, const void *b)
{
	const struct section *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

static RESULT sections_parse(struct bytes image, struct pe *pe)
{
	struct reader r = { 0 };

	TRY(reader_at(image, pe->section_table, &r));
	for (unsigned i = 0; i < pe->n_sections; i++) {
		struct reader s = rd_sub(&r, SECTION_SIZE);
		rd_skip(&s, 8 + 4 + 4); /* Name, VirtualSize, VirtualAddress */
		pe->sections[i].size = rd_le32(&s);
		pe->sections[i].offset = rd_le32(&s);
	}
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "PE image: the section table is cut");
	qsort(pe->sections, pe->n_sections, sizeof(pe->sections[0]), compare_sections);
	return OK;
}

static RESULT check_layout(struct bytes image, const struct pe *pe)
{
	size_t last = pe->certificate_entry ? pe->certificate_entry + DIRECTORY_SIZE
					    : pe->checksum + sizeof(uint32_t);
	uint64_t certificates = (uint64_t)pe->certificates_offset + pe->certificates_size;

	if (pe->headers_size > image.n || pe->headers_size < last)
		return err_new(ERR_FORMAT, "PE image: SizeOfHeaders %u", pe->headers_size);
	if (pe->certificates_size > 0 && certificates != image.n)
		return err_new(ERR_FORMAT, "PE image: the certificates do not end the file");
	return OK;
}

static RESULT add_range(struct digest_ctx *ctx, struct bytes image, uint64_t from, uint64_t to)
{
	if (from > to || to > image.n)
		return err_new(ERR_FORMAT, "PE image: a part lies outside of the file");
	return digest_update(ctx, bytes_of(image.p + from, (size_t)(to - from)));
}

static RESULT add_headers(struct digest_ctx *ctx, struct bytes image, const struct pe *pe)
{
	size_t next = pe->checksum + sizeof(uint32_t);

	TRY(add_range(ctx, image, 0, pe->checksum));
	if (pe->certificate_entry) {
		TRY(add_range(ctx, image, next, pe->certificate_entry));
		next = pe->certificate_entry + DIRECTORY_SIZE;
	}
	return add_range(ctx, image, next, pe->headers_size);
}

/* Step 13 of the specification: bytes after the last section, without the certificates. */
static RESULT add_rest(
	struct digest_ctx *ctx, struct bytes image, const struct pe *pe, uint64_t hashed)
{
	uint64_t end = image.n - pe->certificates_size;

	return hashed < end ? add_range(ctx, image, hashed, end) : OK;
}

RESULT authenticode_digest(struct bytes image, enum digest_alg alg, struct digest_value *ret_digest)
{
	AUTO(digest_freep) struct digest_ctx *ctx = NULL;
	struct pe pe = { 0 };
	size_t optional = 0, optional_size = 0;

	TRY(coff_parse(image, &pe, &optional, &optional_size));
	TRY(optional_parse(image, optional, optional_size, &pe));
	TRY(sections_parse(image, &pe));
	TRY(check_layout(image, &pe));
	TRY(digest_new(alg, &ctx));
	TRY(add_headers(ctx, image, &pe));

	uint64_t hashed = pe.headers_size;
	for (unsigned i = 0; i < pe.n_sections; i++) {
		uint64_t from = pe.sections[i].offset;
		TRY(add_range(ctx, image, from, from + pe.sections[i].size));
		hashed += pe.sections[i].size;
	}
	TRY(add_rest(ctx, image, &pe, hashed));
	return digest_final(ctx, ret_digest);
}
