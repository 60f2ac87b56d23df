/* Initdata and manifest made from a command line, read back as the guest reads them. */
#include "util.h"

#include <runtime/pod_initdata.h>

static const char pem[] = "-----BEGIN CERTIFICATE-----\nMIIB+/A=\n-----END CERTIFICATE-----\n";
static const char policy[] =
	"{\"default\":[{\"type\":\"reject\"}],\"note\":\"a \\\\ \\\" ''' \\\"\\\"\\\" \"}\n";

static struct json *part(const struct initdata *d, const char *name)
{
	const char *text = json_map_get(&d->data, name);
	struct json *j = NULL;

	assert_non_null(text);
	if (strstr(name, ".json"))
		assert_ok(json_parse(bytes_str(text), &j));
	else
		assert_ok(toml_parse(bytes_str(text), &j));
	return j;
}

static void assert_text(const struct json *j, const char *pointer, const char *want)
{
	const char *got = json_string(json_pointer(j, pointer));

	assert_non_null(got);
	assert_string_equal(got, want);
}

static void test_all_parts(void **state)
{
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	AUTO(buf_done) struct buf again = BUF_INIT(INITDATA_MAX);
	AUTO(initdata_done) struct initdata d = { 0 };
	const struct pod_initdata from = {
		.kbs = "https://10.0.2.2:8080/\"x\\",
		.kbs_ca = bytes_str(pem),
		.manifest = bytes_str("{\"version\":1}"),
		.image_policy = bytes_str(policy),
		.registry_ca = bytes_str(pem),
	};

	(void)state;
	assert_ok(pod_initdata_make(&from, &toml));
	assert_ok(initdata_parse(buf_bytes(&toml), &d));
	assert_int_equal(d.algorithm, DIGEST_SHA256);
	assert_int_equal(d.data.n, 3);
	AUTO(json_freep) struct json *aa = part(&d, INITDATA_AA);
	AUTO(json_freep) struct json *cdh = part(&d, INITDATA_CDH);
	assert_text(aa, "/token_configs/kbs/url", from.kbs);
	assert_text(aa, "/token_configs/kbs/cert", pem);
	assert_text(cdh, "/kbc/name", "cc_kbc");
	assert_text(cdh, "/kbc/url", from.kbs);
	assert_text(cdh, "/kbc/kbs_cert", pem);
	assert_text(cdh, "/image/image_security_policy", policy);
	assert_text(cdh, "/image/extra_root_certificates/0", pem);
	assert_string_equal(json_map_get(&d.data, INITDATA_MANIFEST), "{\"version\":1}");
	assert_ok(pod_initdata_make(&from, &again)); /* the digest is worth something */
	assert_bytes_equal(buf_bytes(&toml), buf_bytes(&again));
}

static void test_without_broker(void **state)
{
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	AUTO(initdata_done) struct initdata d = { 0 };
	const struct pod_initdata from = { .image_policy_uri = "kbs:///default/policy/app" };

	(void)state;
	assert_ok(pod_initdata_make(&from, &toml));
	assert_ok(initdata_parse(buf_bytes(&toml), &d));
	assert_int_equal(d.data.n, 1);
	AUTO(json_freep) struct json *cdh = part(&d, INITDATA_CDH);
	assert_text(cdh, "/image/image_security_policy_uri", from.image_policy_uri);
	assert_null(json_get(cdh, "kbc"));
	assert_null(json_pointer(cdh, "/image/extra_root_certificates"));
}

static void test_bad_text(void **state)
{
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	const struct pod_initdata from = { .manifest = bytes_of("{\0}", 3) };

	(void)state;
	assert_err(pod_initdata_make(&from, &toml), ERR_FORMAT);
}

static void test_manifest(void **state)
{
	AUTO(buf_done) struct buf text = BUF_INIT(INITDATA_MAX);
	AUTO(json_freep) struct json *j = NULL;
	AUTO(strv_done) struct strv env = { 0 };
	char *argv[] = { (char[]){ "/bin/hello" }, (char[]){ "a \"b\"" } };
	const struct pod_manifest m = {
		.name = "app",
		.image = "10.0.2.2:5000/app:1",
		.argv = argv,
		.n_argv = 2,
		.env = &env,
	};

	(void)state;
	assert_ok(strv_add(&env, "A=1=2"));
	assert_ok(strv_add(&env, "B="));
	assert_ok(pod_manifest_make(&m, &text));
	assert_ok(json_parse(buf_bytes(&text), &j));
	assert_text(j, "/containers/0/name", "app");
	assert_text(j, "/containers/0/image", m.image);
	assert_text(j, "/containers/0/argv/1", "a \"b\"");
	assert_text(j, "/containers/0/env/A", "1=2");
	assert_text(j, "/containers/0/env/B", "");
	assert_int_equal(json_count(json_pointer(j, "/containers/0/env")), 2);
	assert_null(json_pointer(j, "/containers/0/exec"));
	assert_null(json_pointer(j, "/allow/2")); /* no standard input unless asked for */
}

static void test_manifest_image_argv(void **state)
{
	AUTO(buf_done) struct buf text = BUF_INIT(INITDATA_MAX);
	AUTO(json_freep) struct json *j = NULL;
	const struct pod_manifest m = { .name = "app", .image = "i", .stdin_allowed = true };

	(void)state;
	assert_ok(pod_manifest_make(&m, &text));
	assert_ok(json_parse(buf_bytes(&text), &j));
	assert_null(json_pointer(j, "/containers/0/argv"));
	assert_text(j, "/allow/2", "stdin");
}

/* What the guest would read as a pattern is not written as a literal. */
static void test_manifest_refuses_patterns(void **state)
{
	static const char *const bad[] = { "A", "=1", "A=~.*" };
	char *argv[] = { (char[]){ "~.*" } };
	const struct pod_manifest m = { .name = "a", .image = "i", .argv = argv, .n_argv = 1 };
	AUTO(buf_done) struct buf text = BUF_INIT(INITDATA_MAX);

	(void)state;
	assert_err(pod_manifest_make(&m, &text), ERR_USAGE);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(strv_done) struct strv env = { 0 };
		const struct pod_manifest with = { .name = "a", .image = "i", .env = &env };

		assert_ok(strv_add(&env, bad[i]));
		buf_clear(&text);
		assert_err(pod_manifest_make(&with, &text), ERR_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_parts),
		cmocka_unit_test(test_without_broker),
		cmocka_unit_test(test_bad_text),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_manifest_image_argv),
		cmocka_unit_test(test_manifest_refuses_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
