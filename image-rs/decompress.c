#include "decompress.h"

#include <stdlib.h>

#define ZLIB_CONST /* its input pointer is const then */
#include <zlib.h>
#include <zstd.h>

#include <base/auto.h>

enum {
	CHUNK = 64 * 1024,
	GZIP_WINDOW = 15 + 16, /* zlib's way to ask for the gzip format */
	ZSTD_WINDOW_LOG = 23   /* RFC 8878 3.1.1.1.2 recommends to support 8 MiB */
};

struct decompress {
	enum compression kind;
	stream_sink_fn *sink;
	void *arg;
	bool inside; /* of a member or frame */
	bool any;    /* at least one was complete */
	bool inflating;
	z_stream z;
	ZSTD_DCtx *zstd;
	uint8_t out[CHUNK];
};

RESULT decompress_new(
	enum compression kind, stream_sink_fn *sink, void *arg, struct decompress **ret_decompress)
{
	AUTO(decompress_freep) struct decompress *d = calloc(1, sizeof(*d));

	if (!d)
		return err_new(ERR_NOMEM, "decompression");
	d->kind = kind;
	d->sink = sink;
	d->arg = arg;
	if (kind == COMPRESSION_GZIP) {
		if (inflateInit2(&d->z, GZIP_WINDOW) != Z_OK)
			return err_new(ERR_NOMEM, "gunzip");
		d->inflating = true;
	}
	if (kind == COMPRESSION_ZSTD) {
		d->zstd = ZSTD_createDCtx();
		if (!d->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(
					d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)))
			return err_new(ERR_NOMEM, "zstd");
	}
	*ret_decompress = TAKE(d);
	return OK;
}

void decompress_freep(struct decompress **d)
{
	if (!*d)
		return;
	if ((*d)->inflating)
		(void)inflateEnd(&(*d)->z);
	(void)ZSTD_freeDCtx((*d)->zstd);
	free(*d);
	*d = NULL;
}

static RESULT emit(struct decompress *d, size_t n)
{
	return n > 0 ? d->sink(d->arg, bytes_of(d->out, n)) : OK;
}

static RESULT inflate_some(struct decompress *d)
{
	d->inside = true;
	d->z.next_out = d->out;
	d->z.avail_out = CHUNK;
	int rc = inflate(&d->z, Z_NO_FLUSH);
	if (rc == Z_MEM_ERROR)
		return err_new(ERR_NOMEM, "gunzip");
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return err_new(ERR_FORMAT, "gunzip: %s", d->z.msg ? d->z.msg : "invalid data");
	TRY(emit(d, CHUNK - d->z.avail_out));
	if (rc == Z_STREAM_END) {
		(void)inflateReset(&d->z);
		d->inside = false;
		d->any = true;
	}
	return OK;
}

static RESULT feed_gzip(struct decompress *d, struct bytes in)
{
	d->z.next_in = in.p;
	d->z.avail_in = (uInt)in.n;
	do {
		TRY(inflate_some(d));
		/* A full output may hide more of it; a member may have just ended. */
	} while (d->z.avail_in > 0 || (d->inside && d->z.avail_out == 0));
	return OK;
}

static RESULT feed_zstd(struct decompress *d, struct bytes in)
{
	ZSTD_inBuffer input = { .src = in.p, .size = in.n };
	ZSTD_outBuffer output;

	do {
		output = (ZSTD_outBuffer){ .dst = d->out, .size = CHUNK };
		size_t rc = ZSTD_decompressStream(d->zstd, &output, &input);
		if (ZSTD_isError(rc))
			return err_new(ERR_FORMAT, "zstd: %s", ZSTD_getErrorName(rc));
		TRY(emit(d, output.pos));
		d->inside = rc != 0;
		d->any |= rc == 0;
	} while (input.pos < input.size || (d->inside && output.pos == CHUNK));
	return OK;
}

static RESULT feed_piece(struct decompress *d, struct bytes in)
{
	switch (d->kind) {
	case COMPRESSION_GZIP:
		return feed_gzip(d, in);
	case COMPRESSION_ZSTD:
		return feed_zstd(d, in);
	case COMPRESSION_NONE:
		break;
	}
	return d->sink(d->arg, in);
}

RESULT decompress_feed(struct decompress *d, struct bytes in)
{
	while (in.n > 0) { /* zlib counts its input in 32 bits */
		struct bytes piece = bytes_of(in.p, in.n < CHUNK ? in.n : CHUNK);
		TRY(feed_piece(d, piece));
		in = bytes_of(in.p + piece.n, in.n - piece.n);
	}
	return OK;
}

RESULT decompress_end(struct decompress *d)
{
	if (d->kind == COMPRESSION_NONE || (d->any && !d->inside))
		return OK;
	return err_new(
		ERR_FORMAT, "%s: truncated", d->kind == COMPRESSION_GZIP ? "gunzip" : "zstd");
}
