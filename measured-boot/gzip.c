#include "gzip.h"

#include <limits.h>

#include <zlib.h>

enum {
	GZIP_WINDOW = 15 + 16, /* 15 bits, and zlib's way to ask for a gzip wrapper */
	GZIP_MEMORY = 8,
	CHUNK = 64 * 1024
};

static void auto_inflate(z_stream *z)
{
	(void)inflateEnd(z);
}

static void auto_deflate(z_stream *z)
{
	(void)deflateEnd(z);
}

/* zlib 1.2 declares its input without const but does not write to it. */
static RESULT set_input(z_stream *z, struct bytes in)
{
	if (in.n > UINT_MAX)
		return err_new(ERR_LIMIT, "gzip: %zu bytes are too many", in.n);
	z->next_in = (z_const Bytef *)(uintptr_t)in.p;
	z->avail_in = (uInt)in.n;
	return OK;
}

RESULT gzip_pack(struct bytes in, struct buf *out)
{
	AUTO(auto_deflate) z_stream z = { 0 };
	uint8_t chunk[CHUNK];
	int status;

	TRY(set_input(&z, in));
	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
		    Z_DEFAULT_STRATEGY) != Z_OK)
		return err_new(ERR_NOMEM, "gzip: out of memory");
	do {
		z.next_out = chunk;
		z.avail_out = sizeof(chunk);
		status = deflate(&z, Z_FINISH);
		buf_put(out, bytes_of(chunk, sizeof(chunk) - z.avail_out));
	} while (status == Z_OK);
	if (status != Z_STREAM_END)
		return err_new(ERR_STATE, "gzip: deflate ended with %d", status);
	return buf_end(out, "gzip");
}

RESULT gzip_unpack(struct bytes in, const char *what, struct buf *out)
{
	AUTO(auto_inflate) z_stream z = { 0 };
	uint8_t chunk[CHUNK];
	int status;

	TRY(set_input(&z, in));
	if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
		return err_new(ERR_NOMEM, "%s: out of memory", what);
	do {
		z.next_out = chunk;
		z.avail_out = sizeof(chunk);
		status = inflate(&z, Z_NO_FLUSH);
		buf_put(out, bytes_of(chunk, sizeof(chunk) - z.avail_out));
		TRY(buf_end(out, what));
	} while (status == Z_OK);
	if (status == Z_MEM_ERROR)
		return err_new(ERR_NOMEM, "%s: out of memory", what);
	if (status != Z_STREAM_END)
		return err_new(ERR_FORMAT, "%s: gzip: %s", what,
			z.msg ? z.msg : "the stream is cut or damaged");
	if (z.avail_in != 0)
		return err_new(ERR_FORMAT, "%s: gzip: %u bytes after the end", what, z.avail_in);
	return OK;
}
