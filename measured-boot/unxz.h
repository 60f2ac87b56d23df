/* xz and raw LZMA streams in memory: kernel modules and the compressed part of OVMF. */
#pragma once

#include <base/buf.h>

/* One .xz stream; integrity checks are verified. ERR_LIMIT when `out` is full. */
RESULT xz_unpack(struct bytes in, const char *what, struct buf *out);
/* One .lzma ("LZMA alone") stream, which may be followed by anything. */
RESULT lzma_unpack(struct bytes in, const char *what, struct buf *out);
