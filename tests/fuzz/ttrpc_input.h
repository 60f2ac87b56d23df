/* Turns fuzzer bytes into what a ttrpc peer sends. */
#pragma once

#include <base/buf.h>
#include <base/loop.h>
#include <sys/socket.h>

enum {
	FUZZ_INPUT_MAX = 64 * 1024
};

/*
 * An odd first byte: the rest as it is. An even one: records of one byte stream, one byte type, one
 * byte length become frames whose headers are right, so that what is inside gets its share.
 */
static inline void fuzz_frames(const uint8_t *data, size_t size, struct buf *out)
{
	if (size == 0)
		return;
	if (data[0] % 2 == 1) {
		buf_put(out, bytes_of(data + 1, size - 1));
		return;
	}
	for (size_t at = 1; at + 3 <= size;) {
		size_t n = data[at + 2];

		if (n > size - at - 3)
			n = size - at - 3;
		buf_be32(out, n);
		buf_be32(out, data[at]);
		buf_u8(out, data[at + 1]);
		buf_u8(out, 0);
		buf_put(out, bytes_of(data + at + 3, n));
		at += 3 + n;
	}
}

/* Sends it, ends the stream, and runs the loop until nothing happens any more. */
static inline void fuzz_play(struct loop *l, int fd, const struct buf *frames)
{
	for (size_t at = 0; at < frames->n;) {
		ssize_t n = send(fd, frames->p + at, frames->n - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n <= 0)
			break;
		at += (size_t)n;
		if (failed(loop_once(l, 0)))
			abort();
	}
	(void)shutdown(fd, SHUT_WR);
	for (unsigned i = 0; i < 32; i++) {
		if (failed(loop_once(l, 0)))
			abort();
	}
}
