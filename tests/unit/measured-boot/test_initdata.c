#include "util.h"

#include <base/encode.h>
#include <measured-boot/initdata.h>

static const char sample[] =
	"version = \"0.1.0\"\n"
	"algorithm = \"sha384\"\n"
	"\n"
	"[data]\n"
	"\"aa.toml\" = '''\n[token_configs.kbs]\nurl = 'https://kbs:8080'\n'''\n"
	"\"policy.rego\" = \"package agent_policy\"\n";

static void test_parse(void **state)
{
	(void)state;
	AUTO(initdata_done) struct initdata d = { 0 };

	assert_ok(initdata_parse(bytes_str(sample), &d));
	assert_string_equal(d.version, "0.1.0");
	assert_int_equal(d.algorithm, DIGEST_SHA384);
	assert_int_equal(d.data.n, 2);
	assert_string_equal(json_map_get(&d.data, INITDATA_AA),
		"[token_configs.kbs]\nurl = 'https://kbs:8080'\n");
	assert_string_equal(json_map_get(&d.data, "policy.rego"), "package agent_policy");
	assert_null(json_map_get(&d.data, INITDATA_CDH));
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *toml;
		enum err_code code;
		const char *text;
	} cases[] = {
		{ "", ERR_FORMAT, "version" },
		{ "algorithm = 'sha256'\n[data]\n", ERR_FORMAT, "version" },
		{ "version = '0.1.0'\n[data]\n", ERR_FORMAT, "algorithm" },
		{ "version = '0.1.0'\nalgorithm = 'sha256'\n", ERR_FORMAT, "data" },
		{ "version = '0.2.0'\nalgorithm = 'sha256'\n[data]\n", ERR_UNSUPPORTED, "0.2.0" },
		{ "version = '0.1.0'\nalgorithm = 'sha1'\n[data]\n", ERR_UNSUPPORTED, "sha1" },
		{ "version = '0.1.0'\nalgorithm = 'sm3'\n[data]\n", ERR_UNSUPPORTED, "sm3" },
		{ "version = '0.1.0'\nalgorithm = 'SHA256'\n[data]\n", ERR_UNSUPPORTED, "SHA256" },
		{ "version = '0.1.0'\nalgorithm = 'sha256'\n[data]\na = 1\n", ERR_FORMAT, "data" },
		{ "version = '0.1.0'\nalgorithm = 'sha256'\n[data]\na = 'x'\na = 'y'\n", ERR_FORMAT,
			"initdata" },
		{ "version = '0.1.0'\nalgorithm = 'sha256'\nextra = 1\n[data]\n", ERR_FORMAT,
			"extra" },
		{ "version = '0.1.0'\nalgorithm = 'sha256'\n[data\n", ERR_FORMAT, "initdata" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct initdata d = { 0 };
		assert_err(initdata_parse(bytes_str(cases[i].toml), &d), cases[i].code);
		assert_err_text(cases[i].text);
		assert_null(d.version);
	}
}

static void test_too_large(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = BUF_INIT(2 * (size_t)INITDATA_MAX);
	struct initdata d = { 0 };

	buf_puts(&b, sample);
	while (b.n <= INITDATA_MAX)
		buf_puts(&b, "# a comment that says nothing\n");
	assert_err(initdata_parse(buf_bytes(&b), &d), ERR_LIMIT);
}

/* Digests of the sample by sha384sum: over the exact bytes, not over their meaning. */
static void test_digest(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = BUF_INIT(4096);
	struct digest_value want = { 0 }, got = { 0 };

	assert_ok(digest(DIGEST_SHA384, bytes_str(sample), &want));
	assert_ok(initdata_digest(bytes_str(sample), &got));
	assert_int_equal(got.alg, DIGEST_SHA384);
	assert_bytes_equal(digest_bytes(&got), digest_bytes(&want));
	buf_puts(&b, sample);
	buf_puts(&b, "\n");
	assert_ok(initdata_digest(buf_bytes(&b), &got));
	assert_false(bytes_equal(digest_bytes(&got), digest_bytes(&want)));
}

static void test_make_round_trip(void **state)
{
	(void)state;
	static const char *const values[] = { "plain\ntext\n", "", "ends with '", "has ''' inside",
		"line\r\nends\tand \x01 \"quotes\" \\ back", "\n\nblank lines first",
		"gr\xc3\xbc\xc3\x9f" };
	struct json_pair pairs[ARRAY_LEN(values)];
	struct json_pair backwards[ARRAY_LEN(values)];
	char names[ARRAY_LEN(values)][16], texts[ARRAY_LEN(values)][64];
	AUTO(buf_done) struct buf a = BUF_INIT(8192);
	AUTO(buf_done) struct buf b = BUF_INIT(8192);
	AUTO(initdata_done) struct initdata d = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		(void)snprintf(names[i], sizeof(names[i]), "n \"%zu\"\n", i);
		(void)snprintf(texts[i], sizeof(texts[i]), "%s", values[i]);
		pairs[i] = (struct json_pair){ .name = names[i], .value = texts[i] };
		backwards[ARRAY_LEN(values) - 1 - i] = pairs[i];
	}
	struct json_map forth = { .v = pairs, .n = ARRAY_LEN(pairs) };
	struct json_map back = { .v = backwards, .n = ARRAY_LEN(pairs) };
	assert_ok(initdata_make(DIGEST_SHA256, &forth, &a));
	assert_ok(initdata_make(DIGEST_SHA256, &back, &b));
	assert_bytes_equal(buf_bytes(&a), buf_bytes(&b));
	assert_ok(initdata_parse(buf_bytes(&a), &d));
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		assert_string_equal(json_map_get(&d.data, names[i]), values[i]);
}

static void test_make_refuses(void **state)
{
	(void)state;
	char a[] = "a", text[] = "1", not_text[] = "\xff";
	struct json_pair twice[] = { { a, text }, { a, text } };
	struct json_pair broken[] = { { a, not_text } };
	AUTO(buf_done) struct buf b = BUF_INIT(8192);

	assert_err(initdata_make(DIGEST_SHA256, &(struct json_map){ twice, 2 }, &b), ERR_FORMAT);
	assert_err(initdata_make(DIGEST_SHA256, &(struct json_map){ broken, 1 }, &b), ERR_FORMAT);
	assert_err(initdata_make(DIGEST_SHA1, &(struct json_map){ 0 }, &b), ERR_UNSUPPORTED);
	assert_int_equal(b.n, 0);
}

static RESULT parse_image(void *arg, struct bytes in)
{
	(void)arg;
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);

	return initdata_image_parse(in, &toml);
}

static RESULT parse_annotation(void *arg, struct bytes in)
{
	(void)arg;
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);

	return initdata_annotation_parse(in, &toml);
}

static void test_image(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf image = BUF_INIT(INITDATA_IMAGE_MAX);
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);

	assert_ok(initdata_image_make(bytes_str(sample), &image));
	assert_int_equal(image.n, 512);
	assert_memory_equal(image.p, "initdata", 8);
	assert_int_equal(image.p[16], 0x1f); /* gzip */
	assert_ok(initdata_image_parse(buf_bytes(&image), &toml));
	assert_bytes_equal(buf_bytes(&toml), bytes_str(sample));
	assert_true(initdata_image_is(buf_bytes(&image)));
	assert_false(initdata_image_is(bytes_str("initdat")));

	size_t used = 16 + image.p[8] + 256U * image.p[9];
	each_prefix(bytes_of(image.p, used), parse_image, NULL);
	each_flip_survives(buf_bytes(&image), parse_image, NULL);
	image.p[image.n - 1] = 1;
	assert_err(parse_image(NULL, buf_bytes(&image)), ERR_FORMAT);
}

/* The gzip checksum covers the text, so no change of the compressed data passes unseen. */
static void test_annotation(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf text = BUF_INIT(INITDATA_IMAGE_MAX);
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);

	assert_ok(initdata_annotation_make(bytes_str(sample), &text));
	assert_memory_equal(text.p, "H4sI", 4);
	assert_ok(initdata_annotation_parse(buf_bytes(&text), &toml));
	assert_bytes_equal(buf_bytes(&toml), bytes_str(sample));
	each_prefix(buf_bytes(&text), parse_annotation, NULL);
	buf_puts(&text, "AAAA");
	assert_true(failed(parse_annotation(NULL, buf_bytes(&text))));
}

static void test_bombs(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf zeros = BUF_INIT(64 * 1024 * 1024);
	AUTO(buf_done) struct buf image = BUF_INIT(INITDATA_IMAGE_MAX);

	buf_zero(&zeros, 32 * 1024 * 1024);
	assert_ok(initdata_image_make(buf_bytes(&zeros), &image));
	assert_true(image.n < 64 * 1024);
	assert_err(parse_image(NULL, buf_bytes(&image)), ERR_LIMIT);
	memset(image.p + 8, 0xff, 8);
	assert_err(parse_image(NULL, buf_bytes(&image)), ERR_LIMIT);
}

static void test_not_images(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "initdata", "INITDATA________________",
		"initdata\x04\0\0\0\0\0\0\0zzzz" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(parse_image(NULL, bytes_of(bad[i], i == 3 ? 20 : strlen(bad[i]))),
			ERR_FORMAT);
	assert_err(parse_annotation(NULL, bytes_str("not base64!")), ERR_FORMAT);
	assert_err(parse_annotation(NULL, bytes_str("bm90IGd6aXA=")), ERR_FORMAT);
}

static struct digest_value some_digest(enum digest_alg alg, uint8_t fill)
{
	struct digest_value d = { .alg = alg, .n = digest_size(alg) };

	memset(d.v, fill, d.n);
	return d;
}

static void test_append(void **state)
{
	struct digest_value d = some_digest(DIGEST_SHA256, 0xab);
	AUTO(auto_free) char *text = NULL;
	AUTO(auto_free) char *alone = NULL;
	bool bound = false;

	(void)state;
	assert_ok(initdata_append("quiet", &d, &text));
	assert_string_equal(text,
		"quiet sealpod.initdata=sha256:"
		"abababababababababababababababababababababababababababababababab");
	assert_ok(initdata_check_append(bytes_str(text), &d, &bound));
	assert_true(bound);
	d = some_digest(DIGEST_SHA512, 0xcd);
	assert_ok(initdata_append("", &d, &alone));
	assert_ok(initdata_check_append(bytes_str(alone), &d, &bound));
	assert_true(bound);
	assert_null(strchr(alone, ' '));
}

#define AB "abababababababababababababababababababababababababababababababab"

static void test_check_append(void **state)
{
	static const struct {
		const char *cmdline;
		bool ok, bound;
	} cases[] = {
		{ "", true, false },
		{ "quiet x.initdata=1 sealpod.initdat=2 =\n", true, false },
		{ "sealpod.initdata", true, false },
		{ "xsealpod.initdata=sha256:00", true, false },
		{ "quiet\tsealpod.initdata=sha256:" AB "\n", true, true },
		{ "sealpod.initdata=sha256:" AB " sealpod.initdata=sha256:" AB, true, true },
		{ "sealpod.initdata=sha256:" AB " sealpod.initdata=sha256:00", false, false },
		{ "sealpod.initdata=sha256:00 sealpod.initdata=sha256:" AB, false, false },
		{ "sealpod.initdata=", false, false },
		{ "sealpod.initdata=" AB, false, false },
		{ "sealpod.initdata=sha384:" AB, false, false },
		{ "sealpod.initdata=sha256:" AB "ab", false, false },
		{ "sealpod.initdata=\"sha256:" AB "\"", false, false },
	};
	struct digest_value d = some_digest(DIGEST_SHA256, 0xab);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool bound = false;
		struct err e = initdata_check_append(bytes_str(cases[i].cmdline), &d, &bound);

		assert_int_equal(failed(e), !cases[i].ok);
		assert_int_equal(bound, cases[i].bound);
		if (cases[i].ok)
			continue;
		assert_int_equal(e.code, ERR_DENIED);
		assert_string_equal(err_denial()->code, "initdata.mismatch");
		assert_string_equal(err_denial()->field, "sealpod.initdata");
		assert_string_equal(err_denial()->actual, "sha256:" AB);
	}
}

static struct err check_bound(void *arg, struct bytes in)
{
	bool bound = false;

	TRY(initdata_check_append(in, arg, &bound));
	return bound ? OK : err_new(ERR_FORMAT, "not bound");
}

/* No byte of the value may differ; one of the name makes it unbound. */
static void test_check_append_damaged(void **state)
{
	static const char text[] = "sealpod.initdata=sha256:" AB;
	struct digest_value d = some_digest(DIGEST_SHA256, 0xab);

	(void)state;
	each_prefix(bytes_str(text), check_bound, &d);
	each_flip(bytes_str(text), check_bound, &d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_check_append),
		cmocka_unit_test(test_check_append_damaged),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_make_round_trip),
		cmocka_unit_test(test_make_refuses),
		cmocka_unit_test(test_image),
		cmocka_unit_test(test_annotation),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_not_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
