/* A firmware image in OVMF's form, small enough for tests. */
#pragma once

#include <base/buf.h>

enum {
	FIRMWARE_MAX = 64 * 1024
};

/* The code image. `pei` and `dxe` get the two volumes inside; either may be NULL. */
void firmware_make(struct buf *code, struct buf *pei, struct buf *dxe);
