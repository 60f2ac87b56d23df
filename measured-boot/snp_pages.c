#include "snp_pages.h"

enum {
	PAGE_INFO_SIZE = 0x70
};

RESULT snp_pages_init(struct snp_pages *p, struct bytes seed)
{
	struct snp_pages start = { .ld = { .alg = DIGEST_SHA384, .n = DIGEST_SHA384_SIZE } };

	if (seed.n > 0 && seed.n != DIGEST_SHA384_SIZE)
		return err_new(ERR_USAGE, "firmware digest: %zu bytes, not 48", seed.n);
	if (seed.n > 0)
		memcpy(start.ld.v, seed.p, seed.n);
	TRY(digest_new(DIGEST_SHA384, &start.ctx));
	*p = start;
	return OK;
}

void snp_pages_done(struct snp_pages *p)
{
	digest_freep(&p->ctx);
}

void snp_pages_name(struct snp_pages *p, const char *what, const char *input)
{
	p->what = what;
	p->input = input;
}

static RESULT tell(const struct snp_pages *p, enum snp_page_type type, uint64_t gpa,
	const struct digest_value *contents)
{
	static const char *const names[] = { "", "NORMAL", "VMSA", "ZERO", "UNMEASURED", "SECRETS",
		"CPUID" };
	struct launch_step s = { .what = p->what,
		.input = p->input,
		.type = names[type],
		.gpa = gpa,
		.size = LAUNCH_PAGE,
		.after = p->ld };

	if (contents)
		s.contents = *contents;
	return p->log ? p->log->step(p->log->arg, &s) : OK;
}

/* PAGE_INFO: digest so far, contents, length, type, IMI_PAGE, VMPL masks, address. */
static RESULT extend(struct snp_pages *p, enum snp_page_type type, uint64_t gpa,
	const struct digest_value *contents)
{
	uint8_t info[PAGE_INFO_SIZE] = { 0 };

	memcpy(info, p->ld.v, DIGEST_SHA384_SIZE);
	if (contents)
		memcpy(info + 0x30, contents->v, DIGEST_SHA384_SIZE);
	info[0x60] = PAGE_INFO_SIZE;
	info[0x62] = (uint8_t)type;
	for (size_t i = 0; i < 8; i++)
		info[0x68 + i] = (uint8_t)(gpa >> (8 * i));
	TRY(digest_update(p->ctx, BYTES_OF(info)));
	TRY(digest_final(p->ctx, &p->ld));
	return tell(p, type, gpa, contents);
}

RESULT snp_pages_data(struct snp_pages *p, enum snp_page_type type, uint64_t gpa, struct bytes data)
{
	if (data.n % LAUNCH_PAGE != 0)
		return err_new(ERR_FORMAT, "an image of %zu bytes is not whole pages", data.n);
	for (size_t at = 0; at < data.n; at += LAUNCH_PAGE) {
		struct digest_value contents = { 0 };
		TRY(digest_update(p->ctx, bytes_of(data.p + at, LAUNCH_PAGE)));
		TRY(digest_final(p->ctx, &contents));
		TRY(extend(p, type, gpa + at, &contents));
	}
	return OK;
}

RESULT snp_pages_place(struct snp_pages *p, enum snp_page_type type, uint64_t gpa, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += LAUNCH_PAGE)
		TRY(extend(p, type, gpa + at, NULL));
	return OK;
}
