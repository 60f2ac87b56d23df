#include "util.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <sys/stat.h>

static char *path_of(const char *name)
{
	static char paths[16][256];
	static unsigned next;
	char *p = paths[next++ % 16];

	(void)snprintf(p, sizeof(paths[0]), "%s/%s", test_dir(), name);
	return p;
}

static void test_atomic_and_read(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = BUF_INIT(5);
	const char *path = path_of("a");
	struct stat st;

	assert_ok(file_write_atomic(path, bytes_str("one"), 0640));
	assert_ok(file_write_atomic(path, bytes_str("hello"), 0600));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_ok(file_read(path, &b)); /* exactly the maximum */
	assert_bytes_equal(buf_bytes(&b), bytes_str("hello"));
	b.n = 1; /* reading appends: now one byte too many */
	assert_err(file_read(path, &b), ERR_LIMIT);
	assert_err_text("more than 5 bytes");
	assert_err(file_read(path_of("none"), &b), ERR_NOT_FOUND);
	assert_err(file_write_atomic(path_of("no/dir"), bytes_str(""), 0600), ERR_NOT_FOUND);
	assert_err(file_read(test_dir(), &b), ERR_SYS);
	assert_true(file_exists(path));
	assert_false(file_exists(path_of("none")));
}

static void test_atomic_leaves_nothing_behind(void **state)
{
	(void)state;
	struct dirent *entry;
	size_t n = 0;

	assert_ok(dir_make(path_of("t/sub"), 0700));
	/* A directory cannot be replaced by a file: the rename fails. */
	assert_err(file_write_atomic(path_of("t/sub"), bytes_str("x"), 0600), ERR_SYS);
	AUTO(auto_closedir) DIR *dir = opendir(path_of("t"));
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		n++;
	assert_int_equal(n, 3); /* ".", "..", "sub" */
}

static void test_read_from_pipe(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = BUF_INIT(100000);
	static uint8_t data[50000];
	int fds[2];

	memset(data, 7, sizeof(data));
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_ok(fd_write_all(fds[1], BYTES_OF(data)));
	(void)close(fds[1]);
	assert_ok(file_read_fd(fds[0], "pipe", &b));
	assert_bytes_equal(buf_bytes(&b), BYTES_OF(data));
	(void)close(fds[0]);
}

static void test_plain_write(void **state)
{
	(void)state;
	assert_ok(file_write("/dev/null", bytes_str("x")));
	assert_err(file_write("/dev/full", bytes_str("x")), ERR_SYS);
	assert_int_equal(err_errno(), ENOSPC);
	assert_err(file_write(path_of("absent"), bytes_str("x")), ERR_NOT_FOUND);
}

static void test_directories(void **state)
{
	(void)state;
	const char *outside = path_of("keep");

	assert_ok(dir_make(path_of("d/e/f"), 0755));
	assert_ok(dir_make(path_of("d/e/f"), 0755));
	assert_ok(dir_make(path_of("d/e/f/"), 0755));
	assert_ok(file_write_atomic(path_of("d/e/x"), bytes_str("x"), 0600));
	assert_err(dir_make(path_of("d/e/x/y"), 0755), ERR_SYS);
	assert_err(dir_make(path_of("d/e/x"), 0755), ERR_SYS);
	assert_ok(dir_make(outside, 0755));
	assert_ok(file_write_atomic(path_of("keep/x"), bytes_str("x"), 0600));
	assert_int_equal(symlink(outside, path_of("d/e/link")), 0);
	assert_ok(dir_remove_tree(path_of("d")));
	assert_false(file_exists(path_of("d")));
	assert_true(file_exists(path_of("keep/x")));
	assert_ok(dir_remove_tree(path_of("d")));
}

static void test_tree_too_deep(void **state)
{
	(void)state;
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf b = BUF_INIT(4096);

	buf_puts(&b, path_of("deep"));
	for (int i = 0; i < 260; i++)
		buf_puts(&b, "/d");
	assert_ok(dir_make(buf_cstr(&b), 0755));
	assert_err(dir_remove_tree(path_of("deep")), ERR_LIMIT);
	/* What is left is shallow enough once its top is gone. */
	assert_ok(path_join(path_of("deep"), "d/d/d/d/d/d/d/d", &path));
	assert_ok(dir_remove_tree(path));
	assert_ok(dir_remove_tree(path_of("deep")));
}

static void test_path_join(void **state)
{
	(void)state;
	char *p = NULL;

	assert_ok(path_join("/a", "b", &p));
	assert_string_equal(p, "/a/b");
	free(p);
	assert_ok(path_join("/", "b", &p));
	assert_string_equal(p, "/b");
	free(p);
}

static void test_open_beneath(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = BUF_INIT(64);
	AUTO(auto_close) int root = -1;
	static const char *const inside[] = { "f", "/f", "../f", "../../../f", "abs", "up",
		"sub/up" };
	int fd = -1;

	assert_ok(dir_make(path_of("root/sub"), 0755));
	assert_ok(file_write_atomic(path_of("root/f"), bytes_str("in"), 0600));
	assert_ok(file_write_atomic(path_of("f"), bytes_str("out"), 0600));
	assert_int_equal(symlink("/f", path_of("root/abs")), 0);
	assert_int_equal(symlink("../../f", path_of("root/up")), 0);
	assert_int_equal(symlink("../../../f", path_of("root/sub/up")), 0);
	assert_int_equal(symlink("/proc/self/root/f", path_of("root/magic")), 0);
	root = open(path_of("root"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
		assert_ok(open_beneath(root, inside[i], O_RDONLY, 0, &fd));
		buf_clear(&b);
		assert_ok(file_read_fd(fd, inside[i], &b));
		assert_bytes_equal(buf_bytes(&b), bytes_str("in"));
		(void)close(fd);
	}
	assert_err(open_beneath(root, "magic", O_RDONLY, 0, &fd), ERR_NOT_FOUND);
	assert_err(open_beneath(root, "abs", O_RDONLY | O_NOFOLLOW, 0, &fd), ERR_SYS);
	assert_ok(open_beneath(root, "/new", O_WRONLY | O_CREAT | O_EXCL, 0600, &fd));
	(void)close(fd);
	assert_true(file_exists(path_of("root/new")));
}

static void test_open_beneath_magic_link(void **state)
{
	(void)state;
	AUTO(auto_close) int proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = -1;

	assert_true(proc >= 0);
	assert_err(open_beneath(proc, "root/etc/passwd", O_RDONLY, 0, &fd), ERR_SYS);
	assert_int_equal(err_errno(), ELOOP);
	assert_int_equal(fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_atomic_and_read),
		cmocka_unit_test(test_atomic_leaves_nothing_behind),
		cmocka_unit_test(test_read_from_pipe),
		cmocka_unit_test(test_plain_write),
		cmocka_unit_test(test_directories),
		cmocka_unit_test(test_tree_too_deep),
		cmocka_unit_test(test_path_join),
		cmocka_unit_test(test_open_beneath),
		cmocka_unit_test(test_open_beneath_magic_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
