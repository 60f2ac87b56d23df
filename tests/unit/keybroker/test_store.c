#include "store.h"
#include "util.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <sys/wait.h>

static const uint8_t key[STORE_KEY_SIZE] = { 1, 2, 3 };
static const uint8_t other_key[STORE_KEY_SIZE] = { 9 };

static char *database(const char *name)
{
	char *path = NULL;

	assert_ok(str_format(&path, "%s/%s.db", test_dir(), name));
	return path;
}

static void assert_value(struct store *s, const char *name, const char *want)
{
	AUTO(secret_freep) struct secret *value = NULL;

	assert_ok(store_get(s, STORE_RESOURCE, name, &value));
	assert_bytes_equal(secret_bytes(value), bytes_str(want));
}

static void test_put_get_delete(void **state)
{
	AUTO(auto_free) char *path = database("basic");
	AUTO(store_freep) struct store *s = NULL;
	AUTO(secret_freep) struct secret *value = NULL;
	AUTO(strv_done) struct strv names = { 0 };

	(void)state;
	assert_ok(store_open(path, BYTES_OF(key), &s));
	assert_ok(store_put(s, STORE_RESOURCE, "a/b/c", bytes_str("one")));
	assert_ok(store_put(s, STORE_RESOURCE, "a/b/c", bytes_str("two")));
	assert_ok(store_put(s, STORE_RESOURCE, "a/b/a", bytes_str("three")));
	assert_ok(store_put(s, STORE_POLICY, "a/b/c", bytes_str("policy")));
	assert_value(s, "a/b/c", "two");
	assert_ok(store_list(s, STORE_RESOURCE, &names));
	assert_int_equal(names.n, 2);
	assert_string_equal(names.v[0], "a/b/a");
	assert_ok(store_delete(s, STORE_RESOURCE, "a/b/c"));
	assert_err(store_get(s, STORE_RESOURCE, "a/b/c", &value), ERR_NOT_FOUND);
	assert_err(store_delete(s, STORE_RESOURCE, "a/b/c"), ERR_NOT_FOUND);
	assert_null(value);
}

static void test_reopens_with_its_key_only(void **state)
{
	AUTO(auto_free) char *path = database("key");
	struct store *s = NULL;

	(void)state;
	assert_ok(store_open(path, BYTES_OF(key), &s));
	assert_ok(store_put(s, STORE_RESOURCE, "a/b/c", bytes_str("value")));
	store_freep(&s);
	s = NULL;
	assert_err(store_open(path, BYTES_OF(other_key), &s), ERR_UNVERIFIED);
	assert_null(s);
	assert_err(store_open(path, bytes_of(key, 16), &s), ERR_FORMAT);
	assert_ok(store_open(path, BYTES_OF(key), &s));
	assert_value(s, "a/b/c", "value");
	store_freep(&s);
}

/* The plain text is nowhere in the files. */
static void test_encrypts(void **state)
{
	static const char text[] = "a text that would be found";
	AUTO(auto_free) char *path = database("plain");
	AUTO(auto_free) char *wal = NULL;
	AUTO(store_freep) struct store *s = NULL;

	(void)state;
	assert_ok(store_open(path, BYTES_OF(key), &s));
	assert_ok(store_put(s, STORE_RESOURCE, "a/b/c", bytes_str(text)));
	assert_ok(str_format(&wal, "%s-wal", path));
	const char *const files[] = { path, wal };
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(buf_done) struct buf content = test_file(files[i]);
		assert_null(memmem(content.p, content.n, text, sizeof(text) - 1));
	}
}

/* Acknowledged writes outlive a killed process: the child tells what it has written, and dies at
 * some point of the next write. */
static void write_and_tell(const char *path, int fd)
{
	struct store *s = NULL;

	if (failed(store_open(path, BYTES_OF(key), &s)))
		_exit(1);
	for (unsigned i = 0;; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "a/b/%u", i);
		if (failed(store_put(s, STORE_RESOURCE, name, bytes_str(name))) ||
			write(fd, &i, sizeof(i)) != sizeof(i))
			_exit(1);
	}
}

static void kill_once(const char *path, unsigned delay_us)
{
	AUTO(store_freep) struct store *s = NULL;
	unsigned i, told = 0;
	bool any = false;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(fds[0]);
		write_and_tell(path, fds[1]);
	}
	(void)close(fds[1]);
	(void)usleep(delay_us);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	while (read(fds[0], &i, sizeof(i)) == sizeof(i)) {
		told = i;
		any = true;
	}
	(void)close(fds[0]);
	assert_ok(store_open(path, BYTES_OF(key), &s));
	for (i = 0; any && i <= told; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "a/b/%u", i);
		assert_value(s, name, name);
	}
}

static void test_survives_kill(void **state)
{
	AUTO(auto_free) char *path = database("killed");

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		kill_once(path, 5000 + i * 700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_get_delete),
		cmocka_unit_test(test_reopens_with_its_key_only),
		cmocka_unit_test(test_encrypts),
		cmocka_unit_test(test_survives_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
