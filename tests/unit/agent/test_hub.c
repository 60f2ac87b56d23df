/* When the hub is started, with a program that only says that it was. */
#include "hub.h"
#include "start.h"
#include "util.h"

#include <base/file.h>

enum {
	ROUNDS = 1000,
	ROUND_MS = 10
};

static struct agent a;
static char run_dir[512], address[600], program[600], mark[600];

static void write_program(void)
{
	char text[1300];

	(void)snprintf(text, sizeof(text), "#!/bin/sh\necho x >>%s\nexec sleep 100\n", mark);
	assert_ok(file_write_atomic(program, bytes_str(text), 0700));
}

static int setup(void **state)
{
	const struct settings set = { .run_dir = run_dir,
		.crun = "/bin/true",
		.cgroup_manager = "disabled",
		.cgroup_dir = "/nonexistent",
		.cdh_address = address };

	(void)state;
	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", test_dir());
	(void)snprintf(address, sizeof(address), "unix://%s/cdh.sock", run_dir);
	(void)snprintf(program, sizeof(program), "%s/hub", test_dir());
	(void)snprintf(mark, sizeof(mark), "%s/started", test_dir());
	(void)unlink(mark);
	write_program();
	assert_ok(agent_init(&a, &set));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	agent_done(&a);
	a = (struct agent){ 0 };
	return 0;
}

static size_t times_started(void)
{
	AUTO(buf_done) struct buf text = BUF_INIT(64);

	return failed(file_read(mark, &text)) ? 0 : text.n / 2;
}

static void wait_for_start(void)
{
	for (int i = 0; i < ROUNDS && times_started() == 0; i++)
		assert_ok(loop_once(a.loop, ROUND_MS));
}

static void on_pulled(void *arg, struct err e)
{
	(void)e; /* the end of the agent */
	(*(unsigned *)arg)++;
}

static void test_at_once(void **state)
{
	const struct hub_config c = { .program = program, .platform = "none", .log_fd = -1 };

	(void)state;
	assert_ok(hub_new(&a, &c, &a.hub));
	wait_for_start();
	assert_int_equal(times_started(), 1);
}

static void test_on_demand(void **state)
{
	const struct hub_config c = {
		.program = program, .platform = "none", .log_fd = -1, .on_demand = true
	};
	static unsigned answers;

	(void)state;
	assert_ok(hub_new(&a, &c, &a.hub));
	for (int i = 0; i < 3; i++)
		assert_ok(loop_once(a.loop, ROUND_MS));
	assert_int_equal(times_started(), 0);
	assert_ok(hub_health(a.hub));
	assert_ok(hub_pull(&a, "localhost/a", "/b", on_pulled, &answers));
	assert_ok(hub_pull(&a, "localhost/b", "/b", on_pulled, &answers));
	wait_for_start();
	assert_int_equal(times_started(), 1);
	hub_freep(&a.hub);
	a.hub = NULL;
	assert_int_equal(answers, 2);
}

/* An image without the program: nothing waits, and the next one who asks is told the same. */
static void test_absent(void **state)
{
	const struct hub_config c = {
		.program = "/nonexistent/hub", .platform = "none", .log_fd = -1, .on_demand = true
	};
	unsigned answers = 0;

	(void)state;
	assert_ok(hub_new(&a, &c, &a.hub));
	for (int i = 0; i < 2; i++) {
		assert_err(hub_pull(&a, "localhost/a", "/b", on_pulled, &answers), ERR_NOT_FOUND);
		assert_err_text("starting the hub");
		assert_err_text("/nonexistent/hub");
	}
	assert_int_equal(answers, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_on_demand, setup, teardown),
		cmocka_unit_test_setup_teardown(test_absent, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
