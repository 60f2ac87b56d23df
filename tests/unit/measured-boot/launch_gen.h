/* A firmware image of two pages that describes itself to AMD's and Intel's VMMs. */
#pragma once

#include <base/buf.h>

enum {
	GEN_SIZE = 0x2000,

	/* Places of what tests change. SEV metadata: header, then sections of 12 bytes. */
	GEN_SEV = 0x1800,
	GEN_SEV_SECTIONS = 7,
	GEN_SEV_SECTION = GEN_SEV + 16,
	/* TDVF: header, then sections of 32 bytes. */
	GEN_TDVF = 0x1a00,
	GEN_TDVF_SECTIONS = 7,
	GEN_TDVF_SECTION = GEN_TDVF + 16,
	/* The table's entries: data, length, GUID. */
	GEN_RESET = GEN_SIZE - 0x20 - 136,
	GEN_SECRET = GEN_RESET + 22,
	GEN_HASHES = GEN_SECRET + 26,
	GEN_SEV_ENTRY = GEN_HASHES + 26,
	GEN_TDX_ENTRY = GEN_SEV_ENTRY + 22,
	GEN_FOOTER = GEN_TDX_ENTRY + 22,
	GEN_LEGACY = GEN_SIZE - 0x20, /* where older TDX firmware keeps its pointer */

	GEN_SVSM_ENTRY = 0x40
};

/* With every entry and every kind of section. */
void gen_firmware(uint8_t image[static GEN_SIZE]);
/* An SVSM: its entry instead of the reset block, and its own sections. */
void gen_svsm(uint8_t image[static GEN_SIZE]);
void gen_put(uint8_t *to, uint64_t v, size_t width);
