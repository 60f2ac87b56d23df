#include "registry_auth.h"
#include "registry_config.h"
#include "sigstore_config.h"
#include "util.h"

#include <stdlib.h>

static void test_challenge(void **state)
{
	static const struct {
		const char *header;
		bool bearer;
		const char *realm, *service;
	} good[] = {
		{ "Bearer realm=\"https://a/token\",service=\"reg, x\",scope=\"s\"", true,
			"https://a/token", "reg, x" },
		{ "bearer Realm=https://a , Service=b", true, "https://a", "b" },
		{ "Bearer realm=\"a\\\"b\"", true, "a\"b", NULL },
		{ "Basic realm=\"x\"", false, "x", NULL },
		{ "Basic", false, NULL, NULL },
	};
	static const char *const bad[] = { "Digest realm=x", "Bearer service=x", "Bearer realm",
		"Bearer realm=\"open", "" };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(auth_challenge_done) struct auth_challenge c = { 0 };
		print_message("%s\n", good[i].header);
		assert_ok(auth_challenge_parse(good[i].header, &c));
		assert_int_equal(c.bearer, good[i].bearer);
		assert_true(
			good[i].realm ? c.realm && str_equal(c.realm, good[i].realm) : !c.realm);
		assert_true(good[i].service ? c.service && str_equal(c.service, good[i].service)
					    : !c.service);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(auth_challenge_done) struct auth_challenge c = { 0 };
		assert_true(failed(auth_challenge_parse(bad[i], &c)));
	}
}

static void check_auth(const char *file, const char *image, const char *want)
{
	AUTO(img_reference_done) struct img_reference r = { 0 };
	AUTO(auto_free) char *basic = NULL;

	print_message("%s\n", image);
	assert_ok(img_reference_parse(image, &r));
	assert_ok(auth_file_lookup(bytes_str(file), &r, &basic));
	assert_true(want ? basic && str_equal(basic, want) : !basic);
}

static void test_auth_file(void **state)
{
	static const char file[] = "{\"auths\":{\"r.io\":{\"auth\":\"cmVn\"},"
				   "\"r.io/a\":{\"auth\":\"cGFyZW50\"},"
				   "\"r.io/a/b\":{\"auth\":\"cmVwbw==\"},"
				   "\"https://index.docker.io/v1/\":{\"auth\":\"aHVi\"},"
				   "\"http://s.io:5000\":{\"auth\":\"cw==\"},"
				   "\"helper.io\":{}},\"credHelpers\":{}}";
	AUTO(img_reference_done) struct img_reference r = { 0 };
	char *basic;
	(void)state;

	check_auth(file, "r.io/a/b:1", "Basic cmVwbw==");
	check_auth(file, "r.io/a/c", "Basic cGFyZW50");
	check_auth(file, "r.io/ab", "Basic cmVn");
	check_auth(file, "busybox", "Basic aHVi");
	check_auth(file, "s.io:5000/x", "Basic cw==");
	check_auth(file, "s.io/x", NULL);
	check_auth(file, "helper.io/x", NULL);
	check_auth("", "r.io/x", NULL);
	check_auth("{\"auths\":[{\"auth\":\"x\"}]}", "r.io/x", NULL);
	assert_ok(img_reference_parse("r.io/x", &r));
	assert_err(auth_file_lookup(bytes_str("{"), &r, &basic), ERR_FORMAT);
	assert_err_text("auth file");
}

static void check_sources(const char *toml, const char *image, const char *want)
{
	AUTO(registry_sources_done) struct registry_sources s = { 0 };
	AUTO(img_reference_done) struct img_reference r = { 0 };
	AUTO(buf_done) struct buf got = BUF_INIT(4096);

	assert_ok(img_reference_parse(image, &r));
	assert_ok(registry_sources_of(bytes_str(toml), &r, &s));
	for (size_t i = 0; i < s.n; i++) {
		AUTO(auto_free) char *name = NULL;
		assert_ok(img_reference_print(&s.v[i].reference, &name));
		buf_printf(&got, "%s%s ", name, s.v[i].plain_http ? "!" : "");
	}
	assert_string_equal(buf_cstr(&got), want);
}

static void test_sources(void **state)
{
	static const char toml[] =
		"[[registry]]\nprefix = \"example.com/foo\"\nlocation = \"internal.io/bar\"\n"
		"[[registry.mirror]]\nlocation = \"mirror.io/m\"\ninsecure = true\n"
		"[[registry]]\nprefix = \"example.com/foo/deep\"\n"
		"[[registry]]\nlocation = \"plain.io\"\ninsecure = true\n"
		"[[registry]]\nprefix = \"*.wild.io\"\nlocation = \"tame.io\"\n"
		"[[registry]]\nlocation = \"bad.io\"\nblocked = true\n";
	AUTO(registry_sources_done) struct registry_sources s = { 0 };
	AUTO(img_reference_done) struct img_reference r = { 0 };
	(void)state;

	check_sources("", "r.io/x", "r.io/x:latest ");
	check_sources(toml, "r.io/x", "r.io/x:latest ");
	check_sources(toml, "example.com/foo/a:1", "mirror.io/m/a:1! internal.io/bar/a:1 ");
	check_sources(toml, "example.com/foo:1", "mirror.io/m:1! internal.io/bar:1 ");
	check_sources(toml, "example.com/food:1", "example.com/food:1 ");
	check_sources(toml, "example.com/foo/deep:1", "example.com/foo/deep:1 ");
	check_sources(toml, "r.io/example.com/foo:1", "r.io/example.com/foo:1 ");
	check_sources(toml, "plain.io/x:1", "plain.io/x:1! ");
	check_sources(toml, "plain.io:5000/x:1", "plain.io:5000/x:1! ");
	check_sources(toml, "a.b.wild.io/x:1", "tame.io/x:1 ");
	check_sources(toml, "wild.io/x:1", "wild.io/x:1 ");
	assert_ok(img_reference_parse("bad.io/x", &r));
	assert_err(registry_sources_of(bytes_str(toml), &r, &s), ERR_DENIED);
	assert_string_equal(err_denial()->code, "image.policy-reject");
	assert_err(registry_sources_of(bytes_str("[[registry"), &r, &s), ERR_FORMAT);
}

static const char sigstore[] = "# where signatures are\n"
			       "---\n"
			       "default-docker:\n"
			       "  sigstore: file:///var/lib/default # trailing\n"
			       "docker:\n"
			       "  r.io:5000:\n"
			       "    sigstore: \"https://s.io/#sigs\"\n"
			       "    sigstore-staging: file:///staging\n"
			       "\n"
			       "  'r.io:5000/a/b':\n"
			       "    lookaside: file:///b\n";

static RESULT parse_sigstore(void *arg, struct bytes in)
{
	AUTO(sigstore_config_done) struct sigstore_config c = { 0 };

	(void)arg;
	return sigstore_config_parse(in, &c);
}

static void check_sigstore(const struct sigstore_config *c, const char *image, const char *want)
{
	AUTO(img_reference_done) struct img_reference r = { 0 };
	const char *url = NULL;

	assert_ok(img_reference_parse(image, &r));
	assert_ok(sigstore_config_find(c, &r, &url));
	assert_true(want ? url && str_equal(url, want) : !url);
}

static void test_sigstore(void **state)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
		{ "docker:\n\tr.io:\n", "line 2: indented with a tab" },
		{ "just text\n", "line 1: no \"key: value\"" },
		{ "docker:\n  r.io:\n    sigstore: ftp://x\n", "neither file:// nor https://" },
		{ "docker:\n  r.io:\n    sigstore: file:///a\n    sigstore: file:///b\n",
			"two entries for r.io" },
		{ "sigstore: file:///a\n", "outside docker" },
		{ "a:\n b:\n  c:\n   d: x\n", "nested too deeply" },
		{ "docker: {r.io: {sigstore: x}}\n", "line 1: value" },
		{ "docker:\n  r.io:\n    sigstore: &anchor file:///a\n", "value" },
	};
	AUTO(sigstore_config_done) struct sigstore_config c = { 0 }, none = { 0 };
	(void)state;

	assert_ok(sigstore_config_parse(bytes_str(sigstore), &c));
	check_sigstore(&c, "r.io:5000/x", "https://s.io/#sigs");
	check_sigstore(&c, "r.io:5000/a/b/c", "file:///b");
	check_sigstore(&c, "r.io/x", "file:///var/lib/default");
	check_sigstore(&none, "r.io/x", NULL);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		print_message("%s\n", bad[i].text);
		assert_true(failed(parse_sigstore(NULL, bytes_str(bad[i].text))));
		assert_err_text(bad[i].error);
	}
	each_prefix_survives(bytes_str(sigstore), parse_sigstore, NULL);
	each_flip_survives(bytes_str(sigstore), parse_sigstore, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_challenge),
		cmocka_unit_test(test_auth_file),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_sigstore),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
