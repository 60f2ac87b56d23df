#include "util.h"

#include <errno.h>
#include <fcntl.h>

#include <base/clock.h>
#include <base/file.h>
#include <base/process.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

enum {
	SOON_MS = 5000,
	FAR_FD = 50
};

#define SH(script) ((const char *const[]){ "sh", "-c", (script), NULL })

static int status_of(const struct process_spec *spec)
{
	AUTO(process_end) struct process p = PROCESS_NONE;
	int status = -1;

	assert_ok(process_start(spec, &p));
	assert_ok(process_wait(&p, SOON_MS, &status));
	assert_int_equal(p.pid, -1);
	assert_int_equal(p.pidfd, -1);
	return status;
}

static int run_script(const char *script)
{
	struct process_spec spec = PROCESS_SPEC(SH(script));

	return status_of(&spec);
}

static void test_status(void **state)
{
	(void)state;
	assert_int_equal(run_script("exit 0"), 0);
	assert_int_equal(run_script("exit 7"), 7);
	assert_int_equal(run_script("kill -9 $$"), 128 + 9);
}

static void test_cannot_start(void **state)
{
	(void)state;
	struct process p = PROCESS_NONE;
	struct process_spec spec = PROCESS_SPEC(((const char *const[]){ "/no/program", NULL }));

	assert_err(process_start(&spec, &p), ERR_NOT_FOUND);
	assert_err_text("/no/program: no such program");
	spec.argv = (const char *const[]){ "no-program-of-this-name", NULL };
	assert_err(process_start(&spec, &p), ERR_NOT_FOUND);
	spec.argv = (const char *const[]){ "/etc/passwd", NULL };
	assert_err(process_start(&spec, &p), ERR_SYS);
	assert_int_equal(err_errno(), EACCES);
	assert_err_text("/etc/passwd: executing: Permission denied");
	spec = PROCESS_SPEC(SH("exit 0"));
	spec.cwd = "/no/directory";
	assert_err(process_start(&spec, &p), ERR_SYS);
	assert_err_text("sh: working directory");
	spec = PROCESS_SPEC(SH("exit 0"));
	spec.stdin_fd = 999;
	assert_err(process_start(&spec, &p), ERR_SYS);
	assert_err_text("sh: descriptors");
	spec.n_keep_fds = PROCESS_KEEP_FDS_MAX + 1;
	assert_err(process_start(&spec, &p), ERR_LIMIT);
	spec.argv = (const char *const[]){ NULL };
	assert_err(process_start(&spec, &p), ERR_STATE);
	assert_int_equal(p.pid, -1);
	/* Those that did not start are reaped. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_environment_and_directory(void **state)
{
	(void)state;
	struct process_spec spec =
		PROCESS_SPEC(SH("[ \"$A\" = b ] && [ -z \"$HOME\" ] && [ \"$(pwd)\" = / ]"));

	spec.envp = (const char *const[]){ "A=b", "PATH=/usr/bin:/bin", NULL };
	spec.cwd = "/";
	assert_int_equal(status_of(&spec), 0);
	spec.envp = NULL;
	assert_int_equal(status_of(&spec), 1);
}

static void test_nothing_is_inherited(void **state)
{
	(void)state;
	int fd = fcntl(0, F_DUPFD, FAR_FD);
	const char *script =
		"[ ! -e /proc/self/fd/50 ] && [ \"$(readlink /proc/$$/fd/0)\" = /dev/null ]";
	struct process_spec spec = PROCESS_SPEC(SH(script));

	assert_int_equal(fd, FAR_FD);
	spec.stdin_fd = -1;
	assert_int_equal(status_of(&spec), 0);
	(void)close(fd);
}

/* The descriptors to keep sit where others of them must go. */
static void test_kept_descriptors_swapped(void **state)
{
	(void)state;
	struct process_spec spec = PROCESS_SPEC(SH("printf one >&3; printf two >&4"));
	char text[8] = "";
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_true(fds[0] < fds[1]);
	spec.keep_fds[0] = fds[1];
	spec.keep_fds[1] = fds[0];
	spec.n_keep_fds = 2;
	assert_int_equal(status_of(&spec), 0);
	assert_int_equal(recv(fds[0], text, sizeof(text), MSG_DONTWAIT), 3);
	assert_string_equal(text, "one");
	assert_int_equal(recv(fds[1], text, sizeof(text), MSG_DONTWAIT), 3);
	assert_string_equal(text, "two");
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* A program must not inherit what our event loop does with signals. */
static void test_signals_are_default(void **state)
{
	(void)state;
	sigset_t term, before;

	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &term, &before), 0);
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(run_script("kill -TERM $$; exit 1"), 128 + SIGTERM);
	assert_int_equal(run_script("kill -PIPE $$; exit 1"), 128 + SIGPIPE);
	(void)signal(SIGPIPE, SIG_DFL);
	assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
}

static void test_session_and_privileges(void **state)
{
	(void)state;
	const char *script = "read -r _ _ _ _ _ sid _ </proc/$$/stat; [ $sid = $$ ] || exit 1;"
			     "grep -q 'NoNewPrivs:.1' /proc/self/status || exit 2";
	struct process_spec spec = PROCESS_SPEC(SH(script));

	assert_int_equal(status_of(&spec), 1);
	spec.new_session = true;
	assert_int_equal(status_of(&spec), 2);
	spec.no_new_privs = true;
	assert_int_equal(status_of(&spec), 0);
}

static void test_timeout_and_end(void **state)
{
	(void)state;
	struct process_spec spec = PROCESS_SPEC(SH("exec sleep 100"));
	struct process p = PROCESS_NONE;
	uint64_t begin = clock_monotonic_ms();
	int status;

	assert_err(process_wait(&p, 0, &status), ERR_STATE);
	assert_ok(process_start(&spec, &p));
	assert_err(process_wait(&p, 20, &status), ERR_TIMEOUT);
	assert_ok(process_kill(&p, SIGTERM));
	assert_ok(process_wait(&p, SOON_MS, &status));
	assert_int_equal(status, 128 + SIGTERM);
	assert_ok(process_kill(&p, SIGTERM)); /* ended is fine */
	assert_ok(process_start(&spec, &p));
	process_end(&p);
	process_end(&p);
	assert_int_equal(p.pid, -1);
	assert_true(clock_monotonic_ms() - begin < SOON_MS);
}

/* A parent that is killed takes the child with it: the pipe that the child holds ends. */
static void test_dies_with_parent(void **state)
{
	(void)state;
	struct process_spec spec = PROCESS_SPEC(SH("echo up; exec sleep 100"));
	char text[4] = "";
	int fds[2], status = 0;
	pid_t parent;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	spec.stdout_fd = fds[1];
	spec.die_with_parent = true;
	parent = fork();
	assert_true(parent >= 0);
	if (parent == 0) {
		struct process p;
		if (failed(process_start(&spec, &p)))
			_exit(1);
		for (;;)
			(void)pause();
	}
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], text, sizeof(text)), 3);
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_int_equal(read(fds[0], text, sizeof(text)), 0);
	(void)close(fds[0]);
}

static void test_run(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf in = BUF_INIT(1024 * 1024);
	AUTO(buf_done) struct buf out = BUF_INIT(1024 * 1024);
	AUTO(buf_done) struct buf errors = BUF_INIT(5);
	int status = -1;

	for (unsigned i = 0; i < 200000; i++)
		buf_le32(&in, i);
	/* More than pipes hold, in both directions. */
	assert_ok(process_run(
		(const char *const[]){ "cat", NULL }, buf_bytes(&in), &out, NULL, &status));
	assert_int_equal(status, 0);
	assert_bytes_equal(buf_bytes(&out), buf_bytes(&in));
	buf_clear(&out);
	assert_ok(process_run(
		SH("cat; echo 1234567 >&2; exit 3"), BYTES_NONE, &out, &errors, &status));
	assert_int_equal(status, 3);
	assert_int_equal(out.n, 0);
	assert_bytes_equal(buf_bytes(&errors), bytes_str("12345")); /* cut, not refused */
	assert_ok(process_run(SH("echo x; echo y >&2"), BYTES_NONE, NULL, NULL, &status));
	assert_int_equal(status, 0);
}

static void test_run_too_much_output(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = BUF_INIT(1000);
	uint64_t begin = clock_monotonic_ms();
	int status;

	assert_err(
		process_run((const char *const[]){ "yes", NULL }, BYTES_NONE, &out, NULL, &status),
		ERR_LIMIT);
	assert_err_text("yes: output: more than 1000 bytes");
	assert_true(clock_monotonic_ms() - begin < SOON_MS);
}

static void test_run_leaves_grandchildren(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = BUF_INIT(100);
	uint64_t begin = clock_monotonic_ms();
	int status;

	assert_ok(process_run(SH("sleep 20 & echo $!"), BYTES_NONE, &out, NULL, &status));
	assert_true(clock_monotonic_ms() - begin < SOON_MS);
	assert_true(out.n > 1);
	/* Ours to clean up; its number was printed. */
	(void)kill((pid_t)strtol(buf_cstr(&out), NULL, 10), SIGKILL);
}

static void test_run_ok(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = BUF_INIT(100);

	assert_ok(process_run_ok(SH("echo fine"), BYTES_NONE, &out));
	assert_string_equal(buf_cstr(&out), "fine\n");
	assert_err(process_run_ok(SH("echo why >&2; echo more >&2; exit 4"), BYTES_NONE, &out),
		ERR_PEER);
	assert_string_equal(err_text(), "sh: exit status 4: why");
	assert_err(process_run_ok(SH("exit 5"), BYTES_NONE, NULL), ERR_PEER);
	assert_string_equal(err_text(), "sh: exit status 5");
}

/* A program may be told another name than its own. */
static void test_other_name(void **state)
{
	(void)state;
	static const char *const argv[] = { "shell", "-c", "test \"$0\" = shell", NULL };
	struct process_spec spec = PROCESS_SPEC(argv);

	spec.program = "/bin/sh";
	assert_int_equal(status_of(&spec), 0);
	spec.program = "sh";
	assert_int_equal(status_of(&spec), 0);
}

static void test_user(void **state)
{
	(void)state;
	static const struct process_user nobody = {
		.uid = 65534, .gid = 65533, .groups = { 65532 }, .n_groups = 1
	};
	struct process_spec spec =
		PROCESS_SPEC(SH("test \"$(id -u):$(id -g):$(id -G)\" = '65534:65533:65533 65532' &&"
				" grep -q '^CapEff:.0*$' /proc/self/status &&"
				" grep -q '^CapBnd:.0*$' /proc/self/status &&"
				" grep -q '^CapPrm:.0*$' /proc/self/status"));
	struct process p = PROCESS_NONE;

	spec.user = &nobody;
	spec.die_with_parent = true;
	spec.no_new_privs = true;
	if (getuid() == 0) {
		assert_int_equal(status_of(&spec), 0);
	} else {
		assert_err(process_start(&spec, &p), ERR_SYS);
		skip();
	}
	/* Root without capabilities is held by permissions like everybody. */
	spec = PROCESS_SPEC(SH("grep -q '^CapEff:.0*$' /proc/self/status && ! chown 1 /proc/self"));
	spec.no_capabilities = true;
	spec.stderr_fd = -1;
	assert_int_equal(status_of(&spec), 0);
}

/* Root with a few of its capabilities, and nobody else with any. */
static void test_some_capabilities(void **state)
{
	struct process_spec spec = PROCESS_SPEC(
		SH("grep -q '^CapBnd:.0*81$' /proc/self/status && grep -q '^CapEff:.0*81$' "
		   "/proc/self/status"));

	(void)state;
	if (getuid() != 0)
		skip();
	spec.no_capabilities = true;
	spec.capabilities = 1 << 0 | 1 << 7; /* CHOWN, SETUID */
	spec.no_new_privs = true;
	assert_int_equal(status_of(&spec), 0);
}

static void test_locked_memory(void **state)
{
	struct process_spec spec = PROCESS_SPEC(SH("test $(ulimit -l) = 8"));
	struct rlimit before, low;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	if (before.rlim_max < 8192)
		skip();
	low = (struct rlimit){ .rlim_cur = 4096, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &low), 0);
	spec.locked_memory = 8192;
	int status = status_of(&spec);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
	assert_int_equal(status, 0);
	spec = PROCESS_SPEC(SH("test $(ulimit -l) != 1")); /* never less than there is */
	spec.locked_memory = 1024;
	assert_int_equal(status_of(&spec), 0);
}

/* A device that only root may open: the process has a node of its own in its place. */
static void test_own_devices(void **state)
{
	static const struct process_user nobody = { .uid = 65534, .gid = 65533 };
	AUTO(auto_free) char *device = NULL;
	AUTO(auto_free) char *script = NULL;
	struct stat st;

	(void)state;
	if (getuid() != 0)
		skip();
	assert_int_equal(chmod(test_dir(), 0711), 0);
	assert_ok(path_join(test_dir(), "device", &device));
	if (mknod(device, S_IFCHR | 0600, makedev(1, 3)) != 0)
		skip();
	assert_ok(str_format(&script,
		"echo x >%s && test $(stat -c %%u:%%a:%%t:%%T %s) = 65534:600:1:3", device,
		device));
	const char *const argv[] = { "sh", "-c", script, NULL };
	const char *const devices[] = { device, NULL };
	struct process_spec spec = PROCESS_SPEC(argv);
	spec.user = &nobody;
	spec.no_new_privs = true;
	spec.stderr_fd = -1;
	assert_true(status_of(&spec) != 0);
	spec.own_devices = devices;
	assert_int_equal(status_of(&spec), 0);
	/* Outside nothing has changed. */
	assert_int_equal(stat(device, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_false(file_exists("/sys/device"));
	const char *const none[] = { "/dev/no-such-device", NULL };
	struct process p = PROCESS_NONE;
	spec.own_devices = none;
	assert_err(process_start(&spec, &p), ERR_SYS);
	assert_err_text("nodes of its devices");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_cannot_start),
		cmocka_unit_test(test_environment_and_directory),
		cmocka_unit_test(test_nothing_is_inherited),
		cmocka_unit_test(test_kept_descriptors_swapped),
		cmocka_unit_test(test_signals_are_default),
		cmocka_unit_test(test_session_and_privileges),
		cmocka_unit_test(test_timeout_and_end),
		cmocka_unit_test(test_dies_with_parent),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_run_too_much_output),
		cmocka_unit_test(test_run_leaves_grandchildren),
		cmocka_unit_test(test_run_ok),
		cmocka_unit_test(test_other_name),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_some_capabilities),
		cmocka_unit_test(test_locked_memory),
		cmocka_unit_test(test_own_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
