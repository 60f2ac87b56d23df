/* Intel TDX module base specification, 12.2.1: what TDH.MEM.PAGE.ADD and TDH.MR.EXTEND hash. */
#include <measured-boot/launch.h>

enum {
	BLOCK = 128,
	NAME = 16,
	CHUNK = 256
};

/* The operation's name, then the address, then zeroes. */
static RESULT put_block(struct digest_ctx *c, const char *name, uint64_t gpa)
{
	uint8_t block[BLOCK] = { 0 };

	memcpy(block, name, strlen(name));
	for (size_t i = 0; i < 8; i++)
		block[NAME + i] = (uint8_t)(gpa >> (8 * i));
	return digest_update(c, BYTES_OF(block));
}

static RESULT add_page(struct digest_ctx *c, const struct tdvf_section *s, uint64_t offset)
{
	return s->attributes & TDVF_PAGE_AUG ? OK : put_block(c, "MEM.PAGE.ADD", s->gpa + offset);
}

/* `data` is the section's part of the image, zeroes follow. */
static RESULT extend_page(
	struct digest_ctx *c, const struct tdvf_section *s, struct bytes data, uint64_t offset)
{
	if (!(s->attributes & TDVF_EXTEND_MR))
		return OK;
	for (uint64_t at = offset; at < offset + LAUNCH_PAGE; at += CHUNK) {
		uint8_t chunk[CHUNK] = { 0 };
		uint64_t left = at < data.n ? data.n - at : 0;
		if (left > 0)
			memcpy(chunk, data.p + at, left < CHUNK ? left : CHUNK);
		TRY(put_block(c, "MR.EXTEND", s->gpa + at));
		TRY(digest_update(c, BYTES_OF(chunk)));
	}
	return OK;
}

static RESULT put_section(struct digest_ctx *c, const struct tdvf_section *s, struct bytes data,
	enum mrtd_order order)
{
	for (uint64_t at = 0; at < s->mem_size; at += LAUNCH_PAGE) {
		TRY(add_page(c, s, at));
		if (order == MRTD_SINGLE_PASS)
			TRY(extend_page(c, s, data, at));
	}
	for (uint64_t at = 0; order == MRTD_TWO_PASS && at < s->mem_size; at += LAUNCH_PAGE)
		TRY(extend_page(c, s, data, at));
	return OK;
}

RESULT mrtd_digest(struct bytes firmware, enum mrtd_order order, struct digest_value *ret_digest)
{
	AUTO(digest_freep) struct digest_ctx *c = NULL;
	struct tdvf t = { 0 };

	if (firmware.n > OVMF_CODE_MAX)
		return err_new(ERR_LIMIT, "firmware: more than %d bytes", OVMF_CODE_MAX);
	TRY(tdvf_parse(firmware, &t));
	TRY(digest_new(DIGEST_SHA384, &c));
	for (size_t i = 0; i < t.n; i++) {
		const struct tdvf_section *s = &t.sections[i];
		TRY(put_section(c, s, bytes_of(firmware.p + s->data_offset, s->raw_size), order));
	}
	return digest_final(c, ret_digest);
}
