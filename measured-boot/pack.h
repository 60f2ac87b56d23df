/* Compression of the initrd, deterministic for a version of the library. */
#pragma once

#include <base/buf.h>

enum packing {
	PACK_NONE,
	PACK_ZSTD,
	PACK_XZ
};

/* Appends. For the kernel's decompressors: zstd with a window of 4 MiB, xz with CRC-32. */
RESULT pack(enum packing kind, struct bytes in, struct buf *out);
