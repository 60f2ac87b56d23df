#include "util.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

void assert_ok_(struct err e, const char *expr, const char *file, int line)
{
	if (!failed(e))
		return;
	print_error("%s: %s: %s\n", expr, err_code_name(e.code), err_text());
	_fail(file, line);
}

void assert_err_(struct err e, enum err_code want, const char *expr, const char *file, int line)
{
	if (e.code == want)
		return;
	print_error("%s: wanted %s, got %s: %s\n", expr, err_code_name(want), err_code_name(e.code),
		failed(e) ? err_text() : "");
	_fail(file, line);
}

void assert_err_text_(const char *part, const char *file, int line)
{
	if (strstr(err_text(), part))
		return;
	print_error("'%s' does not say '%s'\n", err_text(), part);
	_fail(file, line);
}

void assert_bytes_equal_(struct bytes a, struct bytes b, const char *file, int line)
{
	if (a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0))
		return;
	print_error("%zu bytes differ from %zu bytes\n", a.n, b.n);
	_fail(file, line);
}

static struct err parse_copy(struct bytes in, test_parse_fn *parse, void *arg)
{
	uint8_t *copy = malloc(in.n ? in.n : 1);

	assert_non_null(copy);
	if (in.n)
		memcpy(copy, in.p, in.n);
	struct err e = parse(arg, bytes_of(copy, in.n));
	free(copy);
	return e;
}

static void prefixes(struct bytes good, test_parse_fn *parse, void *arg, bool must_fail)
{
	for (size_t n = 0; n < good.n; n++) {
		struct err e = parse_copy(bytes_of(good.p, n), parse, arg);
		if (must_fail && !failed(e)) {
			print_error("a prefix of %zu of %zu bytes was accepted\n", n, good.n);
			fail();
		}
	}
}

void each_prefix(struct bytes good, test_parse_fn *parse, void *arg)
{
	prefixes(good, parse, arg, true);
}

void each_prefix_survives(struct bytes good, test_parse_fn *parse, void *arg)
{
	prefixes(good, parse, arg, false);
}

/* SEALPOD_FLIP_STEP=n: only every n-th byte, for emulated processors; said each time. */
static size_t flip_step(void)
{
	const char *text = getenv("SEALPOD_FLIP_STEP");
	size_t step = text ? strtoul(text, NULL, 10) : 1;

	if (step > 1)
		print_message(
			"SEALPOD_FLIP_STEP: every %zu. byte is changed, not every one\n", step);
	return step > 0 ? step : 1;
}

/* Every pattern in every byte, none left out because its neighbours were answered alike. */
static bool exhaustive(void)
{
	return getenv("SEALPOD_EXHAUSTIVE") != NULL;
}

struct flips {
	test_parse_fn *parse;
	void *arg;
	uint8_t *copy;
	size_t n;
	bool must_fail;
};

static struct err flip_with(const struct flips *f, size_t at, uint8_t mask)
{
	f->copy[at] ^= mask;
	struct err e = f->parse(f->arg, bytes_of(f->copy, f->n));
	f->copy[at] ^= mask;
	if (f->must_fail && !failed(e)) {
		print_error("byte %zu ^ %02x was accepted\n", at, mask);
		fail();
	}
	return e;
}

static struct err flip_at(const struct flips *f, size_t at)
{
	static const uint8_t masks[] = { 0x01, 0x80, 0xff };

	if (exhaustive())
		for (size_t m = 1; m < ARRAY_LEN(masks); m++)
			(void)flip_with(f, at, masks[(at + m) % ARRAY_LEN(masks)]);
	return flip_with(f, at, masks[at % ARRAY_LEN(masks)]);
}

static void flips(struct bytes good, test_parse_fn *parse, void *arg, bool must_fail)
{
	struct flips f = { parse, arg, malloc(good.n ? good.n : 1), good.n, must_fail };
	size_t step = flip_step();

	assert_non_null(f.copy);
	if (good.n)
		memcpy(f.copy, good.p, good.n);
	for (size_t i = 0; i < good.n; i += step)
		(void)flip_at(&f, i);
	free(f.copy);
}

void each_flip(struct bytes good, test_parse_fn *verify, void *arg)
{
	flips(good, verify, arg, true);
}

enum {
	SIGNED_STEP = 8,
};

/* What was said of the last change, to be compared with what is said of the next. */
struct answer {
	enum err_code code;
	char text[256];
};

static bool answered_alike(const struct flips *f, size_t at, struct answer *last)
{
	struct answer now = { .code = flip_at(f, at).code };

	(void)snprintf(now.text, sizeof(now.text), "%s", err_text());
	bool alike = now.code == ERR_UNVERIFIED && now.code == last->code &&
		     strcmp(now.text, last->text) == 0;
	*last = now;
	return alike;
}

void each_flip_signed(struct bytes good, test_parse_fn *verify, void *arg)
{
	struct flips f = { verify, arg, malloc(good.n ? good.n : 1), good.n, true };
	struct answer last = { .code = ERR_OK };
	size_t step = flip_step() > SIGNED_STEP ? flip_step() : SIGNED_STEP;

	if (exhaustive()) {
		free(f.copy);
		each_flip(good, verify, arg);
		return;
	}
	assert_non_null(f.copy);
	if (good.n)
		memcpy(f.copy, good.p, good.n);
	for (size_t i = 0; i < good.n; i += step)
		if (!answered_alike(&f, i, &last))
			for (size_t back = 1; back < step && back <= i; back++)
				(void)flip_at(&f, i - back);
	for (size_t i = (good.n - 1) / step * step + 1; i < good.n; i++)
		(void)flip_at(&f, i);
	free(f.copy);
}

void each_flip_survives(struct bytes good, test_parse_fn *parse, void *arg)
{
	flips(good, parse, arg, false);
}

static char dir[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_dir(void)
{
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_dir(void)
{
	if (!dir[0]) {
		(void)snprintf(dir, sizeof(dir), "/tmp/sealpod-test-XXXXXX");
		assert_non_null(mkdtemp(dir));
		assert_int_equal(atexit(remove_dir), 0);
	}
	return dir;
}

static const char *keep(const char *a, const char *b, const char *c)
{
	static char paths[16][512];
	static size_t next;
	char *to = paths[next++ % 16];

	(void)snprintf(to, sizeof(paths[0]), "%s%s%s", a, b, c);
	return to;
}

static const char *source_root(void)
{
	const char *root = getenv("SEALPOD_SOURCE");

	return root ? root : ".";
}

const char *test_source(const char *path)
{
	return keep(source_root(), "/", path);
}

const char *test_vector(const char *path)
{
	const char *root = getenv("SEALPOD_VECTORS");
	const char *full =
		root ? keep(root, "/", path) : keep(source_root(), "/../shared/vectors/", path);

	if (access(full, R_OK) != 0) {
		print_message("SKIPPED: no vectors at %s (set SEALPOD_VECTORS)\n", full);
		skip();
	}
	return full;
}

struct buf test_file(const char *path)
{
	struct buf b = BUF_INIT(64 * 1024 * 1024);
	FILE *f = fopen(path, "rbe");
	uint8_t chunk[4096];
	size_t n;

	if (!f) {
		print_error("cannot open %s\n", path);
		fail();
	}
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_put(&b, bytes_of(chunk, n));
	(void)fclose(f);
	assert_ok(buf_end(&b, path));
	return b;
}

static void *kept[256];
static size_t n_kept;

static void free_kept(void)
{
	while (n_kept > 0)
		free(kept[--n_kept]);
}

struct bytes test_hex(const char *hex)
{
	size_t n = strlen(hex) / 2;
	uint8_t *p = malloc(n ? n : 1);

	assert_non_null(p);
	assert_true(n_kept < ARRAY_LEN(kept));
	if (n_kept == 0)
		assert_int_equal(atexit(free_kept), 0);
	kept[n_kept++] = p;
	for (size_t i = 0; i < n; i++) {
		char two[3] = { hex[2 * i], hex[2 * i + 1], '\0' };
		p[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return bytes_of(p, n);
}
