#include "util.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <base/clock.h>
#include <base/loop.h>
#include <base/process.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

struct fixture {
	struct loop *loop;
	int a, b; /* eventfds */
	struct loop_source *source, *other;
	unsigned calls;
	unsigned events;
	int signo, status;
};

static struct fixture f;

static int open_fixture(void **state)
{
	(void)state;
	f = (struct fixture){ .status = -1 };
	f.a = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f.b = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return failed(loop_new(&f.loop)) || f.a < 0 || f.b < 0 ? -1 : 0;
}

static int close_fixture(void **state)
{
	(void)state;
	loop_freep(&f.loop);
	(void)close(f.a);
	return close(f.b);
}

static void wake(int fd)
{
	assert_int_equal(eventfd_write(fd, 1), 0);
}

static void count(void *arg, int fd, unsigned events)
{
	eventfd_t v;

	(void)eventfd_read(fd, &v);
	assert_ptr_equal(arg, &f);
	f.calls++;
	f.events = events;
}

static void test_descriptor(void **state)
{
	(void)state;
	assert_ok(loop_add_fd(f.loop, f.a, EPOLLIN, count, &f, &f.source));
	assert_ok(loop_once(f.loop, 0));
	assert_int_equal(f.calls, 0);
	wake(f.a);
	assert_ok(loop_once(f.loop, -1));
	assert_int_equal(f.calls, 1);
	assert_true(f.events & EPOLLIN);
	assert_ok(loop_set_events(f.source, 0));
	wake(f.a);
	assert_ok(loop_once(f.loop, 0));
	assert_int_equal(f.calls, 1);
	assert_ok(loop_set_events(f.source, EPOLLIN | EPOLLOUT));
	assert_ok(loop_once(f.loop, 0));
	assert_int_equal(f.events, EPOLLIN | EPOLLOUT);
	loop_remove(f.source);
	wake(f.a);
	assert_ok(loop_once(f.loop, 0));
	assert_int_equal(f.calls, 2);
	assert_int_not_equal(fcntl(f.a, F_GETFD), -1); /* the fd stays the caller's */
	loop_remove(NULL);
}

static void test_cannot_watch(void **state)
{
	(void)state;
	int file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	assert_err(loop_add_fd(f.loop, -1, EPOLLIN, count, &f, NULL), ERR_STATE);
	assert_err(loop_add_fd(f.loop, 999, EPOLLIN, count, &f, NULL), ERR_SYS);
	assert_err(loop_add_fd(f.loop, file, EPOLLIN, count, &f, NULL), ERR_SYS);
	assert_int_not_equal(fcntl(file, F_GETFD), -1);
	assert_err(loop_add_child(f.loop, 0x7ffffff0, NULL, NULL), ERR_SYS);
	(void)close(file);
}

static void remove_both(void *arg, int fd, unsigned events)
{
	(void)arg;
	(void)fd;
	(void)events;
	f.calls++;
	loop_remove(f.source);
	loop_remove(f.other);
	loop_remove(f.other); /* once more must not matter */
}

/* Both are ready in one round: whichever comes first removes itself and the other. */
static void test_remove_in_callback(void **state)
{
	(void)state;
	assert_ok(loop_add_fd(f.loop, f.a, EPOLLIN, remove_both, &f, &f.source));
	assert_ok(loop_add_fd(f.loop, f.b, EPOLLIN, remove_both, &f, &f.other));
	wake(f.a);
	wake(f.b);
	assert_ok(loop_once(f.loop, 0));
	assert_ok(loop_once(f.loop, 0));
	assert_int_equal(f.calls, 1);
}

static void replace(void *arg, int fd, unsigned events)
{
	loop_remove(f.source);
	(void)events;
	assert_ok(loop_add_fd(f.loop, fd, EPOLLIN, count, arg, &f.source));
}

static void test_add_in_callback(void **state)
{
	(void)state;
	assert_ok(loop_add_fd(f.loop, f.a, EPOLLIN, replace, &f, &f.source));
	wake(f.a);
	assert_ok(loop_once(f.loop, 0));
	assert_int_equal(f.calls, 0);
	assert_ok(loop_once(f.loop, 0));
	assert_int_equal(f.calls, 1);
}

static void pump(void *arg, int fd, unsigned events)
{
	(void)events;
	loop_remove(f.source);
	/* Removed but still running: its memory must last until this returns. */
	assert_ok(loop_once(f.loop, 0));
	assert_ptr_equal(arg, &f);
	assert_int_equal(fd, f.a);
}

static void test_nested_round(void **state)
{
	(void)state;
	assert_ok(loop_add_fd(f.loop, f.a, EPOLLIN, pump, &f, &f.source));
	assert_ok(loop_add_fd(f.loop, f.b, EPOLLIN, count, &f, &f.other));
	wake(f.a);
	wake(f.b);
	assert_ok(loop_once(f.loop, 0));
	assert_true(f.calls == 1 || f.calls == 2);
	assert_ok(loop_once(f.loop, 0));
	assert_true(f.calls == 1 || f.calls == 2);
}

static void tick(void *arg)
{
	assert_ptr_equal(arg, &f);
	if (++f.calls == 3)
		loop_stop(f.loop, 42);
}

static void test_timers(void **state)
{
	(void)state;
	uint64_t begin = clock_monotonic_ms();
	int value = 0;

	assert_ok(loop_add_timer(f.loop, 10, 5, tick, &f, &f.source));
	assert_ok(loop_run(f.loop, &value));
	assert_int_equal(value, 42);
	assert_true(clock_monotonic_ms() - begin >= 19);
	loop_remove(f.source);
	f.calls = 0;
	assert_ok(loop_add_timer(f.loop, 0, 0, tick, &f, NULL));
	assert_ok(loop_once(f.loop, 1000));
	assert_ok(loop_once(f.loop, 20));
	assert_int_equal(f.calls, 1); /* once */
}

static void end_timer(void *arg)
{
	(void)arg;
	loop_remove(f.source);
	loop_stop(f.loop, 1);
}

static void test_timer_removes_itself(void **state)
{
	(void)state;
	int value;

	assert_ok(loop_add_timer(f.loop, 1, 1, end_timer, &f, &f.source));
	assert_ok(loop_run(f.loop, &value));
	assert_ok(loop_once(f.loop, 10));
}

static void test_stop_before_run(void **state)
{
	(void)state;
	int value = 0;

	loop_stop(f.loop, 7);
	assert_ok(loop_run(f.loop, &value));
	assert_int_equal(value, 7);
}

static void on_signal(void *arg, int signo)
{
	assert_ptr_equal(arg, &f);
	f.calls++;
	f.signo = signo;
}

static void test_signals(void **state)
{
	(void)state;
	assert_ok(loop_add_signal(f.loop, SIGUSR1, on_signal, &f));
	assert_ok(loop_add_signal(f.loop, SIGUSR2, on_signal, &f));
	assert_int_equal(kill(getpid(), SIGUSR2), 0);
	assert_ok(loop_once(f.loop, 1000));
	assert_int_equal(f.signo, SIGUSR2);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	assert_ok(loop_once(f.loop, 1000));
	assert_int_equal(f.signo, SIGUSR1);
	assert_int_equal(f.calls, 2);
}

static void on_child(void *arg, pid_t pid, int status)
{
	(void)pid;
	assert_ptr_equal(arg, &f);
	f.calls++;
	f.status = status;
	loop_stop(f.loop, 0);
}

static void test_children(void **state)
{
	(void)state;
	static const struct {
		const char *script;
		int status;
	} cases[] = { { "exit 3", 3 }, { "kill -9 $$", 137 } };
	int value;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *const argv[] = { "sh", "-c", cases[i].script, NULL };
		AUTO(process_end) struct process p = PROCESS_NONE;
		assert_ok(process_start(&PROCESS_SPEC(argv), &p));
		assert_ok(loop_add_child(f.loop, p.pid, on_child, &f));
		assert_ok(loop_run(f.loop, &value));
		assert_int_equal(f.status, cases[i].status);
	}
	assert_ok(loop_once(f.loop, 10));
	assert_int_equal(f.calls, 2);
}

static void on_other_child(void *arg, pid_t pid, int status)
{
	(void)arg;
	(void)pid;
	(void)status;
	fail();
}

/* Sources that nobody removed go with the loop; a child that runs on is not waited for. */
static void test_free_with_sources(void **state)
{
	(void)state;
	const char *const argv[] = { "sleep", "100", NULL };
	AUTO(process_end) struct process p = PROCESS_NONE;

	assert_ok(process_start(&PROCESS_SPEC(argv), &p));
	assert_ok(loop_add_child(f.loop, p.pid, on_other_child, &f));
	assert_ok(loop_add_fd(f.loop, f.a, EPOLLIN, count, &f, NULL));
	assert_ok(loop_add_timer(f.loop, 1000, 0, tick, &f, NULL));
	assert_ok(loop_add_signal(f.loop, SIGUSR1, on_signal, &f));
	loop_freep(&f.loop);
	assert_null(f.loop);
}

/* A child that somebody else reaps leaves nothing behind that would keep the loop awake. */
static void test_child_reaped_elsewhere(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_true(pid > 0);
	assert_ok(loop_add_child(f.loop, pid, on_child, &f));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_ok(loop_once(f.loop, 10));
	uint64_t before = clock_monotonic_ms();
	assert_ok(loop_once(f.loop, 50));
	assert_true(clock_monotonic_ms() - before >= 40);
	assert_int_equal(f.calls, 0);
}

#define LOOP_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(test_descriptor),
		LOOP_TEST(test_cannot_watch),
		LOOP_TEST(test_remove_in_callback),
		LOOP_TEST(test_add_in_callback),
		LOOP_TEST(test_nested_round),
		LOOP_TEST(test_timers),
		LOOP_TEST(test_timer_removes_itself),
		LOOP_TEST(test_stop_before_run),
		LOOP_TEST(test_signals),
		LOOP_TEST(test_children),
		LOOP_TEST(test_child_reaped_elsewhere),
		LOOP_TEST(test_free_with_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
