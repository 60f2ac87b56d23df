#include "util.h"

#include <signal.h>

#include <base/secret.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Runs in a child; the parent gets its wait status. */
static int in_child(int (*fn)(struct secret *s), struct secret *s)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		/* The sanitizer would turn the signal into an exit status. */
		(void)signal(SIGSEGV, SIG_DFL);
		_exit(fn(s));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

__attribute__((no_sanitize("address", "undefined"))) static int touch(const uint8_t *p)
{
	return *(const volatile uint8_t *)p & 1;
}

static int touch_after(struct secret *s)
{
	return touch(secret_bytes(s).p + secret_size(s));
}

static int touch_before(struct secret *s)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	return touch(secret_bytes(s).p - page);
}

static int child_sees_zero(struct secret *s)
{
	return bytes_is_zero(secret_bytes(s)) ? 0 : 1;
}

static void test_guard_pages(void **state)
{
	(void)state;
	static const size_t sizes[] = { 1, 31, 32, 4096, 4097, SECRET_MAX };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		AUTO(secret_freep) struct secret *s = NULL;
		assert_ok(secret_new(sizes[i], &s));
		assert_int_equal(secret_size(s), sizes[i]);
		assert_true(bytes_is_zero(secret_bytes(s)));
		memset(secret_data(s), 0xaa, sizes[i]);
		int after = in_child(touch_after, s), before = in_child(touch_before, s);
		assert_true(WIFSIGNALED(after) && WTERMSIG(after) == SIGSEGV);
		if (sizes[i] % 4096 == 0)
			assert_true(WIFSIGNALED(before) && WTERMSIG(before) == SIGSEGV);
		assert_int_equal(in_child(child_sees_zero, s), 0);
		assert_int_equal(secret_bytes(s).p[0], 0xaa);
	}
}

static void test_locked_and_not_dumped(void **state)
{
	(void)state;
	AUTO(secret_freep) struct secret *s = NULL;
	unsigned long from, to;
	char line[512];
	bool inside = false, seen = false;

	assert_ok(secret_of(bytes_str("key"), &s));
	AUTO(auto_fclose) FILE *f = fopen("/proc/self/smaps", "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = (uintptr_t)secret_bytes(s).p >= from &&
				 (uintptr_t)secret_bytes(s).p < to;
		if (inside && strncmp(line, "VmFlags:", 8) == 0) {
			assert_non_null(strstr(line, " lo")); /* locked */
			assert_non_null(strstr(line, " dd")); /* not dumped */
			assert_non_null(strstr(line, " wf")); /* wiped on fork */
			seen = true;
		}
	}
	assert_true(seen);
}

static void test_bounds(void **state)
{
	(void)state;
	struct secret *s = NULL;

	assert_err(secret_new(0, &s), ERR_LIMIT);
	assert_err(secret_new(SECRET_MAX + 1, &s), ERR_LIMIT);
	assert_null(s);
	secret_free(NULL);
}

static void test_truncate(void **state)
{
	(void)state;
	AUTO(secret_freep) struct secret *s = NULL;

	assert_ok(secret_of(bytes_str("0123456789"), &s));
	const uint8_t *p = secret_bytes(s).p;
	secret_truncate(s, 4);
	assert_bytes_equal(secret_bytes(s), bytes_str("0123"));
	assert_true(bytes_is_zero(bytes_of(p + 4, 6)));
	secret_truncate(s, 8); /* never longer */
	assert_int_equal(secret_size(s), 4);
}

static void test_from_base64(void **state)
{
	(void)state;
	struct secret *s = NULL;

	assert_ok(secret_from_base64(false, bytes_str("c2VjcmV0IQ=="), "key", &s));
	assert_bytes_equal(secret_bytes(s), bytes_str("secret!"));
	secret_freep(&s);
	assert_ok(secret_from_base64(true, bytes_str("--__"), "key", &s));
	assert_bytes_equal(secret_bytes(s), test_hex("fbefff"));
	secret_freep(&s);
	assert_err(secret_from_base64(false, bytes_str("c2VjcmV0IQ"), "key", &s), ERR_FORMAT);
	assert_err(secret_from_base64(false, bytes_str("c2Vj*mV0IQ=="), "key", &s), ERR_FORMAT);
	assert_err_text("key: not base64");
	assert_err(secret_from_base64(false, BYTES_NONE, "key", &s), ERR_LIMIT);
	assert_err_text("key: a secret of 0 bytes");
	assert_null(s);
}

static int without_memory_lock(struct secret *unused)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };
	struct rlimit limit = { .rlim_cur = 0, .rlim_max = 0 };
	struct secret *s = NULL;

	(void)unused;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0 || syscall(SYS_capset, &head, none) != 0)
		return 2;
	if (!failed(secret_new(16, &s)))
		return 3;
	return strstr(err_text(), "RLIMIT_MEMLOCK is 0 bytes: locking 4096 bytes") && !s ? 0 : 4;
}

static void test_lock_limit_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(in_child(without_memory_lock, NULL), 0);
}

static int harden(struct secret *unused)
{
	struct rlimit limit;

	(void)unused;
	if (failed(secret_harden_process()) || getrlimit(RLIMIT_CORE, &limit) != 0)
		return 1;
	return limit.rlim_max == 0 && prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1;
}

static void test_harden(void **state)
{
	(void)state;
	assert_int_equal(in_child(harden, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guard_pages),
		cmocka_unit_test(test_locked_and_not_dumped),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_truncate),
		cmocka_unit_test(test_from_base64),
		cmocka_unit_test(test_lock_limit_is_an_error),
		cmocka_unit_test(test_harden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
