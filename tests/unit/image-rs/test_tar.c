#include "tar.h"
#include "tar_make.h"
#include "util.h"

#include <stdlib.h>

/* The last entry seen and what its file held. */
struct seen {
	struct tar_entry e;
	size_t entries, ends;
	struct buf data;
};

static void copy_entry(struct tar_entry *to, const struct tar_entry *from)
{
	tar_entry_done(to);
	*to = *from;
	assert_ok(str_dup(from->path, &to->path));
	to->link = NULL;
	if (from->link)
		assert_ok(str_dup(from->link, &to->link));
	for (size_t i = 0; i < from->n_xattrs; i++) {
		assert_ok(str_dup(from->xattrs[i].name, &to->xattrs[i].name));
		to->xattrs[i].value = malloc(from->xattrs[i].n + 1);
		memcpy(to->xattrs[i].value, from->xattrs[i].value, from->xattrs[i].n);
	}
}

static RESULT on_entry(void *arg, const struct tar_entry *e)
{
	struct seen *s = arg;

	copy_entry(&s->e, e);
	s->entries++;
	return OK;
}

static RESULT on_data(void *arg, struct bytes data)
{
	buf_put(&((struct seen *)arg)->data, data);
	return OK;
}

static RESULT on_end(void *arg)
{
	((struct seen *)arg)->ends++;
	return OK;
}

static void seen_done(struct seen *s)
{
	tar_entry_done(&s->e);
	buf_done(&s->data);
}

/* Feeds `step` bytes at a time. */
static RESULT parse_steps(struct bytes in, size_t step, struct seen *s)
{
	struct tar_visitor v = { on_entry, on_data, on_end, s };
	AUTO(tar_freep) struct tar *t = NULL;

	TRY(tar_new(&v, &t));
	for (size_t at = 0; at < in.n; at += step)
		TRY(tar_feed(t, bytes_of(in.p + at, in.n - at < step ? in.n - at : step)));
	return tar_end(t);
}

static RESULT parse(void *arg, struct bytes in)
{
	AUTO(seen_done) struct seen s = { .data = BUF_INIT(1 << 20) };

	(void)arg;
	return parse_steps(in, 700, &s);
}

struct good_case {
	const char *what;
	struct tar_item item;
	struct tar_entry want;
};

/* A mutable string, as an entry owns it. */
#define S(text) ((char[]){ text })

static const struct good_case good[] = {
	{ "plain file",
		{ .name = "a/b",
			.mode = 04755,
			.uid = 7,
			.gid = 8,
			.mtime = 99,
			.data = { (const uint8_t *)"hello", 5 } },
		{ .path = S("a/b"), .mode = 04755, .uid = 7, .gid = 8, .mtime = 99, .size = 5 } },
	{ "directory", { .name = "d/", .type = '5', .mode = 0700 },
		{ .type = TAR_DIR, .path = S("d/"), .mode = 0700 } },
	{ "symbolic link", { .name = "l", .type = '2', .link = "../x" },
		{ .type = TAR_SYMLINK, .path = S("l"), .link = S("../x"), .mode = 0644 } },
	{ "hard link", { .name = "h", .type = '1', .link = "a/b" },
		{ .type = TAR_HARDLINK, .path = S("h"), .link = S("a/b"), .mode = 0644 } },
	{ "character device", { .name = "n", .type = '3', .major = 1, .minor = 3 },
		{ .type = TAR_CHAR, .path = S("n"), .mode = 0644, .major = 1, .minor = 3 } },
	{ "fifo", { .name = "p", .type = '6' },
		{ .type = TAR_FIFO, .path = S("p"), .mode = 0644 } },
	{ "contiguous file", { .name = "c", .type = '7' }, { .path = S("c"), .mode = 0644 } },
	{ "PAX path", { .name = "short", .pax = "path=long/name\n" },
		{ .path = S("long/name"), .mode = 0644 } },
	{ "PAX link", { .name = "l", .type = '2', .link = "x", .pax = "linkpath=y\n" },
		{ .type = TAR_SYMLINK, .path = S("l"), .link = S("y"), .mode = 0644 } },
	{ "PAX numbers", { .name = "f", .pax = "uid=4294967295\ngid=70000\nmtime=12.5\n" },
		{ .path = S("f"),
			.mode = 0644,
			.uid = 4294967295u,
			.gid = 70000,
			.mtime = 12,
			.mtime_ns = 500000000 } },
	{ "PAX time before 1970", { .name = "f", .pax = "mtime=-1.25\n" },
		{ .path = S("f"), .mode = 0644, .mtime = -2, .mtime_ns = 750000000 } },
	{ "the last PAX record wins", { .name = "f", .pax = "path=a\npath=b\n" },
		{ .path = S("b"), .mode = 0644 } },
	{ "an empty PAX value withdraws", { .name = "f", .pax = "path=a\npath=\n" },
		{ .path = S("f"), .mode = 0644 } },
	{ "unknown PAX keys", { .name = "f", .pax = "comment=x\nctime=1\n" },
		{ .path = S("f"), .mode = 0644 } },
};

static void check_entry(const struct tar_entry *got, const struct tar_entry *want)
{
	assert_int_equal(got->type, want->type);
	assert_string_equal(got->path, want->path);
	assert_true(want->link ? got->link && str_equal(got->link, want->link) : !got->link);
	assert_int_equal(got->mode, want->mode);
	assert_int_equal(got->uid, want->uid);
	assert_int_equal(got->gid, want->gid);
	assert_int_equal(got->size, want->size);
	assert_int_equal(got->mtime, want->mtime);
	assert_int_equal(got->mtime_ns, want->mtime_ns);
	assert_int_equal(got->major, want->major);
	assert_int_equal(got->minor, want->minor);
}

static void test_good(void **state)
{
	static const size_t steps[] = { 1, 511, 512, 513, 1 << 20 };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
		tar_add(&b, &good[i].item);
		tar_finish(&b);
		for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
			AUTO(seen_done) struct seen s = { .data = BUF_INIT(1 << 20) };
			print_message("%s, %zu\n", good[i].what, steps[k]);
			assert_ok(parse_steps(buf_bytes(&b), steps[k], &s));
			assert_int_equal(s.entries, 1);
			check_entry(&s.e, &good[i].want);
			assert_int_equal(s.ends, s.e.type == TAR_FILE ? 1 : 0);
			assert_bytes_equal(buf_bytes(&s.data), good[i].item.data);
		}
	}
}

static void test_xattrs(void **state)
{
	AUTO(seen_done) struct seen s = { .data = BUF_INIT(1 << 20) };
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	(void)state;

	tar_add(&b, &(struct tar_item){ .name = "f",
			    .pax = "SCHILY.xattr.user.a=1=2\nSCHILY.xattr.user.empty=\n"
				   "SCHILY.xattr.user.a=3\n" });
	assert_ok(parse_steps(buf_bytes(&b), 512, &s));
	assert_int_equal(s.e.n_xattrs, 2);
	assert_string_equal(s.e.xattrs[0].name, "user.a");
	assert_bytes_equal(bytes_of(s.e.xattrs[0].value, s.e.xattrs[0].n), bytes_str("3"));
	assert_string_equal(s.e.xattrs[1].name, "user.empty");
	assert_int_equal(s.e.xattrs[1].n, 0);
}

static void test_long_names(void **state)
{
	AUTO(seen_done) struct seen s = { .data = BUF_INIT(1 << 20) };
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	char name[301] = { 0 };
	(void)state;

	memset(name, 'n', 300);
	tar_add_raw(&b, 'g', "pax_global_header", bytes_str("16 path=ignored\n"));
	tar_add_raw(&b, 'L', "././@LongLink", bytes_of(name, 301));
	tar_add_raw(&b, 'K', "././@LongLink", bytes_str("target"));
	tar_add(&b, &(struct tar_item){ .name = "cut", .type = '2', .link = "cut" });
	assert_ok(parse_steps(buf_bytes(&b), 100, &s));
	assert_string_equal(s.e.path, name);
	assert_string_equal(s.e.link, "target");
	/* They belong to one entry only. */
	tar_add(&b, &(struct tar_item){ .name = "next" });
	assert_ok(parse_steps(buf_bytes(&b), 100, &s));
	assert_string_equal(s.e.path, "next");
}

static void test_prefix_field(void **state)
{
	AUTO(seen_done) struct seen s = { .data = BUF_INIT(1 << 20) };
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	(void)state;

	tar_add(&b, &(struct tar_item){ .name = "name" });
	memcpy(b.p + 345, "some/dir", 8);
	tar_seal(b.p);
	assert_ok(parse_steps(buf_bytes(&b), 512, &s));
	assert_string_equal(s.e.path, "some/dir/name");
	memcpy(b.p + 257, "ustar  ", 8); /* old GNU: other things are there */
	tar_seal(b.p);
	assert_ok(parse_steps(buf_bytes(&b), 512, &s));
	assert_string_equal(s.e.path, "name");
}

static void test_base256(void **state)
{
	AUTO(seen_done) struct seen s = { .data = BUF_INIT(1 << 20) };
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	(void)state;

	tar_add(&b, &(struct tar_item){ .name = "f" });
	memcpy(b.p + 108, "\x80\0\0\0\xff\xff\xff\xfe", 8);
	memset(b.p + 136, 0xff, 12); /* -1 */
	tar_seal(b.p);
	assert_ok(parse_steps(buf_bytes(&b), 512, &s));
	assert_int_equal(s.e.uid, 0xfffffffe);
	assert_int_equal(s.e.mtime, -1);
	memcpy(b.p + 108, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	tar_seal(b.p);
	assert_err(parse_steps(buf_bytes(&b), 512, &s), ERR_LIMIT);
	assert_err_text("uid out of range");
}

struct bad_pax {
	const char *text;
	enum err_code code;
	const char *error;
};

static void test_bad_pax(void **state)
{
	static const struct bad_pax cases[] = {
		{ "7 a=b\n", ERR_FORMAT, "record longer" },
		{ "99999999999 a=b\n", ERR_FORMAT, "without a length" },
		{ "x a=b\n", ERR_FORMAT, "record length" },
		{ "6 a=bc", ERR_FORMAT, "without its newline" },
		{ "5 ab\n", ERR_FORMAT, "without a key" },
		{ "5 =b\n", ERR_FORMAT, "without a key" },
		{ "1 ", ERR_FORMAT, "record longer" },
		{ "9 uid=-1\n", ERR_FORMAT, "uid" },
		{ "9 size=x\n", ERR_FORMAT, "size" },
		{ "18 uid=4294967296\n", ERR_LIMIT, "uid" },
		{ "11 mtime=.\n", ERR_FORMAT, "mtime" },
		{ "13 mtime=1.x\n", ERR_FORMAT, "mtime" },
		{ "22 GNU.sparse.major=1\n", ERR_DENIED, "sparse" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
		print_message("%s\n", cases[i].text);
		tar_add_raw(&b, 'x', "x", bytes_str(cases[i].text));
		assert_err(parse(NULL, buf_bytes(&b)), cases[i].code);
		assert_err_text(cases[i].error);
	}
}

static void test_bad_headers(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	(void)state;

	tar_add(&b, &(struct tar_item){ .name = "sparse", .type = 'S' });
	assert_err(parse(NULL, buf_bytes(&b)), ERR_DENIED);
	assert_err_text("image.tar-type");
	assert_err_text("'S' of sparse");
	buf_clear(&b);
	tar_add(&b, &(struct tar_item){ .name = "" });
	assert_err(parse(NULL, buf_bytes(&b)), ERR_FORMAT);
	assert_err_text("empty name");
	buf_clear(&b);
	tar_add(&b, &(struct tar_item){ .name = "l", .type = '2', .link = "" });
	assert_err(parse(NULL, buf_bytes(&b)), ERR_FORMAT);
	assert_err_text("link without a target");
	buf_clear(&b);
	tar_add(&b, &(struct tar_item){ .name = "f" });
	tar_finish(&b);
	tar_add(&b, &(struct tar_item){ .name = "hidden" });
	assert_err(parse(NULL, buf_bytes(&b)), ERR_FORMAT);
	assert_err_text("after the end");
	buf_clear(&b);
	tar_add_raw(&b, 'L', "x", BYTES_NONE);
	memcpy(b.p + 124, "00000020000\0", 12);
	tar_seal(b.p);
	assert_err(parse(NULL, buf_bytes(&b)), ERR_LIMIT);
	buf_clear(&b);
	tar_add_raw(&b, 'x', "x", bytes_of("11 path=a\0b\n", 12));
	assert_err(parse(NULL, buf_bytes(&b)), ERR_FORMAT);
}

static void test_prefix_and_flip(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	(void)state;

	tar_add(&b, &(struct tar_item){ .name = "f",
			    .pax = "path=x\nSCHILY.xattr.user.a=b\n",
			    .data = bytes_str("0123456789") });
	each_prefix_survives(buf_bytes(&b), parse, NULL);
	each_flip_survives(buf_bytes(&b), parse, NULL);
	/* Every byte of a header is under its checksum. */
	buf_clear(&b);
	tar_add(&b, &(struct tar_item){ .name = "directory/", .type = '5' });
	assert_ok(parse(NULL, buf_bytes(&b)));
	for (size_t i = 0; i < 512; i++) {
		if (i >= 148 && i < 156)
			continue;
		b.p[i] ^= 0x11;
		assert_err(parse(NULL, buf_bytes(&b)), ERR_FORMAT);
		b.p[i] ^= 0x11;
	}
	b.n = 511;
	assert_err(parse(NULL, buf_bytes(&b)), ERR_FORMAT);
	assert_err_text("truncated");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_xattrs),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_prefix_field),
		cmocka_unit_test(test_base256),
		cmocka_unit_test(test_bad_pax),
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_prefix_and_flip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
