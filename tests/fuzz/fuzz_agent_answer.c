/*
 * What a hostile guest answers: frames on the agent's stream while standard streams of two
 * processes are carried, and statistics on their way to the engine.
 */
#include "metrics.h"
#include "ttrpc_input.h"

#include <agent.pb-c.h>
#include <fcntl.h>
#include <unistd.h>

#include <net/pb.h>
#include <runtime/agent_client.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *arg)
{
	(*(unsigned *)arg)++;
}

static void turn_statistics(struct bytes in)
{
	AUTO(pb_free_any) Agent__StatsContainerResponse *stats = NULL;
	AUTO(buf_done) struct buf v1 = BUF_INIT(METRICS_MAX);
	AUTO(buf_done) struct buf v2 = BUF_INIT(METRICS_MAX);

	if (failed(PB_UNPACK(agent__stats_container_response, in, &stats)))
		return;
	err_ignore(metrics_v1(stats, &v1));
	err_ignore(metrics_v2(stats, &v2));
}

static void carry(struct loop *l, struct agent_client *a, int peer, const struct buf *frames)
{
	struct agent_stdio *first = NULL, *second = NULL;
	unsigned ended = 0, closed = 0;
	int in[2], null = open("/dev/null", O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (null < 0 || pipe2(in, O_CLOEXEC | O_NONBLOCK) != 0 || write(in[1], "abc", 3) != 3)
		abort();
	struct agent_stdio_config c = { .container_id = "c",
		.exec_id = "",
		.stdin_fd = in[0],
		.stdout_fd = null,
		.stderr_fd = -1,
		.ended = count,
		.arg = &ended };

	if (failed(agent_stdio_new(a, &c, &first)))
		abort();
	c.terminal = true;
	c.stdin_fd = -1;
	if (failed(agent_stdio_new(a, &c, &second)))
		abort();
	agent_stdio_close_stdin(first, count, &closed);
	fuzz_play(l, peer, frames);
	agent_stdio_freep(&first);
	agent_stdio_freep(&second);
	/* Told once each, whatever the guest says. */
	if (ended > 2 || closed != 1)
		abort();
	(void)close(in[0]);
	(void)close(in[1]);
	(void)close(null);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_done) struct buf frames = BUF_INIT(16 * FUZZ_INPUT_MAX);
	struct agent_client *a = NULL;
	struct loop *l = NULL;
	int fds[2];

	if (size > FUZZ_INPUT_MAX)
		return 0;
	turn_statistics(bytes_of(data, size));
	fuzz_frames(data, size, &frames);
	if (failed(loop_new(&l)) ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0 ||
		failed(agent_client_new(
			&(struct agent_client_config){ .loop = l, .fd = fds[0] }, &a)))
		abort();
	carry(l, a, fds[1], &frames);
	agent_client_free(a);
	(void)close(fds[1]);
	loop_free(l);
	return 0;
}
