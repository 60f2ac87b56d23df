/* LUKS2 headers: made here and read by cryptsetup, and the other way round, on plain files; and
 * what a host may have made of them. */
#include "luks2.h"
#include "util.h"

#include <fcntl.h>
#include <unistd.h>

#include <base/file.h>
#include <base/json.h>
#include <base/process.h>

static const uint64_t mib = 1024 * 1024;
static const char passphrase[] = "0123456789abcdef0123456789abcdef";

static struct bytes pass(void)
{
	return bytes_of(passphrase, sizeof(passphrase) - 1);
}

static char *in_dir(const char *name)
{
	static char paths[4][512];
	static size_t next;
	char *at = paths[next++ % ARRAY_LEN(paths)];

	(void)snprintf(at, sizeof(paths[0]), "%s/%s", test_dir(), name);
	return at;
}

static int make_device(uint64_t size)
{
	int fd;

	(void)unlink(in_dir("device"));
	fd = open(in_dir("device"), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static void put_at(int fd, uint64_t offset, struct bytes data)
{
	assert_int_equal(pwrite(fd, data.p, data.n, (off_t)offset), data.n);
}

static void make_volume(int fd, bool authentic, struct secret **ret_key)
{
	struct luks2 l = { 0 };

	assert_ok(luks2_format_begin(fd, authentic, &l, ret_key));
	assert_ok(luks2_format_end(fd, &l, pass(), *ret_key));
}

/* ---- cryptsetup ---- */

static bool have_cryptsetup(void)
{
	const char *argv[] = { "/usr/sbin/cryptsetup", "--version", NULL };
	int status = 1;

	return !failed(process_run(argv, BYTES_NONE, NULL, NULL, &status)) && status == 0;
}

static void test_read_by_cryptsetup(void **state)
{
	(void)state;
	AUTO(auto_close) int fd = make_device(64 * mib);
	AUTO(secret_freep) struct secret *key = NULL;
	const char *open_it[] = { "/usr/sbin/cryptsetup", "open", "--type", "luks2",
		"--test-passphrase", "--key-file", "-", in_dir("device"), NULL };
	const char *dump[] = { "/usr/sbin/cryptsetup", "luksDump", in_dir("device"), NULL };
	AUTO(buf_done) struct buf text = BUF_INIT(64 * 1024);

	if (!have_cryptsetup())
		skip();
	for (int authentic = 0; authentic < 2; authentic++) {
		secret_free(key);
		make_volume(fd, authentic, &key);
		text.n = 0;
		assert_ok(process_run_ok(dump, BYTES_NONE, &text));
		assert_non_null(strstr(buf_cstr(&text), "cipher: aes-xts-plain64"));
		assert_true(
			(strstr(buf_cstr(&text), "integrity: hmac(sha256)") != NULL) == authentic);
		assert_ok(process_run_ok(open_it, pass(), NULL));
		assert_true(failed(process_run_ok(open_it, bytes_str("another"), NULL)));
	}
}

static void read_dumped_key(struct buf *out)
{
	const char *argv[] = { "/usr/sbin/cryptsetup", "-q", "luksDump", "--dump-volume-key",
		"--volume-key-file", in_dir("volume-key"), "--key-file", "-", in_dir("device"),
		NULL };

	(void)unlink(in_dir("volume-key"));
	assert_ok(process_run_ok(argv, pass(), NULL));
	assert_ok(file_read(in_dir("volume-key"), out));
}

static void test_made_by_cryptsetup(void **state)
{
	(void)state;
	AUTO(auto_close) int fd = make_device(64 * mib);
	static const char *const hashes[] = { "sha256", "sha512" };
	AUTO(secret_freep) struct secret *key = NULL;

	if (!have_cryptsetup())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		AUTO(buf_done) struct buf expected = BUF_INIT(128);
		const char *argv[] = { "/usr/sbin/cryptsetup", "-q", "luksFormat", "--type",
			"luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--hash",
			hashes[i], "--cipher", "aes-xts-plain64", "--key-size", "512",
			"--sector-size", "4096", in_dir("device"), "-", NULL };
		struct luks2 l;

		assert_ok(process_run_ok(argv, pass(), NULL));
		secret_freep(&key);
		key = NULL;
		assert_ok(luks2_open(fd, false, pass(), &l, &key));
		read_dumped_key(&expected);
		assert_bytes_equal(secret_bytes(key), buf_bytes(&expected));
		assert_int_equal(l.data_offset, 16 * mib);
		assert_int_equal(l.sector_size, 4096);
	}
}

/* What cryptsetup does by default is refused with what to do. */
static void test_other_kdf(void **state)
{
	(void)state;
	AUTO(auto_close) int fd = make_device(64 * mib);
	AUTO(secret_freep) struct secret *key = NULL;
	const char *argv[] = { "/usr/sbin/cryptsetup", "-q", "luksFormat", "--type", "luks2",
		"--pbkdf", "argon2id", "--pbkdf-force-iterations", "4", "--pbkdf-memory", "32",
		in_dir("device"), "-", NULL };
	struct luks2 l;

	if (!have_cryptsetup())
		skip();
	assert_ok(process_run_ok(argv, pass(), NULL));
	assert_err(luks2_open(fd, false, pass(), &l, &key), ERR_UNSUPPORTED);
	assert_err_text("luksConvertKey");
}

/* ---- devices ---- */

static void test_again(void **state)
{
	(void)state;
	for (int authentic = 0; authentic < 2; authentic++) {
		AUTO(auto_close) int fd = make_device(64 * mib);
		AUTO(secret_freep) struct secret *made = NULL;
		AUTO(secret_freep) struct secret *key = NULL;
		struct luks2 l;

		make_volume(fd, authentic, &made);
		assert_int_equal(secret_size(made), authentic ? 96 : 64);
		assert_ok(luks2_open(fd, authentic, pass(), &l, &key));
		assert_bytes_equal(secret_bytes(key), secret_bytes(made));
		secret_freep(&key);
		key = NULL;
		assert_err(luks2_open(fd, authentic, bytes_str("wrong"), &l, &key), ERR_UNVERIFIED);
		/* A host cannot take the tags away. */
		assert_err(luks2_open(fd, !authentic, pass(), &l, &key), ERR_UNVERIFIED);
		/* The first header is damaged: the second one holds. */
		put_at(fd, 100, bytes_str("damage"));
		assert_ok(luks2_open(fd, authentic, pass(), &l, &key));
		secret_freep(&key);
		key = NULL;
		put_at(fd, 16 * 1024 + 100, bytes_str("damage"));
		assert_err(luks2_open(fd, authentic, pass(), &l, &key), ERR_UNVERIFIED);
		assert_null(key);
	}
}

static enum luks2_state look(int fd, uint64_t size)
{
	enum luks2_state state = LUKS2_OTHER;

	assert_ok(luks2_look(fd, size, &state));
	return state;
}

static void test_look(void **state)
{
	(void)state;
	static const struct {
		uint64_t at;
		enum luks2_state state;
	} cases[] = {
		{ 0, LUKS2_OTHER },
		{ 511, LUKS2_OTHER },
		{ 1080, LUKS2_OTHER }, /* ext4's magic */
		{ 16 * 1024 * 1024, LUKS2_OTHER },
		{ 40 * 1024 * 1024, LUKS2_EMPTY }, /* nothing has its begin or end there */
		{ 64 * 1024 * 1024 - 1, LUKS2_OTHER },
	};
	AUTO(auto_close) int empty = make_device(64 * mib);
	AUTO(secret_freep) struct secret *key = NULL;
	AUTO(secret_freep) struct secret *again = NULL;
	enum luks2_state small;
	struct luks2 l;

	assert_int_equal(look(empty, 64 * mib), LUKS2_EMPTY);
	assert_err(luks2_look(empty, 1000, &small), ERR_FORMAT);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(auto_close) int fd = make_device(64 * mib);

		put_at(fd, cases[i].at, bytes_str("x"));
		assert_int_equal(look(fd, 64 * mib), cases[i].state);
	}
	/* Killed at any moment of the formatting: no volume, and known as ours. */
	assert_ok(luks2_format_begin(empty, true, &l, &key));
	assert_int_equal(look(empty, 64 * mib), LUKS2_PARTLY);
	assert_true(failed(luks2_open(empty, true, pass(), &l, &again)));
	put_at(empty, 20 * mib, bytes_str("half a file system"));
	assert_int_equal(look(empty, 64 * mib), LUKS2_PARTLY);
	assert_ok(luks2_format_end(empty, &l, pass(), key));
	assert_int_equal(look(empty, 64 * mib), LUKS2_PRESENT);
}

/* ---- hostile headers ---- */

static struct err check_header(void *arg, struct bytes in)
{
	struct luks2_header h;
	struct bytes text;

	(void)arg;
	TRY(luks2_header_parse(
		bytes_of(in.p, in.n < LUKS2_BINARY ? in.n : LUKS2_BINARY), false, &h));
	return luks2_header_check(in, &h, &text);
}

static void test_header_damaged(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf header = BUF_INIT(64 * 1024);
	const struct luks2_identity id = { "8f2d1c3e-0000-4000-8000-000000000000" };
	AUTO(buf_done) struct buf over = BUF_INIT(64 * 1024);
	struct bytes long_text;

	assert_ok(luks2_header_write(false, &id, bytes_str("{}"), &header));
	assert_int_equal(header.n, 16 * 1024);
	assert_ok(check_header(NULL, buf_bytes(&header)));
	each_prefix(buf_bytes(&header), check_header, NULL);
	each_flip(buf_bytes(&header), check_header, NULL);
	long_text = buf_bytes(&header);
	assert_err(luks2_header_write(false, &id, long_text, &over), ERR_LIMIT);
}

static void written(bool authentic, struct buf *out)
{
	AUTO(buf_done) struct buf area = BUF_INIT(mib);
	AUTO(secret_freep) struct secret *key = NULL;
	struct luks2 l = { .data_offset = LUKS2_DATA_OFFSET,
		.sector_size = LUKS2_SECTOR,
		.key_n = authentic ? 96 : 64 };

	assert_ok(secret_new(l.key_n, &key));
	assert_ok(luks2_slot_make(&l, pass(), key, &area));
	assert_ok(luks2_write(&l, out));
	buf_u8(out, '\0');
}

static struct err parse(void *arg, struct bytes in)
{
	const bool *authentic = arg;
	struct luks2 l;

	return luks2_parse(in, *authentic, &l);
}

static void test_json_damaged(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(16 * 1024);
		bool authentic = i;

		written(authentic, &text);
		assert_ok(parse(&authentic, bytes_of(text.p, text.n - 1)));
		each_prefix(bytes_of(text.p, text.n - 1), parse, &authentic);
		each_flip_survives(bytes_of(text.p, text.n - 1), parse, &authentic);
	}
}

/* One text in place of another; both end up in the metadata of a volume with tags. */
static void test_json_hostile(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to;
		enum err_code code;
	} cases[] = {
		{ "\"raw\",\"offset\":\"32768\",\"size\":\"385024\",\"encryption\":\"aes-xts-"
		  "plain64",
			"\"raw\",\"offset\":\"32768\",\"size\":\"385024\",\"encryption\":\"cipher_"
			"null-ecb",
			ERR_UNSUPPORTED },
		{ "\"iv_tweak\":\"0\",\"encryption\":\"aes-xts-plain64\"",
			"\"iv_tweak\":\"0\",\"encryption\":\"cipher_null\"", ERR_UNSUPPORTED },
		{ "\"iv_tweak\":\"0\"", "\"iv_tweak\":\"1\"", ERR_UNSUPPORTED },
		{ "\"size\":\"dynamic\"", "\"size\":\"4096\"", ERR_UNSUPPORTED },
		{ "\"type\":\"crypt\"", "\"type\":\"linear\"", ERR_UNSUPPORTED },
		{ "\"sector_size\":4096", "\"sector_size\":1000", ERR_FORMAT },
		{ "\"sector_size\":4096", "\"sector_size\":0", ERR_FORMAT },
		{ "\"offset\":\"16777216\"", "\"offset\":\"16777217\"", ERR_FORMAT },
		{ "\"type\":\"hmac(sha256)\"", "\"type\":\"none\"", ERR_UNSUPPORTED },
		{ "\"integrity\"", "\"integrate\"", ERR_UNVERIFIED },
		{ "\"segments\":{\"0\":{", "\"segments\":{\"1\":{},\"0\":{", ERR_UNSUPPORTED },
		{ "\"config\":{", "\"config\":{\"requirements\":{\"mandatory\":[\"x\"]},",
			ERR_UNSUPPORTED },
		{ "\"stripes\":4000", "\"stripes\":0", ERR_FORMAT },
		{ "\"stripes\":4000", "\"stripes\":4001", ERR_FORMAT },
		{ "\"size\":\"385024\"", "\"size\":\"380000\"", ERR_FORMAT },
		{ "\"size\":\"385024\"", "\"size\":\"99999999999\"", ERR_FORMAT },
		{ "\"key_size\":96", "\"key_size\":64", ERR_FORMAT },
		{ "\"iterations\":100000", "\"iterations\":999", ERR_FORMAT },
		{ "\"iterations\":100000", "\"iterations\":4294967296", ERR_FORMAT },
		{ "\"type\":\"luks2\"", "\"type\":\"reencrypt\"", ERR_UNSUPPORTED },
		{ "\"keyslots\":[\"0\"]", "\"keyslots\":[\"1\"]", ERR_FORMAT },
		{ "\"segments\":[\"0\"]", "\"segments\":[\"1\"]", ERR_FORMAT },
		{ "\"segments\":[\"0\"]", "\"segments\":[0]", ERR_FORMAT },
	};
	bool authentic = true;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(16 * 1024);
		AUTO(buf_done) struct buf bad = BUF_INIT(16 * 1024);
		const char *at;
		struct err e;

		written(authentic, &text);
		at = strstr((const char *)text.p, cases[i].from);
		if (!at)
			fail_msg("case %zu: %s is not there", i, cases[i].from);
		buf_put(&bad, bytes_of(text.p, (size_t)(at - (const char *)text.p)));
		buf_puts(&bad, cases[i].to);
		buf_puts(&bad, at + strlen(cases[i].from));
		e = parse(&authentic, buf_bytes(&bad));
		/* A range that is passed is a limit or a format, as the number's reader has it. */
		if (!failed(e) || (e.code != cases[i].code && e.code != ERR_LIMIT))
			fail_msg("case %zu: %s: %s", i, cases[i].to,
				failed(e) ? err_text() : "taken");
	}
}

/* No change of the slot's area gives a key. */
static void test_area_damaged(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf area = BUF_INIT(mib);
	AUTO(secret_freep) struct secret *key = NULL;
	AUTO(secret_freep) struct secret *got = NULL;
	struct luks2 l = { .key_n = 64 };

	assert_ok(secret_new(l.key_n, &key));
	assert_ok(luks2_slot_make(&l, pass(), key, &area));
	assert_ok(luks2_slot_open(&l, &l.slots[0], pass(), buf_bytes(&area), &got));
	for (size_t at = 0; at < area.n; at += area.n / 5 + 1) {
		AUTO(secret_freep) struct secret *none = NULL;

		area.p[at] ^= 1;
		assert_err(luks2_slot_open(&l, &l.slots[0], pass(), buf_bytes(&area), &none),
			ERR_UNVERIFIED);
		area.p[at] ^= 1;
	}
	assert_err(
		luks2_slot_open(&l, &l.slots[0], pass(), bytes_of(area.p, 1000), &got), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_by_cryptsetup),
		cmocka_unit_test(test_made_by_cryptsetup),
		cmocka_unit_test(test_other_kdf),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_header_damaged),
		cmocka_unit_test(test_json_damaged),
		cmocka_unit_test(test_json_hostile),
		cmocka_unit_test(test_area_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
