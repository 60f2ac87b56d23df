#include "unxz.h"

#include <lzma.h>

enum {
	CHUNK = 64 * 1024,
	MEMORY_MAX = 256 * 1024 * 1024
};

static RESULT run(lzma_stream *z, struct bytes in, const char *what, struct buf *out)
{
	uint8_t chunk[CHUNK];
	lzma_ret status;

	z->next_in = in.p;
	z->avail_in = in.n;
	do {
		z->next_out = chunk;
		z->avail_out = sizeof(chunk);
		status = lzma_code(z, LZMA_FINISH);
		buf_put(out, bytes_of(chunk, sizeof(chunk) - z->avail_out));
		TRY(buf_end(out, what));
	} while (status == LZMA_OK);
	if (status == LZMA_MEM_ERROR)
		return err_new(ERR_NOMEM, "%s: out of memory", what);
	if (status == LZMA_MEMLIMIT_ERROR)
		return err_new(ERR_LIMIT, "%s: the dictionary is too large", what);
	if (status != LZMA_STREAM_END)
		return err_new(ERR_FORMAT, "%s: the compressed data is cut or damaged", what);
	return OK;
}

RESULT xz_unpack(struct bytes in, const char *what, struct buf *out)
{
	AUTO(lzma_end) lzma_stream z = LZMA_STREAM_INIT;

	if (lzma_stream_decoder(&z, MEMORY_MAX, 0) != LZMA_OK)
		return err_new(ERR_NOMEM, "%s: out of memory", what);
	TRY(run(&z, in, what, out));
	if (z.avail_in != 0)
		return err_new(ERR_FORMAT, "%s: %zu bytes after the end", what, z.avail_in);
	return OK;
}

RESULT lzma_unpack(struct bytes in, const char *what, struct buf *out)
{
	AUTO(lzma_end) lzma_stream z = LZMA_STREAM_INIT;

	if (lzma_alone_decoder(&z, MEMORY_MAX) != LZMA_OK)
		return err_new(ERR_NOMEM, "%s: out of memory", what);
	return run(&z, in, what, out);
}
