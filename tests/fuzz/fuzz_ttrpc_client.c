#include "ttrpc_input.h"

#include <net/ttrpc.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	CALLS = 8 /* on streams 1, 3, ... 15 */
};

static void on_reply(void *arg, struct err e, struct bytes payload)
{
	unsigned *replies = arg;

	if (failed(e) && (payload.n > 0 || err_text()[0] == '\0'))
		abort();
	(*replies)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_done) struct buf frames = BUF_INIT(16 * FUZZ_INPUT_MAX);
	const struct ttrpc_request request = { .service = "s", .method = "m" };
	unsigned replies[CALLS] = { 0 };
	struct ttrpc_client *c = NULL;
	struct loop *l = NULL;
	int fds[2];

	if (size > FUZZ_INPUT_MAX)
		return 0;
	fuzz_frames(data, size, &frames);
	if (failed(loop_new(&l)) ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
		abort();
	if (failed(ttrpc_client_new(l, fds[0], &c)))
		abort();
	for (unsigned i = 0; i < CALLS; i++) {
		if (failed(ttrpc_start(c, &request, on_reply, &replies[i])))
			abort();
	}
	fuzz_play(l, fds[1], &frames);
	ttrpc_client_free(c);
	/* Whatever the peer says, every call is reported once. */
	for (unsigned i = 0; i < CALLS; i++) {
		if (replies[i] != 1)
			abort();
	}
	(void)close(fds[1]);
	loop_free(l);
	return 0;
}
