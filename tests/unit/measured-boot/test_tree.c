#include "pack.h"
#include "tree.h"
#include "unxz.h"
#include "util.h"

#include <sys/stat.h>

static struct buf text(const char *s)
{
	struct buf b = BUF_INIT(4096);

	buf_puts(&b, s);
	return b;
}

static void add_file(struct tree *t, const char *path, const char *s)
{
	AUTO(buf_done) struct buf data = text(s);

	assert_ok(tree_add_file(t, path, 0644, &data));
	assert_int_equal(data.n, 0);
}

/* Written down by hand from the description of the format. */
static void test_cpio_bytes(void **state)
{
	(void)state;
	static const char want[] =
		"07070100000001000041ed000000000000000000000002000000000000000000000000"
		"0000000000000000000000000000000200000000a\0"
		"07070100000002000081a4000000000000000000000001000000000000000200000000"
		"0000000000000000000000000000000400000000a/b\0\0\0hi\0\0"
		"07070100000000000000000000000000000000000000010000000000000000"
		"000000000000000000000000000000000000000b00000000TRAILER!!!\0";
	AUTO(tree_done) struct tree t = { 0 };
	AUTO(buf_done) struct buf cpio = BUF_INIT(TREE_SIZE_MAX);

	add_file(&t, "/a/b", "hi");
	assert_ok(tree_to_cpio(&t, &cpio));
	assert_int_equal(cpio.n, 512);
	assert_bytes_equal(bytes_of(cpio.p, sizeof(want) - 1), bytes_of(want, sizeof(want) - 1));
	assert_true(bytes_is_zero(bytes_of(cpio.p + sizeof(want) - 1, cpio.n - sizeof(want) + 1)));
}

static void test_order_does_not_matter(void **state)
{
	(void)state;
	AUTO(tree_done) struct tree a = { 0 }, b = { 0 };
	AUTO(buf_done) struct buf x = BUF_INIT(TREE_SIZE_MAX);
	AUTO(buf_done) struct buf y = BUF_INIT(TREE_SIZE_MAX);

	add_file(&a, "/usr/bin/x", "1");
	assert_ok(tree_add_link(&a, "/bin", "usr/bin"));
	assert_ok(tree_add_node(&a, "/dev/console", S_IFCHR | 0600, 5, 1));
	assert_ok(tree_add_dir(&a, "/usr", 0755));
	assert_ok(tree_add_node(&b, "/dev/console", S_IFCHR | 0600, 5, 1));
	assert_ok(tree_add_dir(&b, "/usr", 0755));
	assert_ok(tree_add_link(&b, "/bin", "usr/bin"));
	add_file(&b, "/usr/bin/x", "1");
	assert_ok(tree_to_cpio(&a, &x));
	assert_ok(tree_to_cpio(&b, &y));
	assert_bytes_equal(buf_bytes(&x), buf_bytes(&y));
	assert_int_equal(tree_get(&a, "/usr/bin")->mode, S_IFDIR | 0755);
	assert_null(tree_get(&a, "/usr/bin/y"));
}

static void test_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "a", "a/b", "/", "/a/", "//a", "/a//b", "/a/../b",
		"/.", "/..", "/./a" };
	AUTO(tree_done) struct tree t = { 0 };
	AUTO(buf_done) struct buf data = text("2");

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_err(tree_add_dir(&t, bad[i], 0755), ERR_FORMAT);
		assert_err_text("clean");
	}
	add_file(&t, "/a", "1");
	assert_err(tree_add_file(&t, "/a", 0644, &data), ERR_STATE);
	assert_err(tree_add_dir(&t, "/a/b", 0755), ERR_STATE);
	assert_ok(tree_add_dir(&t, "/d", 0700));
	assert_err(tree_add_dir(&t, "/d", 0755), ERR_STATE);
	assert_ok(tree_add_dir(&t, "/d", 0700));
	assert_ok(tree_add_dir(&t, "/..a", 0755));
}

static void test_pack(void **state)
{
	(void)state;
	static const uint8_t zstd_magic[] = { 0x28, 0xb5, 0x2f, 0xfd };
	AUTO(buf_done) struct buf in = BUF_INIT(1024 * 1024);
	AUTO(buf_done) struct buf out = BUF_INIT(1024 * 1024);
	AUTO(buf_done) struct buf back = BUF_INIT(1024 * 1024);
	AUTO(buf_done) struct buf tight = BUF_INIT(100);

	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&in, "%u ", i);
	assert_ok(pack(PACK_ZSTD, buf_bytes(&in), &out));
	assert_bytes_equal(bytes_of(out.p, 4), BYTES_OF(zstd_magic));
	buf_clear(&out);
	assert_ok(pack(PACK_XZ, buf_bytes(&in), &out));
	assert_true(out.n < in.n / 2);
	assert_ok(xz_unpack(buf_bytes(&out), "x", &back));
	assert_bytes_equal(buf_bytes(&back), buf_bytes(&in));
	assert_err(xz_unpack(buf_bytes(&out), "x", &tight), ERR_LIMIT);
	buf_clear(&back);
	assert_err(xz_unpack(bytes_of(out.p, out.n / 2), "x", &back), ERR_FORMAT);
	buf_clear(&back);
	buf_puts(&out, "more");
	assert_err(xz_unpack(buf_bytes(&out), "x", &back), ERR_FORMAT);
	buf_clear(&back);
	assert_err(xz_unpack(bytes_str("not xz at all"), "x", &back), ERR_FORMAT);
	assert_err_text("x: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpio_bytes),
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_pack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
