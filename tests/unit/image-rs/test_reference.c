#include "util.h"

#include <stdlib.h>

#include <image-rs/reference.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_good(void **state)
{
	static const struct {
		const char *text, *printed, *repository, *tag;
	} cases[] = {
		{ "busybox", "docker.io/library/busybox:latest", "library/busybox", "latest" },
		{ "docker.io/busybox:1", "docker.io/library/busybox:1", "library/busybox", "1" },
		{ "index.docker.io/a/b", "docker.io/a/b:latest", "a/b", "latest" },
		{ "a/b", "docker.io/a/b:latest", "a/b", "latest" },
		{ "10.0.2.2:5000/app", "10.0.2.2:5000/app:latest", "app", "latest" },
		{ "localhost/x", "localhost/x:latest", "x", "latest" },
		{ "[::1]:5000/x:t", "[::1]:5000/x:t", "x", "t" },
		{ "Host/x", "Host/x:latest", "x", "latest" },
		{ "r.io/a--b/c__d/e.f/g_h:V-1.x_", "r.io/a--b/c__d/e.f/g_h:V-1.x_",
			"a--b/c__d/e.f/g_h", "V-1.x_" },
		{ "r.io/x@sha256:" HEX64, "r.io/x@sha256:" HEX64, "x", NULL },
		{ "r.io:80/x:t@sha256:" HEX64, "r.io:80/x@sha256:" HEX64, "x", "t" },
		{ "x@sha512:" HEX64 HEX64, "docker.io/library/x@sha512:" HEX64 HEX64, "library/x",
			NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(img_reference_done) struct img_reference r = { 0 };
		AUTO(auto_free) char *printed = NULL;
		assert_ok(img_reference_parse(cases[i].text, &r));
		assert_ok(img_reference_print(&r, &printed));
		assert_string_equal(printed, cases[i].printed);
		assert_string_equal(r.repository, cases[i].repository);
		assert_true(cases[i].tag ? r.tag && str_equal(r.tag, cases[i].tag) : !r.tag);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "", "repository" },
		{ "/x", "repository" },
		{ "x/", "repository" },
		{ "r.io//x", "repository" },
		{ "r.io/../x", "repository" },
		{ "r.io/X", "repository" },
		{ "r.io/-x", "repository" },
		{ "r.io/x-", "repository" },
		{ "r.io/a___b", "repository" },
		{ "r.io/a..b", "repository" },
		{ "r.io/a b", "repository" },
		{ "https://r.io/x", "registry" },
		{ "-r.io/x", "registry" },
		{ "r..io/x", "registry" },
		{ "r.io:port/x", "registry" },
		{ "r.io:/x", "registry" },
		{ "[::1/x", "registry" },
		{ "r.io/x:", "tag" },
		{ "r.io/x:-t", "tag" },
		{ "r.io/x:a/../b:c d", "tag" },
		{ "r.io/x@sha256:abc", "digest" },
		{ "r.io/x@md5:" HEX64, "digest" },
		{ "r.io/x@sha256:" HEX64 "0", "digest" },
		{ "r.io/x@sha256:ABCDEF6789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
			"digest" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(img_reference_done) struct img_reference r = { 0 };
		print_message("%s\n", cases[i].text);
		assert_err(img_reference_parse(cases[i].text, &r), ERR_FORMAT);
		assert_err_text("image reference");
		assert_err_text(cases[i].error);
		assert_null(r.registry);
	}
}

static void test_limits(void **state)
{
	AUTO(img_reference_done) struct img_reference r = { 0 };
	char text[600] = { 0 };
	(void)state;

	memset(text, 'a', sizeof(text) - 1);
	assert_err(img_reference_parse(text, &r), ERR_LIMIT);
	text[250] = '\0';
	assert_err(img_reference_parse(text, &r), ERR_LIMIT);
	assert_err_text("longer than 255");
	assert_true(img_is_tag("_"));
	text[128] = '\0';
	assert_true(img_is_tag(text));
	text[128] = 'a';
	text[129] = '\0';
	assert_false(img_is_tag(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
