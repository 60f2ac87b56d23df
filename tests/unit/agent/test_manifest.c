#include "util.h"

#include <policy/manifest_check.h>

static const char good[] =
	"{\"version\":1,\"containers\":["
	"{\"name\":\"init\",\"image\":\"r/init@sha256:aa\"},"
	"{\"name\":\"app\",\"image\":\"r/app:1\",\"argv\":[\"/bin/hello\",\"~[a-z]+\"],"
	"\"env\":{\"MODE\":\"safe\",\"HOSTNAME\":\"~.*\"},\"cwd\":\"/srv\",\"user\":\"10:20\","
	"\"capabilities\":[\"CAP_KILL\"],\"mounts\":[\"/etc/resolv.conf\"],"
	"\"devices\":[\"/dev/null\"],\"exec\":[[\"/bin/ls\",\"-l\"],[\"/bin/cat\",\"~/proc/.*\"]],"
	"\"new_privileges\":false,\"after\":[\"init\"]}],"
	"\"allow\":[\"logs\",\"signal\"]}";

static struct err parse(void *arg, struct bytes in)
{
	AUTO(manifest_done) struct manifest m = { 0 };

	(void)arg;
	return manifest_parse(in, &m);
}

static void test_parse(void **state)
{
	(void)state;
	AUTO(manifest_done) struct manifest m = { 0 };
	const struct manifest_container *app;

	assert_ok(manifest_parse(bytes_str(good), &m));
	assert_int_equal(m.containers.n, 2);
	app = manifest_container_at(&m, 1);
	assert_string_equal(app->name, "app");
	assert_int_equal(app->argv.n, 2);
	assert_string_equal(json_map_get(&app->env, "MODE"), "safe");
	assert_int_equal(json_count(app->exec), 2);
	assert_string_equal(app->after.v[0], "init");
	assert_null(manifest_container_at(&m, 0)->user);
}

static void test_parse_damaged(void **state)
{
	(void)state;
	each_prefix(bytes_of(good, sizeof(good) - 1), parse, NULL);
	each_flip_survives(bytes_of(good, sizeof(good) - 1), parse, NULL);
}

#define ONE(fields) "{\"version\":1,\"containers\":[{\"name\":\"a\",\"image\":\"i\"" fields "}]}"

#define VOLUMES(fields) ",\"volumes\":[{\"at\":\"/v\"," fields "}]"
#define ENCRYPTED	"\"kind\":\"encrypted\""

static void test_volumes(void **state)
{
	(void)state;
	static const char text[] =
		ONE(",\"volumes\":[{\"at\":\"/a\",\"name\":\"n\"," ENCRYPTED ",\"size\":4096},"
		    "{\"at\":\"/b\",\"name\":\"n\"," ENCRYPTED ",\"size\":4096},"
		    "{\"at\":\"/c\"," ENCRYPTED ",\"key\":\"kbs:///a/b/c\",\"create\":true},"
		    "{\"at\":\"/d\"," ENCRYPTED ",\"key\":\"kbs:///a/b/c\","
		    "\"integrity\":\"none\"}]");
	AUTO(manifest_done) struct manifest m = { 0 };
	const struct manifest_volume *v;

	assert_ok(manifest_parse(bytes_str(text), &m));
	v = manifest_container_at(&m, 0)->volumes.items;
	assert_int_equal(v[0].size, 4096);
	assert_string_equal(v[2].key, "kbs:///a/b/c");
	assert_true(v[2].create && manifest_volume_authentic(&v[2]));
	assert_false(v[3].create || manifest_volume_authentic(&v[3]));
	each_prefix(bytes_of(text, sizeof(text) - 1), parse, NULL);
}

static void test_parse_bad(void **state)
{
	(void)state;
	static const struct {
		const char *text, *error;
	} bad[] = {
		{ "{\"containers\":[]}", "version" },
		{ "{\"version\":0,\"containers\":[]}", "version 0" },
		{ "{\"version\":2,\"containers\":[]}", "version" },
		{ "{\"version\":1}", "containers" },
		{ "{\"version\":1,\"containers\":[],\"alow\":[]}", "alow" },
		{ "{\"version\":1,\"containers\":[],\"allow\":[\"shell\"]}", "shell" },
		{ "{\"version\":1,\"containers\":[{\"name\":\"a\"}]}", "image" },
		{ "{\"version\":1,\"containers\":[{\"name\":\"\",\"image\":\"i\"}]}", "empty" },
		{ "{\"version\":1,\"containers\":[{\"name\":\"a\",\"image\":\"i\"},"
		  "{\"name\":\"a\",\"image\":\"i\"}]}",
			"listed twice" },
		{ ONE(",\"argv\":\"/bin/sh\""), "argv" },
		{ ONE(",\"argv\":[\"~(\"]"), "no regular expression" },
		{ ONE(",\"argv\":[\"~(a)\\\\1\"]"), "back reference" },
		{ ONE(",\"env\":{\"A=B\":\"x\"}"), "is no name" },
		{ ONE(",\"env\":{\"\":\"x\"}"), "is no name" },
		{ ONE(",\"env\":{\"A\":\"~[\"}"), "no regular expression" },
		{ ONE(",\"cwd\":\"srv\""), "not absolute" },
		{ ONE(",\"user\":\"root\""), "not UID:GID" },
		{ ONE(",\"user\":\"1:\""), "GID" },
		{ ONE(",\"user\":\"1:4294967295\""), "GID" },
		{ ONE(",\"capabilities\":[\"KILL\"]"), "CAP_" },
		{ ONE(",\"mounts\":[\"etc\"]"), "mounts" },
		{ ONE(",\"devices\":[\"/tmp/x\"]"), "/dev/" },
		{ ONE(VOLUMES("\"kind\":\"disk\",\"size\":1")), "size: only of" },
		{ ONE(VOLUMES("\"kind\":\"disk\",\"key\":\"kbs:///a/b/c\"")), "key: only of" },
		{ ONE(VOLUMES(ENCRYPTED ",\"key\":\"kbs:///a/b/c\",\"size\":1")), "without size" },
		{ ONE(VOLUMES(ENCRYPTED ",\"key\":\"file:///a\"")), "no kbs:// URI" },
		{ ONE(VOLUMES(ENCRYPTED ",\"create\":true")), "only with a key" },
		{ ONE(VOLUMES(ENCRYPTED ",\"integrity\":\"none\"")), "only with a key" },
		{ ONE(VOLUMES(ENCRYPTED ",\"key\":\"kbs:///a/b/c\",\"integrity\":\"crc\"")),
			"integrity: crc" },
		{ ONE(",\"volumes\":[{\"at\":\"/a\",\"name\":\"n\"," ENCRYPTED ",\"size\":1},"
		      "{\"at\":\"/b\",\"name\":\"n\"," ENCRYPTED ",\"size\":2}]"),
			"name: n is another" },
		{ ONE(",\"exec\":[\"ls\"]"), "exec" },
		{ ONE(",\"exec\":[[]]"), "exec" },
		{ ONE(",\"exec\":[[1]]"), "exec" },
		{ ONE(",\"exec\":{}"), "exec" },
		{ ONE(",\"after\":[\"a\"]"), "not listed above" },
		{ ONE(",\"after\":[\"z\"]"), "not listed above" },
		{ ONE(",\"privilege\":true"), "privilege" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(manifest_done) struct manifest m = { 0 };

		if (!failed(manifest_parse(bytes_str(bad[i].text), &m)))
			fail_msg("accepted: %s", bad[i].text);
		assert_err_text(bad[i].error);
	}
}

static void test_patterns(void **state)
{
	(void)state;
	static const struct {
		const char *rule, *value;
		bool same;
	} cases[] = {
		{ "a", "a", true },
		{ "a", "aa", false },
		{ "a.", "ab", false },
		{ "~a.", "ab", true },
		{ "~a.", "xab", false },
		{ "~a|b", "b", true },
		{ "~a|b", "ab", false },
		{ "~", "", true },
		{ "~", "x", false },
		{ "~\\\\1", "\\1", true },
		{ "~.*", "two\nlines", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (manifest_matches(cases[i].rule, cases[i].value) != cases[i].same)
			fail_msg("case %zu: %s %s", i, cases[i].rule, cases[i].value);
}

static void assert_denied(struct err e, const char *code, const char *field)
{
	assert_int_equal(e.code, ERR_DENIED);
	assert_non_null(err_denial());
	assert_string_equal(err_denial()->code, code);
	assert_string_equal(err_denial()->field, field);
}

static void test_pick(void **state)
{
	(void)state;
	static const char two[] = "{\"version\":1,\"containers\":["
				  "{\"name\":\"a\",\"image\":\"i\"},"
				  "{\"name\":\"b\",\"image\":\"i\"},"
				  "{\"name\":\"c\",\"image\":\"~j:[0-9]+\"}]}";
	AUTO(manifest_done) struct manifest m = { 0 };
	AUTO(manifest_done) struct manifest one = { 0 };
	bool in_use[MANIFEST_CONTAINERS_MAX] = { false };
	struct manifest_ask ask = { .image = "i", .in_use = in_use };
	size_t at = 99;

	assert_ok(manifest_parse(bytes_str(two), &m));
	assert_ok(manifest_pick(&m, &ask, &at));
	assert_int_equal(at, 0);
	in_use[0] = true;
	assert_ok(manifest_pick(&m, &ask, &at));
	assert_int_equal(at, 1);
	in_use[1] = true;
	assert_ok(manifest_pick(&m, &ask, &at));
	ask.image = "j:17";
	assert_ok(manifest_pick(&m, &ask, &at));
	assert_int_equal(at, 2);
	ask.image = "j:x";
	assert_denied(manifest_pick(&m, &ask, &at), "manifest.container", "containers");
	assert_string_equal(err_denial()->actual, "j:x");
	ask.name = "b";
	assert_ok(manifest_pick(&m, &ask, &at));
	assert_int_equal(at, 1);
	ask.name = "z";
	assert_denied(manifest_pick(&m, &ask, &at), "manifest.container", "containers");

	/* With a single container the image is what is explained. */
	assert_ok(manifest_parse(bytes_str(ONE("")), &one));
	ask = (struct manifest_ask){ .image = "other" };
	assert_ok(manifest_pick(&one, &ask, &at));
	assert_int_equal(at, 0);
	assert_denied(manifest_check_image(manifest_container_at(&one, 0), "other"),
		"manifest.image", "containers[a].image");
	assert_string_equal(err_denial()->expected, "i");
	assert_ok(manifest_check_image(manifest_container_at(&one, 0), "i"));
}

static void test_lists(void **state)
{
	(void)state;
	AUTO(manifest_done) struct manifest m = { 0 };
	const struct manifest_container *app;

	assert_ok(manifest_parse(bytes_str(good), &m));
	app = manifest_container_at(&m, 1);
	assert_ok(manifest_check_listed(app, MANIFEST_CAPABILITIES, "CAP_KILL"));
	assert_ok(manifest_check_listed(app, MANIFEST_MOUNTS, "/etc/resolv.conf"));
	assert_ok(manifest_check_listed(app, MANIFEST_DEVICES, "/dev/null"));
	assert_denied(manifest_check_listed(app, MANIFEST_CAPABILITIES, "CAP_SYS_ADMIN"),
		"manifest.capabilities", "containers[app].capabilities");
	assert_denied(manifest_check_listed(app, MANIFEST_MOUNTS, "/etc"), "manifest.mounts",
		"containers[app].mounts");
	assert_denied(manifest_check_listed(app, MANIFEST_DEVICES, "/dev/mem"), "manifest.devices",
		"containers[app].devices");
	assert_ok(manifest_check_allowed(&m, "logs"));
	assert_denied(manifest_check_allowed(&m, "stdin"), "manifest.request", "allow");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_damaged),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_pick),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
