#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include <base/file.h>
#include <base/sandbox.h>
#include <base/secret.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Exit statuses of the children; a violation of the filter is a signal instead. */
enum {
	WENT_WELL = 0,
	NOT_ENTERED = 100,
	NOT_AS_WANTED = 101
};

static char inside[256], outside[256];

static int prepare(void **state)
{
	(void)state;
	(void)snprintf(inside, sizeof(inside), "%s/in", test_dir());
	(void)snprintf(outside, sizeof(outside), "%s/out", test_dir());
	return failed(dir_make(inside, 0755)) ||
	       failed(file_write_atomic(outside, bytes_str("x"), 0644));
}

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

/* Wait status of a child that enters the sandbox and calls fn. */
static int in_sandbox(const struct sandbox *s, int (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)signal(SIGSYS, SIG_DFL);
		if (failed(sandbox_enter(s))) {
			ssize_t n = write(2, err_text(), strlen(err_text()));
			_exit(n < 0 ? NOT_ENTERED + 50 : NOT_ENTERED);
		}
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int well(bool wanted)
{
	return wanted ? WENT_WELL : NOT_AS_WANTED;
}

/* ---- seccomp ---- */

static int make_socket(void)
{
	return well(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
}

static int exec_shell(void)
{
	(void)execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
	return NOT_AS_WANTED;
}

static int restart_machine(void)
{
	(void)syscall(SYS_reboot, 0, 0, 0, NULL); /* the arguments would be refused anyway */
	return NOT_AS_WANTED;
}

static void test_forbidden_calls_kill(void **state)
{
	(void)state;
	static int (*const forbidden[])(void) = { make_socket, exec_shell, restart_machine };
	struct sandbox s = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
		int status = in_sandbox(&s, forbidden[i]);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

static void test_named_calls_pass(void **state)
{
	(void)state;
	static const char *const calls[] = { "socket", "no_such_call_anywhere", NULL };
	struct sandbox s = { .syscalls = calls, .allow_network = true };

	assert_int_equal(in_sandbox(&s, make_socket), 0);
}

static int everyday(void)
{
	struct secret *secret = NULL;
	char *p = malloc(1 << 20);
	struct stat st;
	bool good = p && fstat(0, &st) == 0 && getpid() > 0;

	free(p);
	if (failed(secret_new(32, &secret)))
		return NOT_AS_WANTED;
	secret_free(secret);
	return well(good);
}

/* Memory, also secret memory, and exit need nothing to be named. */
static void test_everyday_calls_pass(void **state)
{
	(void)state;
	struct sandbox s = { 0 };

	assert_int_equal(in_sandbox(&s, everyday), 0);
}

static void test_base_list_is_sorted(void **state)
{
	(void)state;
#ifndef __SANITIZE_ADDRESS__
	for (const char *const *p = sandbox_base_syscalls; p[0] && p[1]; p++)
		assert_true(strcmp(p[0], p[1]) < 0);
#else
	assert_non_null(sandbox_base_syscalls[0]);
#endif
}

/* ---- files ---- */

static const char *const file_calls[] = { "openat", "mkdirat", "mkdir", "unlink", "unlinkat",
	"link", "linkat", "rename", "renameat", "renameat2", "symlink", "symlinkat", "mknod",
	"mknodat", "ftruncate", "truncate", NULL };

static bool refused(int fd)
{
	return fd < 0 && errno == EACCES;
}

static int only_inside(void)
{
	char path[300];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/new", inside);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 10) != 0)
		return NOT_AS_WANTED;
	return well(refused(open(outside, O_RDONLY | O_CLOEXEC)) &&
		    refused(open("/etc/passwd", O_RDONLY | O_CLOEXEC)) &&
		    refused(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
}

static int every_kind_of_entry(void)
{
	char a[300], b[300], d[300];

	(void)snprintf(a, sizeof(a), "%s/a", inside);
	(void)snprintf(b, sizeof(b), "%s/d/b", inside);
	(void)snprintf(d, sizeof(d), "%s/d", inside);
	int fd = open(a, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || mkdir(d, 0700) != 0 || link(a, b) != 0 || unlink(b) != 0)
		return NOT_AS_WANTED;
	if (rename(a, b) != 0 || truncate(b, 0) != 0 || symlink("x", a) != 0 || unlink(a) != 0)
		return NOT_AS_WANTED;
	return well(mkfifo(a, 0600) == 0 && unlink(a) == 0 && unlink(b) == 0 && rmdir(d) == 0);
}

static int read_only(void)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/new2", inside);
	return well(open(outside, O_RDONLY | O_CLOEXEC) >= 0 &&
		    refused(open(outside, O_WRONLY | O_CLOEXEC)) &&
		    refused(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
}

static void test_files(void **state)
{
	(void)state;
	static const char *const calls[] = { "openat", "mkdirat", "mkdir", "unlink", "unlinkat",
		"rmdir", "link", "linkat", "rename", "renameat", "renameat2", "symlink",
		"symlinkat", "mknod", "mknodat", "ftruncate", "truncate", NULL };
	struct sandbox_path paths[] = { { inside, SANDBOX_READ | SANDBOX_WRITE },
		{ "/no/such/path", SANDBOX_READ }, { 0 } };
	struct sandbox_path one_file[] = { { outside, SANDBOX_READ }, { inside, SANDBOX_READ },
		{ 0 } };
	struct sandbox s = { .syscalls = calls, .paths = paths };

	if (!has_landlock()) {
		print_message("SKIPPED: this kernel has no Landlock\n");
		skip();
	}
	assert_int_equal(in_sandbox(&s, only_inside), 0);
	assert_int_equal(in_sandbox(&s, every_kind_of_entry), 0);
	s.paths = one_file;
	s.syscalls = file_calls;
	assert_int_equal(in_sandbox(&s, read_only), 0);
}

static int nothing_opens(void)
{
	return well(refused(open(inside, O_RDONLY | O_CLOEXEC)) &&
		    refused(open(outside, O_RDONLY | O_CLOEXEC)));
}

static int mounts_see_all(void)
{
	return well(open(outside, O_RDONLY | O_CLOEXEC) >= 0);
}

static void test_no_paths_at_all(void **state)
{
	(void)state;
	struct sandbox s = { .syscalls = file_calls };

	if (has_landlock())
		assert_int_equal(in_sandbox(&s, nothing_opens), 0);
	s.mounts = true;
	assert_int_equal(in_sandbox(&s, mounts_see_all), 0);
}

/* ---- network ---- */

static int connect_somewhere(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = { htonl(INADDR_LOOPBACK) }
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return NOT_AS_WANTED;
	return connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0 && errno == EACCES ? 1
											     : 2;
}

static void test_network(void **state)
{
	(void)state;
	static const char *const calls[] = { "socket", "connect", NULL };
	struct sandbox s = { .syscalls = calls, .allow_network = true };

	assert_int_equal(WEXITSTATUS(in_sandbox(&s, connect_somewhere)), 2);
	/* Landlock knows TCP from its fourth version. */
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 4) {
		print_message("SKIPPED: this kernel's Landlock does not know TCP\n");
		skip();
	}
	s.allow_network = false;
	assert_int_equal(WEXITSTATUS(in_sandbox(&s, connect_somewhere)), 1);
}

/* ---- capabilities ---- */

static uint32_t capabilities(uint32_t *ret_permitted)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct now[2] = { 0 };

	if (syscall(SYS_capget, &head, now) != 0)
		return ~0u;
	*ret_permitted = now[0].permitted;
	return now[0].effective | now[0].inheritable | now[1].permitted | now[1].effective;
}

static int no_capabilities(void)
{
	uint32_t permitted = ~0u;

	return well(capabilities(&permitted) == 0 && permitted == 0 &&
		    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == (geteuid() == 0 ? 0 : 1));
}

static int one_capability(void)
{
	uint32_t permitted = ~0u;

	return well(capabilities(&permitted) == 1u << CAP_CHOWN && permitted == 1u << CAP_CHOWN &&
		    prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0) == 1);
}

static const char *const cap_calls[] = { "capget", "capset", "prctl", "seccomp",
	"landlock_create_ruleset", "landlock_restrict_self", "openat", NULL };

static void test_capabilities(void **state)
{
	(void)state;
	static const int keep[] = { CAP_CHOWN, -1 };
	struct sandbox s = { .syscalls = cap_calls };

	assert_int_equal(in_sandbox(&s, no_capabilities), 0);
	if (geteuid() != 0)
		return;
	s.keep_caps = keep;
	assert_int_equal(in_sandbox(&s, one_capability), 0);
}

/* ---- a second sandbox inside the first ---- */

static int enter_again(void)
{
	struct sandbox tighter = { .syscalls = (const char *const[]){ "socket", "capget", NULL } };
	uint32_t permitted = ~0u;

	if (failed(sandbox_enter(&tighter)))
		return NOT_ENTERED;
	return well(capabilities(&permitted) == 0 && permitted == 0);
}

static int socket_after_entering_again(void)
{
	int status = enter_again();

	return status ? status : make_socket();
}

/* What the second allows and the first did not stays forbidden. */
static void test_tighter(void **state)
{
	(void)state;
	static const int keep[] = { CAP_CHOWN, -1 };
	struct sandbox s = { .syscalls = cap_calls, .keep_caps = keep };
	int status;

	assert_int_equal(in_sandbox(&s, enter_again), 0);
	status = in_sandbox(&s, socket_after_entering_again);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forbidden_calls_kill),
		cmocka_unit_test(test_named_calls_pass),
		cmocka_unit_test(test_everyday_calls_pass),
		cmocka_unit_test(test_base_list_is_sorted),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_no_paths_at_all),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_tighter),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}
