/* Intel TDX module base specification, 12.2.1: what TDH.MEM.PAGE.ADD and TDH.MR.EXTEND hash. */
#include <measured-boot/launch.h>

enum {
	BLOCK = 128,
	NAME = 16,
	CHUNK = 256
};

struct mrtd {
	struct digest_ctx *c;
	const struct launch_log *log;
	enum mrtd_order order;
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

static const char *section_name(uint32_t type)
{
	static const char *const names[TDVF_TYPES] = { "BFV", "CFV", "TD_HOB", "TempMem", "PermMem",
		"Payload", "PayloadParam", "TD_INFO", "TD_PARAMS" };

	return names[type];
}

/* Of a page that is added and at once measured there is one step. */
static RESULT tell(const struct mrtd *m, const char *type, const struct tdvf_section *s,
	uint64_t offset, const struct digest_value *contents)
{
	struct launch_step step = { .what = section_name(s->type),
		.input = "firmware",
		.type = type,
		.gpa = s->gpa + offset,
		.size = LAUNCH_PAGE };

	if (contents)
		step.contents = *contents;
	return m->log ? m->log->step(m->log->arg, &step) : OK;
}

static RESULT add_page(const struct mrtd *m, const struct tdvf_section *s, uint64_t offset)
{
	if (s->attributes & TDVF_PAGE_AUG)
		return OK;
	TRY(put_block(m->c, "MEM.PAGE.ADD", s->gpa + offset));
	if (m->order == MRTD_SINGLE_PASS && s->attributes & TDVF_EXTEND_MR)
		return OK;
	return tell(m, "ADD", s, offset, NULL);
}

/* `data` is the section's part of the image, zeroes follow. */
static RESULT extend_page(
	const struct mrtd *m, const struct tdvf_section *s, struct bytes data, uint64_t offset)
{
	bool added = m->order == MRTD_SINGLE_PASS && !(s->attributes & TDVF_PAGE_AUG);
	uint8_t page[LAUNCH_PAGE] = { 0 };
	uint64_t left = offset < data.n ? data.n - offset : 0;
	struct digest_value contents = { 0 };

	if (!(s->attributes & TDVF_EXTEND_MR))
		return OK;
	if (left > 0)
		memcpy(page, data.p + offset, left < LAUNCH_PAGE ? left : LAUNCH_PAGE);
	for (size_t at = 0; at < LAUNCH_PAGE; at += CHUNK) {
		TRY(put_block(m->c, "MR.EXTEND", s->gpa + offset + at));
		TRY(digest_update(m->c, bytes_of(page + at, CHUNK)));
	}
	if (!m->log)
		return OK;
	TRY(digest(DIGEST_SHA384, BYTES_OF(page), &contents));
	return tell(m, added ? "ADD+EXTEND" : "EXTEND", s, offset, &contents);
}

static RESULT put_section(const struct mrtd *m, const struct tdvf_section *s, struct bytes data)
{
	for (uint64_t at = 0; at < s->mem_size; at += LAUNCH_PAGE) {
		TRY(add_page(m, s, at));
		if (m->order == MRTD_SINGLE_PASS)
			TRY(extend_page(m, s, data, at));
	}
	for (uint64_t at = 0; m->order == MRTD_TWO_PASS && at < s->mem_size; at += LAUNCH_PAGE)
		TRY(extend_page(m, s, data, at));
	return OK;
}

RESULT mrtd_explain(struct bytes firmware, enum mrtd_order order, const struct launch_log *log,
	struct digest_value *ret_digest)
{
	AUTO(digest_freep) struct digest_ctx *c = NULL;
	struct tdvf t = { 0 };

	if (firmware.n > OVMF_CODE_MAX)
		return err_new(ERR_LIMIT, "firmware: more than %d bytes", OVMF_CODE_MAX);
	TRY(tdvf_parse(firmware, &t));
	TRY(digest_new(DIGEST_SHA384, &c));
	const struct mrtd m = { .c = c, .log = log, .order = order };
	for (size_t i = 0; i < t.n; i++) {
		const struct tdvf_section *s = &t.sections[i];
		TRY(put_section(&m, s, bytes_of(firmware.p + s->data_offset, s->raw_size)));
	}
	return digest_final(c, ret_digest);
}

RESULT mrtd_digest(struct bytes firmware, enum mrtd_order order, struct digest_value *ret_digest)
{
	return mrtd_explain(firmware, order, NULL, ret_digest);
}
