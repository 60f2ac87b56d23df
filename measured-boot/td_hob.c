/* QEMU, hw/i386/kvm/tdx.c and tdvf-hob.c; UEFI PI 1.8 volume 3, 5: hand-off blocks. */
#include <measured-boot/launch.h>

enum {
	HOB_HANDOFF = 1,
	HOB_RESOURCE = 3,
	HANDOFF_SIZE = 56,
	HANDOFF_VERSION = 9,
	RESOURCE_SIZE = 48,
	END_SIZE = 8,

	SYSTEM_MEMORY = 0,
	MEMORY_UNACCEPTED = 7,
	PRESENT_INITIALIZED_TESTED = 7,

	RANGES_MAX = 2 + 2 * OVMF_SECTIONS_MAX
};

static const uint64_t gib4 = UINT64_C(1) << 32;
static const uint64_t memory_max = UINT64_C(1) << 52;
/* q35 leaves 2 GiB below 4 GiB to devices once memory would reach them. (hw/i386/pc_q35.c) */
static const uint64_t q35_split_from = 0xb0000000;
static const uint64_t q35_below_4g = 0x80000000;

static uint64_t below_4g(struct td_memory m)
{
	uint64_t low = m.size >= q35_split_from ? q35_below_4g : q35_split_from;

	if (m.max_below_4g > 0 && m.max_below_4g < low)
		low = m.max_below_4g;
	return m.size < low ? m.size : low;
}

struct range {
	uint64_t start, end;
	uint32_t type;
};
struct ranges {
	struct range v[RANGES_MAX];
	size_t n;
};

static void insert(struct ranges *r, size_t at, struct range one)
{
	if (one.start == one.end)
		return;
	memmove(&r->v[at + 1], &r->v[at], (r->n - at) * sizeof(r->v[0]));
	r->v[at] = one;
	r->n++;
}

/* Carves a range that the VMM adds before the launch out of the memory that holds it. */
static RESULT carve(struct ranges *r, uint64_t start, uint64_t size)
{
	for (size_t i = 0; i < r->n; i++) {
		struct range whole = r->v[i];
		if (whole.type != MEMORY_UNACCEPTED || start < whole.start || start >= whole.end ||
			size > whole.end - start)
			continue;
		memmove(&r->v[i], &r->v[i + 1], (r->n - i - 1) * sizeof(r->v[0]));
		r->n--;
		insert(r, i, (struct range){ start + size, whole.end, MEMORY_UNACCEPTED });
		insert(r, i, (struct range){ start, start + size, SYSTEM_MEMORY });
		insert(r, i, (struct range){ whole.start, start, MEMORY_UNACCEPTED });
		return OK;
	}
	return err_new(ERR_USAGE, "memory has no place for the firmware's section at 0x%llx",
		(unsigned long long)start);
}

static RESULT make_ranges(
	const struct tdvf *t, struct td_memory m, struct ranges *r, uint64_t *ret_base)
{
	uint64_t memory = m.size, low = below_4g(m);

	if (memory == 0 || memory % LAUNCH_PAGE != 0 || low % LAUNCH_PAGE != 0 ||
		memory > memory_max)
		return err_new(ERR_USAGE, "memory of %llu bytes", (unsigned long long)memory);
	if (t->n > OVMF_SECTIONS_MAX)
		return err_new(ERR_LIMIT, "TDVF: %zu sections", t->n);
	insert(r, 0, (struct range){ 0, low, MEMORY_UNACCEPTED });
	insert(r, 1, (struct range){ gib4, gib4 + memory - low, MEMORY_UNACCEPTED });
	for (size_t i = 0; i < t->n; i++) {
		const struct tdvf_section *s = &t->sections[i];
		if (s->type == TDVF_TD_HOB)
			*ret_base = s->gpa;
		if ((s->type == TDVF_TD_HOB || s->type == TDVF_TEMP_MEM) && s->mem_size > 0)
			TRY(carve(r, s->gpa, s->mem_size));
	}
	return OK;
}

static void put_handoff(struct buf *hob, uint64_t end)
{
	buf_le16(hob, HOB_HANDOFF);
	buf_le16(hob, HANDOFF_SIZE);
	buf_zero(hob, 4); /* Reserved */
	buf_le32(hob, HANDOFF_VERSION);
	buf_zero(hob, 4 + 4 * 8); /* BootMode, memory top and bottom, free memory top and bottom */
	buf_le64(hob, end);	  /* EfiEndOfHobList */
}

static void put_range(struct buf *hob, const struct range *r)
{
	buf_le16(hob, HOB_RESOURCE);
	buf_le16(hob, RESOURCE_SIZE);
	buf_zero(hob, 4 + 16); /* Reserved, Owner */
	buf_le32(hob, r->type);
	buf_le32(hob, PRESENT_INITIALIZED_TESTED);
	buf_le64(hob, r->start);
	buf_le64(hob, r->end - r->start);
}

RESULT td_hob_make(const struct tdvf *tdvf, struct td_memory memory, struct buf *hob)
{
	struct ranges r = { 0 };
	uint64_t base = 0;

	TRY(make_ranges(tdvf, memory, &r, &base));
	put_handoff(hob, base + HANDOFF_SIZE + r.n * RESOURCE_SIZE + END_SIZE);
	for (size_t i = 0; i < r.n; i++)
		put_range(hob, &r.v[i]);
	return buf_end(hob, "TD HOB");
}

RESULT td_hob_digest(
	struct bytes firmware, struct td_memory memory, struct digest_value *ret_digest)
{
	AUTO(buf_done)
	struct buf hob = BUF_INIT(HANDOFF_SIZE + RANGES_MAX * RESOURCE_SIZE);
	struct tdvf t = { 0 };

	TRY(tdvf_parse(firmware, &t));
	TRY(td_hob_make(&t, memory, &hob));
	return digest(DIGEST_SHA384, buf_bytes(&hob), ret_digest);
}
