/* The file systems of volumes, made on plain files by the real mke2fs. */
#include "filesystem.h"
#include "util.h"

#include <fcntl.h>

#include <base/file.h>
#include <base/reader.h>

enum {
	SUPERBLOCK = 1024,
	LOST_FOUND = 4 /* blocks; the agent removes it */
};

static const uint64_t mib = 1024 * 1024;

static void test_inodes(void **state)
{
	(void)state;
	assert_int_equal(filesystem_inode_ratio(1 << 30), 16384);
	assert_int_equal(filesystem_inode_ratio(UINT64_C(64) << 30), 16384);
	assert_int_equal(filesystem_inode_ratio(UINT64_C(1) << 40), 163840);
}

static const char *make_file(uint64_t size)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/device", test_dir());
	(void)unlink(path);
	AUTO(auto_close) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return path;
}

struct superblock {
	uint64_t blocks, free;
	uint32_t features, read_only;
};

/* Linux, fs/ext4/ext4.h: struct ext4_super_block. */
static struct superblock read_superblock(const char *path)
{
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t data[1024];
	struct reader r = rd_of(bytes_of(data, sizeof(data)));
	struct superblock s = { 0 };

	assert_int_equal(pread(fd, data, sizeof(data), SUPERBLOCK), sizeof(data));
	rd_skip(&r, 4);
	s.blocks = rd_le32(&r);
	rd_skip(&r, 4);
	s.free = rd_le32(&r);
	rd_skip(&r, 0x5c - 16);
	s.features = rd_le32(&r);
	rd_skip(&r, 4);
	s.read_only = rd_le32(&r);
	return s;
}

/* What df shows as available: ext4 keeps back a fiftieth, at most 4096 blocks. */
static uint64_t available(const struct superblock *s)
{
	uint64_t reserve = s->blocks / 50 < 4096 ? s->blocks / 50 : 4096;

	return (s->free + LOST_FOUND - reserve) * FILESYSTEM_BLOCK;
}

static void test_exact_size(void **state)
{
	(void)state;
	static const struct {
		uint64_t kib;
		uint64_t more; /* blocks, where a last group would be too small */
	} cases[] = {
		{ 64, 240 },
		{ 1024, 0 },
		{ 1028, 0 },
		{ 4000, 0 },
		{ 10 * 1024, 0 },
		{ 100 * 1024, 0 },
		{ 123 * 1024 + 4, 0 },
		{ 128 * 1024, 600 },
		{ 500 * 1024, 600 },
		{ 1024 * 1024, 600 },
		{ 5 * 1024 * 1024, 600 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct filesystem f = { .size = cases[i].kib * 1024 };
		const char *path = make_file(f.size + f.size / 16 + 64 * mib);
		struct superblock s;

		assert_ok(filesystem_make(path, &f));
		s = read_superblock(path);
		if (available(&s) < f.size ||
			available(&s) > f.size + cases[i].more * FILESYSTEM_BLOCK)
			fail_msg("%llu KiB: %llu bytes available, %llu wanted",
				(unsigned long long)cases[i].kib, (unsigned long long)available(&s),
				(unsigned long long)f.size);
	}
}

static void test_too_small(void **state)
{
	(void)state;
	const char *path = make_file(20 * mib);

	assert_err(filesystem_make(path, &(struct filesystem){ .size = 20 * mib }), ERR_LIMIT);
	assert_err_text("needs a device of");
	assert_err(filesystem_make(path, &(struct filesystem){ .size = UINT64_MAX }), ERR_LIMIT);
	assert_ok(filesystem_make(path, &(struct filesystem){ .size = 18 * mib }));
	assert_err(filesystem_make("/absent", &(struct filesystem){ 0 }), ERR_SYS);
	assert_err(filesystem_make("/dev/null", &(struct filesystem){ 0 }), ERR_FORMAT);
}

static void test_options(void **state)
{
	(void)state;
	static const struct {
		const char *options;
		bool good;
	} cases[] = {
		{ "", true },
		{ "-O ^has_journal -m 0 -i 163840 -I 128", true }, /* Kata's */
		{ "-E lazy_journal_init", true },
		{ "  -q\t-F ", true },
		{ "-E lazy_itable_init=0 -E root_owner=1:1", false },
		{ "-O", false },
		{ "-O -F", false },
		{ "-d /etc", false },
		{ "/dev/sda", false },
		{ "-J device=/dev/sda", false },
		{ "-E offset=/x", false },
		{ "-Eoffset=1", false },
		{ "-m 0 -m 0 -m 0 -m 0 -m 0 -m 0 -m 0 -m 0 -m 0", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct filesystem f = { .options = cases[i].options };
		struct err e = filesystem_make(make_file(64 * mib), &f);

		if (failed(e) == cases[i].good)
			fail_msg("'%s': %s", cases[i].options, failed(e) ? err_text() : "taken");
	}
}

static void test_journal(void **state)
{
	(void)state;
	const uint32_t has_journal = 4, sparse_super = 1;

	for (int lasts = 0; lasts < 2; lasts++) {
		const char *path = make_file(64 * mib);
		struct superblock s;

		assert_ok(filesystem_make(path, &(struct filesystem){ .lasts = lasts }));
		s = read_superblock(path);
		assert_int_equal(s.features & has_journal, lasts ? has_journal : 0);
		assert_int_equal(s.read_only & sparse_super, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inodes),
		cmocka_unit_test(test_exact_size),
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
