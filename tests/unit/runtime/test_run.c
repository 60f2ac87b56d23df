/* Whole runs with a stand-in for QEMU: order, output, exit status, refusals, deaths, signals. */
#include "util.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include <base/file.h>
#include <runtime/pod.h>
#include <runtime/run.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
	NEWS_MS = 10 * 1000
};

static char *run_dir, *state_dir, *kernel;

struct seen {
	struct buf stages;
	uint64_t layers;
};

static void on_progress(void *arg, const struct run_progress *p)
{
	struct seen *s = arg;

	buf_printf(&s->stages, "%s ", p->stage);
	s->layers += p->layers;
}

struct outcome {
	struct err e;
	struct err_saved error;
	struct run_result result;
	struct buf out;
	struct seen seen;
};

static void outcome_done(struct outcome *o)
{
	run_result_done(&o->result);
	buf_done(&o->out);
	buf_done(&o->seen.stages);
}

static struct run_config config(const char *mode)
{
	static char hello[] = "/bin/hello";
	static char *argv[] = { hello };

	return (struct run_config){
		.run_dir = run_dir,
		.state_dir = state_dir,
		.qemu_user = "root", /* others need not reach the fake */
		.platform = &vm_none,
		.memory_mib = 256,
		.cpus = 1,
		.kernel = kernel,
		.initrd = kernel,
		.append = mode,
		.net_user = true,
		.initdata = bytes_str("version = \"0.1.0\""),
		.image = "r/app",
		.argv = argv,
		.n_argv = 1,
		.timeout_s = 1,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
	};
}

static void run(const char *mode, struct outcome *o)
{
	struct run_config c = config(mode);
	int out[2];

	*o = (struct outcome){ .out = BUF_INIT(4096), .seen.stages = BUF_INIT(4096) };
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	c.stdout_fd = out[1];
	c.progress = on_progress;
	c.arg = &o->seen;
	o->e = run_pod(&c, &o->result);
	err_save(o->e, &o->error);
	assert_int_equal(close(out[1]), 0);
	assert_ok(file_read_fd(out[0], "output", &o->out));
	assert_int_equal(close(out[0]), 0);
}

static void assert_nothing_left(void)
{
	AUTO(strv_done) struct strv ids = { 0 };

	assert_ok(pod_list(run_dir, &ids));
	assert_int_equal(ids.n, 0);
	assert_int_equal(pod_reap(run_dir), 0);
}

static void test_good(void **state)
{
	AUTO(outcome_done) struct outcome o;
	AUTO(timeline_record_done) struct timeline_record kept = { 0 };

	(void)state;
	run("good", &o);
	assert_ok(o.e);
	assert_string_equal(buf_cstr(&o.out), "hello from the guest\n");
	assert_int_equal(o.result.record.exit_status, 3);
	assert_true(o.result.record.ended);
	assert_int_equal(o.result.record.t.ms[TIMELINE_AGENT], 8);
	assert_int_equal(o.result.record.t.ms[TIMELINE_PULL], 12);
	assert_true(o.result.record.t.ready > 0);
	assert_non_null(strstr(buf_cstr(&o.seen.stages), "start running"));
	assert_ok(timeline_find(run_dir, state_dir, o.result.record.id, &kept));
	assert_int_equal(kept.exit_status, 3);
	assert_nothing_left();
}

/* A platform without a field for initdata has its digest in the command line. */
static void test_initdata_in_command_line(void **state)
{
	AUTO(run_result_done) struct run_result r = { 0 };
	struct vm_platform measured = vm_none;
	struct run_config c = config("good");

	(void)state;
	measured.initdata_append = true;
	c.platform = &measured;
	c.initdata = bytes_str("version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n");
	assert_ok(run_pod(&c, &r));
	assert_int_equal(r.record.exit_status, 3);
	assert_nothing_left();
	/* Another document is another command line, which the stand-in does not take. */
	run_result_done(&r);
	c.initdata = bytes_str("version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\n");
	assert_true(failed(run_pod(&c, &r)));
	assert_nothing_left();
}

static void test_denial(void **state)
{
	AUTO(outcome_done) struct outcome o;

	(void)state;
	run("deny", &o);
	assert_err(o.e, ERR_DENIED);
	assert_true(o.error.denied);
	assert_string_equal(o.error.denial.code, "manifest.argv");
	assert_string_equal(o.error.denial.id, "req-5");
	assert_string_equal(o.error.denial.actual, "/bin/sh");
	assert_false(o.result.record.ended);
	assert_int_equal(o.result.record.exit_status, 1);
	assert_nothing_left();
}

static void test_guest_dies(void **state)
{
	AUTO(outcome_done) struct outcome o;

	(void)state;
	run("die", &o);
	assert_err(o.e, ERR_PEER);
	assert_non_null(strstr(o.error.text, "ended at stage"));
	assert_non_null(strstr(o.error.text, "guest-reset"));
	assert_string_equal(o.result.console, "first line\nKernel panic - not ?[31msyncing\n");
	assert_nothing_left();
}

static void test_qemu_crashes(void **state)
{
	AUTO(outcome_done) struct outcome o;

	(void)state;
	run("crash", &o);
	assert_err(o.e, ERR_PEER);
	assert_non_null(strstr(o.error.text, "QEMU status 1"));
	assert_non_null(strstr(o.error.text, "qemu: could not do it"));
	assert_null(strstr(o.error.text, "more"));
	assert_nothing_left();
}

static void test_timeout(void **state)
{
	AUTO(outcome_done) struct outcome o;

	(void)state;
	run("silent", &o);
	assert_err(o.e, ERR_TIMEOUT);
	assert_non_null(strstr(o.error.text, "nothing happened for 1 s"));
	assert_nothing_left();
}

/* 1.8 s of pulling with a deadline of 1 s: progress counts. */
static void test_progress_extends_deadline(void **state)
{
	AUTO(outcome_done) struct outcome o;

	(void)state;
	run("progress", &o);
	assert_ok(o.e);
	assert_true(o.seen.layers >= 10);
	assert_nothing_left();
}

static void test_missing_files(void **state)
{
	AUTO(run_result_done) struct run_result r = { 0 };
	struct run_config c = config("good");

	(void)state;
	c.initrd = "/nonexistent/initrd";
	assert_err(run_pod(&c, &r), ERR_NOT_FOUND);
	assert_err_text("guest initrd /nonexistent/initrd");
	assert_nothing_left();
}

/* A run in a process of its own, as the command is. */
static pid_t start(const char *mode)
{
	pid_t pid = fork();

	if (pid == 0) {
		AUTO(run_result_done) struct run_result r = { 0 };
		struct run_config c = config(mode);

		c.name = "victim";
		c.timeout_s = 60;
		struct err e = run_pod(&c, &r);
		_exit(failed(e) && !r.interrupted ? 99 : (int)r.record.exit_status);
	}
	return pid;
}

static void wait_for_stage(const char *stage)
{
	for (int i = 0; i < NEWS_MS / 10; i++) {
		AUTO(pod_done) struct pod p = { 0 };

		if (!failed(pod_load(run_dir, "victim", &p)) && strcmp(p.state.stage, stage) == 0)
			return;
		(void)usleep(10000);
	}
	fail_msg("never came to stage '%s'", stage);
}

static int status_of(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void test_signal_reaches_container(void **state)
{
	pid_t pid = start("sleep");

	(void)state;
	wait_for_stage("running");
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(status_of(pid), 128 + SIGTERM);
	assert_nothing_left();
}

static void test_second_signal_ends_all(void **state)
{
	pid_t pid = start("deaf");

	(void)state;
	wait_for_stage("running");
	assert_int_equal(kill(pid, SIGINT), 0);
	(void)usleep(300000);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(kill(pid, SIGINT), 0);
	assert_int_equal(status_of(pid), 128 + SIGINT);
	assert_nothing_left();
}

static void test_signal_while_starting(void **state)
{
	pid_t pid = start("silent");

	(void)state;
	wait_for_stage("evidence"); /* what follows the agent's stage */
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(status_of(pid), 128 + SIGTERM);
	assert_nothing_left();
}

static void test_killed_owner(void **state)
{
	AUTO(pod_done) struct pod p = { 0 };
	pid_t pid = start("sleep");

	(void)state;
	wait_for_stage("running");
	assert_ok(pod_load(run_dir, "victim", &p));
	assert_int_equal(p.state.processes.n, 1);
	const struct pod_process qemu = ((struct pod_process *)p.state.processes.items)[0];
	assert_true(pod_process_alive(&qemu));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(status_of(pid), -SIGKILL);
	for (int i = 0; i < 100 && pod_process_alive(&qemu); i++)
		(void)usleep(10000); /* it dies with its parent, without any help */
	assert_int_equal(pod_reap(run_dir), 1);
	assert_nothing_left();
}

static void test_exec(void **state)
{
	AUTO(buf_done) struct buf got = BUF_INIT(4096);
	char *argv[] = { (char[]){ "/bin/id" } };
	struct run_exec x = { .run_dir = run_dir,
		.id = "victim",
		.argv = argv,
		.n_argv = 1,
		.stdin_fd = -1,
		.stderr_fd = -1 };
	pid_t pid = start("sleep");
	int out[2], status = 0;

	(void)state;
	wait_for_stage("running");
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	x.stdout_fd = out[1];
	assert_ok(run_exec(&x, &status));
	assert_int_equal(close(out[1]), 0);
	assert_ok(file_read_fd(out[0], "output", &got));
	assert_int_equal(close(out[0]), 0);
	assert_string_equal(buf_cstr(&got), "/bin/id in victim\n");
	assert_int_equal(status, 9);
	assert_int_equal(kill(pid, SIGTERM), 0); /* the run went on meanwhile */
	assert_int_equal(status_of(pid), 128 + SIGTERM);
	assert_err(run_exec(&x, &status), ERR_NOT_FOUND);
}

static void test_same_name_twice(void **state)
{
	AUTO(run_result_done) struct run_result r = { 0 };
	struct run_config c = config("good");
	pid_t pid = start("sleep");

	(void)state;
	wait_for_stage("running");
	c.name = "victim";
	assert_err(run_pod(&c, &r), ERR_STATE);
	assert_err_text("runs already");
	assert_int_equal(kill(pid, SIGTERM), 0); /* and nothing happened to the first */
	assert_int_equal(status_of(pid), 128 + SIGTERM);
}

static int set_up(void **state)
{
	AUTO(auto_free) char *bin = NULL;
	AUTO(auto_free) char *fake = NULL;
	AUTO(auto_free) char *qemu = NULL;

	(void)state;
	assert_ok(path_join(test_dir(), "run", &run_dir));
	assert_ok(path_join(test_dir(), "state", &state_dir));
	assert_ok(path_join(test_dir(), "kernel", &kernel));
	assert_ok(path_join(test_dir(), "bin", &bin));
	assert_ok(path_join(bin, "qemu-system-x86_64", &qemu));
	assert_ok(str_format(&fake, "%s/fake_qemu", getenv("SEALPOD_BIN")));
	assert_ok(dir_make(bin, 0700));
	assert_ok(file_write_atomic(kernel, bytes_str("kernel"), 0600));
	assert_int_equal(symlink(fake, qemu), 0);
	assert_int_equal(setenv("PATH", bin, 1), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(run_dir);
	free(state_dir);
	free(kernel);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_initdata_in_command_line),
		cmocka_unit_test(test_denial),
		cmocka_unit_test(test_guest_dies),
		cmocka_unit_test(test_qemu_crashes),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_progress_extends_deadline),
		cmocka_unit_test(test_missing_files),
		cmocka_unit_test(test_signal_reaches_container),
		cmocka_unit_test(test_second_signal_ends_all),
		cmocka_unit_test(test_signal_while_starting),
		cmocka_unit_test(test_killed_owner),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_same_name_twice),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
