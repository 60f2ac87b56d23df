#include "pack.h"

#include <lzma.h>
#include <zstd.h>

enum {
	ZSTD_LEVEL = 12, /* level 19 saves an eighth and takes ten times as long */
	XZ_PRESET = 9
};

static void auto_zstd(ZSTD_CCtx **c)
{
	(void)ZSTD_freeCCtx(*c);
}

static RESULT pack_zstd(struct bytes in, struct buf *out)
{
	AUTO(auto_zstd) ZSTD_CCtx *c = ZSTD_createCCtx();
	AUTO(auto_free) uint8_t *packed = NULL;
	size_t room = ZSTD_compressBound(in.n);

	packed = malloc(room);
	if (!c || !packed)
		return err_new(ERR_NOMEM, "zstd: out of memory");
	if (ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, ZSTD_LEVEL)))
		return err_new(ERR_UNSUPPORTED, "zstd: level %d", ZSTD_LEVEL);
	size_t n = ZSTD_compress2(c, packed, room, in.p, in.n);
	if (ZSTD_isError(n))
		return err_new(ERR_STATE, "zstd: %s", ZSTD_getErrorName(n));
	buf_put(out, bytes_of(packed, n));
	return buf_end(out, "zstd");
}

static RESULT pack_xz(struct bytes in, struct buf *out)
{
	AUTO(auto_free) uint8_t *packed = NULL;
	size_t room = lzma_stream_buffer_bound(in.n), n = 0;

	packed = malloc(room);
	if (!packed || lzma_easy_buffer_encode(XZ_PRESET, LZMA_CHECK_CRC32, NULL, in.p, in.n,
			       packed, &n, room) != LZMA_OK)
		return err_new(ERR_NOMEM, "xz: out of memory");
	buf_put(out, bytes_of(packed, n));
	return buf_end(out, "xz");
}

RESULT pack(enum packing kind, struct bytes in, struct buf *out)
{
	switch (kind) {
	case PACK_ZSTD:
		return pack_zstd(in, out);
	case PACK_XZ:
		return pack_xz(in, out);
	case PACK_NONE:
		break;
	}
	buf_put(out, in);
	return buf_end(out, "image");
}
