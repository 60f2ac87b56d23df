#include "vmsa.h"

enum {
	/* segments: selector, attributes, limit, base */
	ES = 0x00,
	CS = 0x10,
	SS = 0x20,
	DS = 0x30,
	FS = 0x40,
	GS = 0x50,
	GDTR = 0x60,
	LDTR = 0x70,
	IDTR = 0x80,
	TR = 0x90,
	EFER = 0xd0,
	CR4 = 0x148,
	CR0 = 0x158,
	DR7 = 0x160,
	DR6 = 0x168,
	RFLAGS = 0x170,
	RIP = 0x178,
	G_PAT = 0x268,
	RDX = 0x310,
	SEV_FEATURES = 0x3b0,
	XCR0 = 0x3e8,
	MXCSR = 0x408,
	X87_FCW = 0x410,

	LIMIT_REAL = 0xffff,
	RDX_AT_RESET = 0x600
};

static const uint64_t g_pat_reset = 0x0007040600070406;
static const uint64_t g_pat_gce = 0x00070106;
static const uint32_t limit_flat = 0xffffffff;

/* The initial values that VMMs do not agree on. */
struct start {
	uint16_t cs, ss, tr; /* attributes */
	uint64_t rdx, g_pat;
	uint32_t mxcsr;
	uint16_t fcw;
};

static void put(uint8_t *page, size_t at, uint64_t v, size_t width)
{
	for (size_t i = 0; i < width; i++)
		page[at + i] = (uint8_t)(v >> (8 * i));
}

static void put_segment(uint8_t *page, size_t at, uint32_t attributes, uint32_t limit)
{
	put(page, at + 2, attributes, 2);
	put(page, at + 4, limit, 4);
}

static struct start start_of(const struct vmsa *v)
{
	struct start s = { .cs = 0x9b, .ss = 0x93, .tr = 0x8b, .g_pat = g_pat_reset };

	switch (v->vmm) {
	case LAUNCH_QEMU:
		s.rdx = v->signature;
		s.mxcsr = 0x1f80;
		s.fcw = 0x37f;
		break;
	case LAUNCH_EC2:
	case LAUNCH_EC2_RDX_0:
		s.cs = v->eip == VMSA_RESET_EIP ? 0x9a : 0x9b;
		s.ss = 0x92;
		s.tr = 0x83;
		s.rdx = v->vmm == LAUNCH_EC2 ? RDX_AT_RESET : 0;
		break;
	case LAUNCH_GCE:
		s.rdx = RDX_AT_RESET;
		s.g_pat = g_pat_gce;
		break;
	}
	return s;
}

/* Real mode, whose code segment reaches the reset vector. */
static void put_real_mode(const struct vmsa *v, const struct start *s, uint8_t *page)
{
	static const size_t data[] = { ES, DS, FS, GS };

	for (size_t i = 0; i < ARRAY_LEN(data); i++)
		put_segment(page, data[i], 0x93, LIMIT_REAL);
	put_segment(page, SS, s->ss, LIMIT_REAL);
	put_segment(page, CS, s->cs, LIMIT_REAL);
	put(page, CS, 0xf000, 2);
	put(page, CS + 8, v->eip & 0xffff0000, 8);
	put(page, CR0, 0x10, 8); /* ET */
	put(page, RIP, v->eip & 0xffff, 8);
	put(page, X87_FCW, s->fcw, 2);
}

/* The register of the x87 stays zero. (COCONUT-SVSM's QEMU, target/i386/sev.c) */
static void put_flat_mode(const struct vmsa *v, uint8_t *page)
{
	static const size_t data[] = { ES, SS, DS, FS };

	for (size_t i = 0; i < ARRAY_LEN(data); i++) {
		put_segment(page, data[i], 0xc93, limit_flat);
		put(page, data[i], 16, 2);
	}
	put_segment(page, GS, 0x93, LIMIT_REAL);
	put_segment(page, CS, 0xc9b, limit_flat);
	put(page, CS, 8, 2);
	put(page, CR0, 0x11, 8); /* ET, PE */
	put(page, RIP, v->eip, 8);
}

void vmsa_make(const struct vmsa *v, uint8_t page[static LAUNCH_PAGE])
{
	struct start s = start_of(v);

	memset(page, 0, LAUNCH_PAGE);
	if (v->svsm)
		put_flat_mode(v, page);
	else
		put_real_mode(v, &s, page);
	put_segment(page, GDTR, 0, LIMIT_REAL);
	put_segment(page, IDTR, 0, LIMIT_REAL);
	put_segment(page, LDTR, 0x82, LIMIT_REAL);
	put_segment(page, TR, s.tr, LIMIT_REAL);
	put(page, EFER, 0x1000, 8); /* SVME */
	put(page, CR4, 0x40, 8);    /* MCE */
	put(page, DR7, 0x400, 8);
	put(page, DR6, 0xffff0ff0, 8);
	put(page, RFLAGS, 2, 8);
	put(page, G_PAT, s.g_pat, 8);
	put(page, RDX, s.rdx, 8);
	put(page, SEV_FEATURES, v->features, 8);
	put(page, XCR0, 1, 8);
	put(page, MXCSR, s.mxcsr, 4);
}
