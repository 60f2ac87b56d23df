#include "s390-se/se_parse.h"

#include <crypto/cipher.h>

enum {
	HEADER_FIXED = 0x1a0,
	PAGE = 4096,
	METADATA_SIZE = 28,
	METADATA_VERSION = 1,
	SEARCH_FIRST = 0x14,
	SEARCH_LAST = 0x400, /* pages: the header stands behind the components */
};

static const char magic[] = "IBMSecEx";
static const char metadata_magic[] = "SeImgLnx";

void se_read_slots(struct reader *r, size_t n, struct se_slot slots[SE_SLOTS_MAX])
{
	for (size_t i = 0; i < n && rd_ok(r); i++) {
		slots[i].phkh = rd_take(r, SE_PHKH_SIZE);
		slots[i].wrapped = rd_take(r, SE_KEY_SIZE);
		slots[i].tag = rd_take(r, SE_TAG_SIZE);
	}
}

static bool starts_with(struct bytes in, const char *text)
{
	return in.n >= strlen(text) && bytes_equal(bytes_of(in.p, strlen(text)), bytes_str(text));
}

static RESULT check_sizes(const struct se_header *h, uint64_t slots, uint64_t area, size_t n)
{
	if (h->size > SE_HEADER_MAX || h->size % 8)
		return err_new(ERR_FORMAT, "SE header: size at 0x0c is %u", h->size);
	if (slots == 0 || slots > SE_SLOTS_MAX)
		return err_new(ERR_FORMAT, "SE header: %llu key slots at 0x20, 1 to %d are known",
			(unsigned long long)slots, SE_SLOTS_MAX);
	if (area > SE_HEADER_MAX ||
		h->size != HEADER_FIXED + slots * SE_SLOT_SIZE + area + SE_TAG_SIZE)
		return err_new(ERR_FORMAT,
			"SE header: size %u at 0x0c is not that of %llu slots and 0x%llx bytes",
			h->size, (unsigned long long)slots, (unsigned long long)area);
	if (h->size != n)
		return err_new(
			ERR_FORMAT, "SE header: size at 0x0c is %u, there are %zu", h->size, n);
	return OK;
}

static RESULT read_header(struct bytes in, struct se_header *h)
{
	struct reader r = rd_of(in);

	rd_skip(&r, strlen(magic));
	uint32_t version = rd_be32(&r);
	if (rd_ok(&r) && version != SE_VERSION)
		return err_new(ERR_FORMAT, "SE header: version at 0x08 is 0x%x", version);
	h->size = rd_be32(&r);
	h->iv = rd_take(&r, SE_IV_SIZE);
	rd_skip_zero(&r, 4);
	uint64_t slots = rd_be64(&r);
	uint64_t area = rd_be64(&r);
	h->encrypted_pages = rd_be64(&r);
	h->control_flags = rd_be64(&r);
	h->customer_key = rd_take(&r, SE_PUBLIC_KEY);
	h->pld = rd_take(&r, SE_PAGE_DIGEST);
	h->ald = rd_take(&r, SE_PAGE_DIGEST);
	h->tld = rd_take(&r, SE_PAGE_DIGEST);
	if (!rd_ok(&r))
		return rd_end(&r, "SE header");
	TRY(check_sizes(h, slots, area, in.n));
	h->n_slots = (size_t)slots;
	se_read_slots(&r, h->n_slots, h->slots);
	h->encrypted = rd_take(&r, (size_t)area);
	h->tag = rd_take(&r, SE_TAG_SIZE);
	return rd_end(&r, "SE header");
}

RESULT se_header_parse(struct bytes in, struct se_header *ret_header)
{
	struct se_header h = { 0 };

	if (!starts_with(in, magic))
		return err_new(ERR_FORMAT, "SE header: magic at 0x00");
	TRY(read_header(in, &h));
	h.aad = bytes_of(in.p, (size_t)(h.encrypted.p - in.p));
	*ret_header = h;
	return OK;
}

/* What claims to be a header, cut to the size it names. */
static bool header_at(struct bytes image, uint64_t offset, struct bytes *ret_header)
{
	if (offset >= image.n)
		return false;
	struct bytes rest = bytes_of(image.p + offset, image.n - (size_t)offset);
	struct reader r = rd_of(rest);
	rd_skip(&r, strlen(magic) + 4);
	uint32_t size = rd_be32(&r);
	if (!starts_with(rest, magic) || !rd_ok(&r) || size > rest.n)
		return false;
	*ret_header = bytes_of(rest.p, size);
	return true;
}

bool se_metadata_read(struct bytes image, uint64_t *ret_header, uint64_t *ret_ipib)
{
	if (image.n < SE_METADATA_OFFSET + METADATA_SIZE)
		return false;
	struct bytes meta = bytes_of(image.p + SE_METADATA_OFFSET, METADATA_SIZE);
	struct reader r = rd_of(meta);
	rd_skip(&r, strlen(metadata_magic));
	uint64_t header = rd_be64(&r);
	uint32_t version = rd_be32(&r);
	uint64_t ipib = rd_be64(&r);
	if (!starts_with(meta, metadata_magic) || version != METADATA_VERSION)
		return false;
	*ret_header = header;
	*ret_ipib = ipib;
	return true;
}

/* Newer images say where it is; older ones have it at the start of a page. */
RESULT se_header_find(struct bytes image, struct bytes *ret_header)
{
	uint64_t offset, ipib;

	if (se_metadata_read(image, &offset, &ipib) && header_at(image, offset, ret_header))
		return OK;
	for (size_t page = SEARCH_FIRST; page < SEARCH_LAST; page++)
		if (header_at(image, page * PAGE, ret_header))
			return OK;
	return err_new(ERR_NOT_FOUND, "no Secure Execution header in the image");
}

RESULT se_header_open(const struct se_header *h, struct bytes header_key, struct secret **ret_area)
{
	if (header_key.n != SE_KEY_SIZE)
		return err_new(ERR_FORMAT, "header key: %zu bytes instead of %d", header_key.n,
			SE_KEY_SIZE);
	return aes_gcm_open(header_key, h->iv, h->aad, h->encrypted, h->tag, ret_area);
}
