/* A firmware image in OVMF's form, small enough for tests. */
#pragma once

#include <base/buf.h>

enum {
	FIRMWARE_MAX = 64 * 1024,
	/* The bytes that the initialised variables of PeiCore and PlatformPei consist of. */
	FIRMWARE_CORE_VARIABLE = 0x6b,
	FIRMWARE_PLATFORM_VARIABLE = 0x5a
};

/* The code image. `pei` and `dxe` get the two volumes inside; either may be NULL. */
void firmware_make(struct buf *code, struct buf *pei, struct buf *dxe);

/* A DXE volume as OVMF's: with a name, 16 times 0x11, and its boot menu "Menu". */
void firmware_make_menu(struct buf *dxe);
