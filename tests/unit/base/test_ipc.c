#include "util.h"

#include <fcntl.h>
#include <signal.h>

#include <base/clock.h>
#include <base/file.h>
#include <base/ipc.h>
#include <sys/socket.h>
#include <sys/time.h>

static int fds[2];

static int open_pair(void **state)
{
	(void)state;
	return failed(ipc_pair(fds)) ? -1 : 0;
}

static int close_pair(void **state)
{
	(void)state;
	auto_close(&fds[0]);
	auto_close(&fds[1]);
	return 0;
}

static size_t open_fds(void)
{
	AUTO(auto_closedir) DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	return n;
}

static void test_messages(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 4096, IPC_MESSAGE_MAX };
	static uint8_t body[IPC_MESSAGE_MAX + 1];

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		AUTO(ipc_message_done) struct ipc_message m = { 0 };
		memset(body, (int)i + 1, sizeof(body));
		assert_ok(ipc_send(fds[0], (uint16_t)(0xab00 + i), bytes_of(body, sizes[i])));
		assert_ok(ipc_recv(fds[1], 0, &m));
		assert_int_equal(m.type, 0xab00 + i);
		assert_bytes_equal(buf_bytes(&m.body), bytes_of(body, sizes[i]));
		assert_int_equal(m.n_fds, 0);
	}
	assert_err(ipc_send(fds[0], 1, BYTES_OF(body)), ERR_LIMIT);
}

static void test_descriptors(void **state)
{
	(void)state;
	AUTO(ipc_message_done) struct ipc_message m = { 0 };
	size_t before = open_fds();
	int sent[IPC_FDS_MAX + 1], pipe_fds[2];
	char text[4] = "";

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	for (size_t i = 0; i < ARRAY_LEN(sent); i++)
		sent[i] = pipe_fds[1];
	assert_err(ipc_send_fds(fds[0], 1, BYTES_NONE, sent, IPC_FDS_MAX + 1), ERR_LIMIT);
	assert_ok(ipc_send_fds(fds[0], 1, bytes_str("x"), sent, IPC_FDS_MAX));
	assert_ok(ipc_recv(fds[1], 0, &m));
	assert_int_equal(m.n_fds, IPC_FDS_MAX);
	for (size_t i = 0; i < m.n_fds; i++)
		assert_int_equal(fcntl(m.fds[i], F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(m.fds[3], "abc", 3), 3);
	assert_int_equal(read(pipe_fds[0], text, 3), 3);
	assert_string_equal(text, "abc");
	ipc_message_done(&m);
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	assert_int_equal(open_fds(), before);
}

static void test_silence_and_end(void **state)
{
	(void)state;
	struct ipc_message m = { 0 };

	assert_err(ipc_recv(fds[1], 10, &m), ERR_TIMEOUT);
	assert_ok(ipc_send(fds[0], 5, bytes_str("last")));
	(void)close(TAKE_FD(fds[0]));
	assert_ok(ipc_recv(fds[1], -1, &m)); /* what was sent before the end still comes */
	ipc_message_done(&m);
	assert_err(ipc_recv(fds[1], -1, &m), ERR_NOT_FOUND);
	assert_err_text("peer closed");
	assert_err(ipc_send(fds[1], 5, BYTES_NONE), ERR_SYS); /* and no SIGPIPE */
	assert_null(m.body.p);
}

static void on_alarm(int signo)
{
	(void)signo;
}

/* Signals interrupt the wait; the deadline stays where it was. */
static void test_signals_do_not_end_the_wait(void **state)
{
	(void)state;
	const struct itimerval often = { { 0, 7000 }, { 0, 7000 } }, never = { 0 };
	const struct sigaction act = { .sa_handler = on_alarm }, def = { .sa_handler = SIG_DFL };
	struct ipc_message m = { 0 };
	uint64_t begin = clock_monotonic_ms(), took;

	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	assert_err(ipc_recv(fds[1], 60, &m), ERR_TIMEOUT);
	took = clock_monotonic_ms() - begin;
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &def, NULL), 0);
	assert_in_range(took, 60, 2000);
}

static void test_bad_datagrams(void **state)
{
	(void)state;
	static uint8_t huge[IPC_MESSAGE_MAX + 3];
	struct ipc_message m = { 0 };

	assert_int_equal(send(fds[0], huge, 1, 0), 1);
	assert_err(ipc_recv(fds[1], 0, &m), ERR_FORMAT);
	assert_err_text("without a type");
	assert_int_equal(send(fds[0], huge, sizeof(huge), 0), sizeof(huge));
	assert_err(ipc_recv(fds[1], 0, &m), ERR_LIMIT);
	/* The connection itself is still in step. */
	assert_ok(ipc_send(fds[0], 9, BYTES_NONE));
	assert_ok(ipc_recv(fds[1], 0, &m));
	assert_int_equal(m.type, 9);
	ipc_message_done(&m);
}

/* A message that is refused must not leave its descriptors open. */
static void test_bad_datagram_with_descriptors(void **state)
{
	(void)state;
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(6 * sizeof(int))];
	} control = { 0 };
	char text[] = "xyz";
	struct iovec part = { .iov_base = text, .iov_len = 3 };
	struct msghdr h = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	int sent[6] = { 0, 0, 0, 0, 0, 0 };
	struct ipc_message m = { 0 };
	size_t before = open_fds();

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(sent));
	memcpy(CMSG_DATA(c), sent, sizeof(sent));
	assert_int_equal(sendmsg(fds[0], &h, 0), 3);
	assert_err(ipc_recv(fds[1], 0, &m), ERR_LIMIT);
	assert_int_equal(open_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_messages, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_descriptors, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_silence_and_end, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(
			test_signals_do_not_end_the_wait, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_bad_datagrams, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(
			test_bad_datagram_with_descriptors, open_pair, close_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
