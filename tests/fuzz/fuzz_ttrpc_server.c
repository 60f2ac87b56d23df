#include "ttrpc_input.h"

#include <net/ttrpc.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct service {
	struct ttrpc_call *held[TTRPC_STREAMS_MAX];
	size_t n_held;
	unsigned closed;
};

static void on_echo(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	(void)arg;
	ttrpc_answer(call, payload);
}

static void on_hold(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct service *s = arg;

	(void)payload;
	if (s->n_held == TTRPC_STREAMS_MAX)
		abort(); /* more unanswered calls than promised */
	s->held[s->n_held++] = call;
}

static void on_closed(void *arg)
{
	struct service *s = arg;

	s->closed++;
}

static const struct ttrpc_method methods[] = {
	{ "s", "e", on_echo },
	{ "s", "h", on_hold },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_done) struct buf frames = BUF_INIT(16 * FUZZ_INPUT_MAX);
	struct service service = { 0 };
	struct ttrpc_server *s = NULL;
	struct loop *l = NULL;
	int fds[2];

	if (size > FUZZ_INPUT_MAX)
		return 0;
	fuzz_frames(data, size, &frames);
	if (failed(loop_new(&l)) ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
		abort();
	const struct ttrpc_server_config c = { .methods = methods,
		.n_methods = ARRAY_LEN(methods),
		.arg = &service,
		.closed = on_closed };

	if (failed(ttrpc_server_new(l, &c, &s)) || failed(ttrpc_server_add(s, fds[0], false)))
		abort();
	fuzz_play(l, fds[1], &frames);
	/* Half are answered while the server lives, half after it. */
	while (service.n_held > 1)
		ttrpc_answer(service.held[--service.n_held], BYTES_NONE);
	ttrpc_server_free(s);
	while (service.n_held > 0)
		ttrpc_fail(service.held[--service.n_held], err_new(ERR_STATE, "over"));
	(void)close(fds[1]);
	loop_free(l);
	return 0;
}
