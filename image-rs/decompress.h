/* Decompression of a stream, pushed piece by piece into a sink. */
#pragma once

#include <base/bytes.h>
#include <base/err.h>

enum compression {
	COMPRESSION_NONE,
	COMPRESSION_GZIP, /* RFC 1952, any number of members */
	COMPRESSION_ZSTD  /* RFC 8878, any number of frames, windows up to 8 MiB */
};

typedef struct err stream_sink_fn(void *arg, struct bytes data);

struct decompress;
RESULT decompress_new(
	enum compression kind, stream_sink_fn *sink, void *arg, struct decompress **ret_decompress);
RESULT decompress_feed(struct decompress *d, struct bytes in);
/* The last member or frame must be complete. */
RESULT decompress_end(struct decompress *d);
void decompress_freep(struct decompress **d);
