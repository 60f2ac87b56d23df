#include "tar_make.h"
#include "untar.h"
#include "util.h"

#include <fcntl.h>
#include <stdlib.h>

#include <base/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static char *layer; /* directory of the current test */

static int fresh_layer(void **state)
{
	(void)state;
	free(layer);
	assert_ok(path_join(test_dir(), "layer", &layer));
	assert_ok(dir_remove_tree(layer));
	assert_ok(dir_make(layer, 0755));
	return geteuid() == 0 ? 0 : -1;
}

static struct untar_budget plenty(void)
{
	return (struct untar_budget){ .max_bytes = 1 << 20, .max_entries = 100 };
}

static RESULT unpack_within(struct bytes in, struct untar_budget *budget)
{
	AUTO(untar_freep) struct untar *u = NULL;

	TRY(untar_new(open(layer, O_RDONLY | O_DIRECTORY | O_CLOEXEC), budget, &u));
	TRY(untar_feed(u, in));
	return untar_end(u);
}

static RESULT unpack(const struct tar_item *items, size_t n)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	struct untar_budget budget = plenty();

	for (size_t i = 0; i < n; i++)
		tar_add(&b, &items[i]);
	tar_finish(&b);
	return unpack_within(buf_bytes(&b), &budget);
}
#define UNPACK(...)                                                                                \
	unpack((const struct tar_item[]){ __VA_ARGS__ },                                           \
		ARRAY_LEN(((const struct tar_item[]){ __VA_ARGS__ })))

static struct stat stat_of(const char *name)
{
	AUTO(auto_free) char *path = NULL;
	struct stat st;

	assert_ok(path_join(layer, name, &path));
	if (lstat(path, &st) != 0)
		fail_msg("%s is missing", name);
	return st;
}

static bool exists(const char *name)
{
	AUTO(auto_free) char *path = NULL;
	struct stat st;

	assert_ok(path_join(layer, name, &path));
	return lstat(path, &st) == 0;
}

static ssize_t xattr_of(const char *name, const char *attr, char *to, size_t size)
{
	AUTO(auto_free) char *path = NULL;

	assert_ok(path_join(layer, name, &path));
	return lgetxattr(path, attr, to, size);
}

static void assert_whiteout(const char *name)
{
	struct stat st = stat_of(name);

	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(st.st_rdev, makedev(0, 0));
}

static void assert_opaque(const char *name)
{
	char v[4];

	assert_int_equal(xattr_of(name, "user.overlay.opaque", v, sizeof(v)), 1);
	assert_int_equal(v[0], 'y');
}

static void test_tree(void **state)
{
	struct stat st;
	(void)state;

	assert_ok(UNPACK({ .name = "./", .type = '5', .mode = 0711, .mtime = 5 },
		{ .name = "./bin/", .type = '5', .mode = 01777, .uid = 3, .mtime = 77 },
		{ .name = "bin/su",
			.mode = 04755,
			.uid = 1,
			.gid = 2,
			.mtime = 1000,
			.data = bytes_str("set-user-ID") },
		{ .name = "bin/hard", .type = '1', .link = "/bin/su" },
		{ .name = "usr/lib/deep", .data = bytes_str("x") },
		{ .name = "lib", .type = '2', .link = "usr/lib", .uid = 9, .mtime = 11 },
		{ .name = "lib/through", .data = bytes_str("y") },
		{ .name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3 },
		{ .name = "disk", .type = '4', .major = 8, .minor = 1 },
		{ .name = "fifo", .type = '6', .mode = 0600 }));
	st = stat_of(".");
	assert_int_equal(st.st_mode & 07777, 0711);
	assert_int_equal(st.st_mtime, 5);
	st = stat_of("bin");
	assert_int_equal(st.st_mode & 07777, 01777);
	assert_int_equal(st.st_mtime, 77);
	st = stat_of("bin/su");
	assert_int_equal(st.st_mode & 07777, 04755);
	assert_int_equal(st.st_uid, 1);
	assert_int_equal(st.st_gid, 2);
	assert_int_equal(st.st_mtime, 1000);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(stat_of("bin/hard").st_ino, st.st_ino);
	assert_int_equal(stat_of("usr").st_mode & 07777, 0755);
	st = stat_of("lib");
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(st.st_uid, 9);
	assert_int_equal(st.st_mtime, 11);
	assert_true(exists("usr/lib/through"));
	assert_int_equal(stat_of("null").st_rdev, makedev(1, 3));
	assert_int_equal(stat_of("null").st_mode & 07777, 0666);
	assert_true(S_ISBLK(stat_of("disk").st_mode));
	assert_true(S_ISFIFO(stat_of("fifo").st_mode));
}

static void test_replace(void **state)
{
	(void)state;

	assert_ok(UNPACK({ .name = "a", .data = bytes_str("long text") },
		{ .name = "a", .data = bytes_str("new") },
		{ .name = "b", .type = '2', .link = "/etc" },
		{ .name = "b", .data = bytes_str("no longer a link") },
		{ .name = "c", .type = '2', .link = "/" }, { .name = "c/", .type = '5' },
		{ .name = "c/inside" }, { .name = "d/", .type = '5', .mode = 0700 },
		{ .name = "d/", .type = '5', .mode = 0711 }));
	assert_int_equal(stat_of("a").st_size, 3);
	assert_true(S_ISREG(stat_of("b").st_mode));
	assert_true(exists("c/inside"));
	assert_int_equal(stat_of("d").st_mode & 07777, 0711);
	assert_err(UNPACK({ .name = "d" }), ERR_FORMAT);
	assert_err_text("tar entry d: first a directory");
}

static void test_whiteouts(void **state)
{
	(void)state;

	assert_ok(UNPACK({ .name = "etc/", .type = '5' }, { .name = "etc/.wh.gone" },
		{ .name = "opaque/", .type = '5' }, { .name = "opaque/.wh..wh..opq" },
		{ .name = ".wh..wh.plnk" }, { .name = ".wh.again" },
		{ .name = "again/", .type = '5' }, { .name = "own" }, { .name = ".wh.own" },
		{ .name = "dir/", .type = '5' }, { .name = ".wh.dir" }, { .name = "new/.wh.x" }));
	assert_whiteout("etc/gone");
	assert_false(exists("etc/.wh.gone"));
	assert_opaque("opaque");
	assert_false(exists(".wh..wh.plnk"));
	assert_opaque("again");
	assert_true(S_ISREG(stat_of("own").st_mode));
	assert_opaque("dir");
	assert_whiteout("new/x");
}

static void test_xattrs(void **state)
{
	static const char cap[] = "\x01\0\0\x02\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20), pax = BUF_INIT(4096);
	struct untar_budget budget = plenty();
	char v[32];
	(void)state;

	buf_puts(&pax, "57 SCHILY.xattr.security.capability=");
	buf_put(&pax, bytes_of(cap, 20));
	buf_puts(&pax, "\n27 SCHILY.xattr.user.a=one\n27 SCHILY.xattr.user.none=\n"
		       "38 SCHILY.xattr.user.overlay.opaque=y\n"
		       "41 SCHILY.xattr.trusted.overlay.opaque=y\n");
	tar_add_raw(&b, 'x', "x", buf_bytes(&pax));
	tar_add(&b, &(struct tar_item){ .name = "f", .mode = 0755, .uid = 5 });
	assert_ok(unpack_within(buf_bytes(&b), &budget));
	assert_int_equal(xattr_of("f", "security.capability", v, sizeof(v)), 20);
	assert_int_equal(xattr_of("f", "user.a", v, sizeof(v)), 3);
	assert_int_equal(xattr_of("f", "user.none", v, sizeof(v)), 0);
	assert_int_equal(xattr_of("f", "user.overlay.opaque", v, sizeof(v)), -1);
	assert_int_equal(xattr_of("f", "trusted.overlay.opaque", v, sizeof(v)), -1);
}

/* Whatever the archive says, this file beside the layer stays as it is. */
static void test_escapes(void **state)
{
	AUTO(auto_free) char *outside = NULL;
	struct stat st;
	(void)state;

	assert_ok(path_join(test_dir(), "outside", &outside));
	assert_ok(file_write_atomic(outside, bytes_str("safe"), 0600));

	struct {
		struct tar_item first, second;
		const char *text;
	} cases[] = {
		{ { .name = "../outside" }, { .name = "x" }, "../outside" },
		{ { .name = "a/../../outside" }, { .name = "x" }, "a/../../outside" },
		{ { .name = "/etc/sealpod-escape" }, { .name = "x" }, "/etc/sealpod-escape" },
		{ { .name = "x", .pax = "path=/etc/sealpod-escape\n" }, { .name = "x" },
			"/etc/sealpod-escape" },
		{ { .name = "up", .type = '2', .link = ".." }, { .name = "up/outside" },
			"up/outside" },
		{ { .name = "abs", .type = '2', .link = "/etc" }, { .name = "abs/sealpod-escape" },
			"abs/sealpod-escape" },
		{ { .name = "up", .type = '2', .link = ".." },
			{ .name = "up/outside/", .type = '5' }, "up/outside" },
		{ { .name = "up", .type = '2', .link = ".." }, { .name = "up/made/deep" },
			"up/made/deep" },
		{ { .name = "up", .type = '2', .link = ".." }, { .name = "up/.wh.outside" },
			"up/.wh.outside" },
		{ { .name = "h", .type = '1', .link = "../outside" }, { .name = "x" },
			"../outside" },
		{ { .name = "up", .type = '2', .link = ".." },
			{ .name = "h", .type = '1', .link = "up/outside" }, "up/outside" },
		{ { .name = ".wh..." }, { .name = "x" }, ".wh..." },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("%s then %s\n", cases[i].first.name, cases[i].second.name);
		fresh_layer(NULL);
		assert_err(UNPACK(cases[i].first, cases[i].second), ERR_DENIED);
		assert_err_text("image.tar-path");
		assert_err_text(cases[i].text);
		assert_string_equal(err_denial()->code, "image.tar-path");
		assert_int_equal(stat(outside, &st), 0);
		assert_int_equal(st.st_size, 4);
		assert_int_equal(st.st_nlink, 1);
		assert_false(file_exists("/etc/sealpod-escape"));
	}
}

/* Opening the name of a link must replace the link, never write through it. */
static void test_file_over_link(void **state)
{
	AUTO(auto_free) char *outside = NULL;
	struct stat st;
	(void)state;

	assert_ok(path_join(test_dir(), "outside", &outside));
	assert_ok(file_write_atomic(outside, bytes_str("safe"), 0600));
	assert_ok(UNPACK({ .name = "f", .type = '2', .link = outside },
		{ .name = "f", .data = bytes_str("overwritten") }));
	assert_int_equal(stat(outside, &st), 0);
	assert_int_equal(st.st_size, 4);
	/* A hard link to a symbolic link is another name of the link itself. */
	assert_ok(UNPACK({ .name = "l", .type = '2', .link = outside },
		{ .name = "m", .type = '1', .link = "l" }));
	assert_true(S_ISLNK(stat_of("m").st_mode));
}

static void test_limits(void **state)
{
	struct untar_budget small = { .max_bytes = 4096, .max_entries = 100 };
	struct untar_budget few = { .max_bytes = 1 << 20, .max_entries = 2 };
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20), deep = BUF_INIT(4096);
	(void)state;

	for (int i = 0; i < 10; i++)
		tar_add(&b, &(struct tar_item){ .name = "f", .data = bytes_str("text") });
	assert_err(unpack_within(buf_bytes(&b), &small), ERR_DENIED);
	assert_string_equal(err_denial()->code, "image.bomb");
	assert_err_text("unpacked bytes: expected at most 4096");
	assert_err(unpack_within(buf_bytes(&b), &few), ERR_DENIED);
	assert_err_text("entries: expected at most 2");
	for (int i = 0; i < 300; i++)
		buf_puts(&deep, "d/");
	buf_clear(&b);
	tar_add_raw(&b, 'L', "x", buf_bytes(&deep));
	tar_add(&b, &(struct tar_item){ .name = "x", .type = '5' });
	small = plenty();
	assert_err(unpack_within(buf_bytes(&b), &small), ERR_LIMIT);
	assert_err_text("more than 256 components");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_tree, fresh_layer),
		cmocka_unit_test_setup(test_replace, fresh_layer),
		cmocka_unit_test_setup(test_whiteouts, fresh_layer),
		cmocka_unit_test_setup(test_xattrs, fresh_layer),
		cmocka_unit_test_setup(test_escapes, fresh_layer),
		cmocka_unit_test_setup(test_file_over_link, fresh_layer),
		cmocka_unit_test_setup(test_limits, fresh_layer),
	};
	if (geteuid() != 0)
		return 77; /* owners and devices need root */
	int failures = cmocka_run_group_tests(tests, NULL, NULL);
	free(layer);
	return failures;
}
