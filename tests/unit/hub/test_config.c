#include "config.h"
#include "util.h"

static struct err parse(void *arg, struct bytes in)
{
	AUTO(hub_config_done) struct hub_config c = { 0 };

	(void)arg;
	return hub_config_parse(in, BYTES_NONE, &c);
}

static void test_guest_components_files(void **state)
{
	static const char cdh[] = "socket = \"unix:///s\"\n[kbc]\nname = \"cc_kbc\"\n"
				  "url = \"https://kbs:8080\"\nkbs_cert = \"\"\"\nPEM\n\"\"\"\n"
				  "[image]\nmax_concurrent_layer_downloads_per_image = 3\n"
				  "image_security_policy_uri = \"kbs:///default/policy/p\"\n"
				  "extra_root_certificates = [\"A\", \"B\"]\n"
				  "[image.image_pull_proxy]\nhttps_proxy = \"http://p:1\"\n";
	static const char aa[] = "[token_configs.kbs]\nurl = \"https://other:1\"\ncert = \"C\"\n"
				 "[eventlog_config]\nenable_eventlog = false\n";
	AUTO(hub_config_done) struct hub_config c = { 0 };

	(void)state;
	assert_ok(hub_config_parse(bytes_str(cdh), bytes_str(aa), &c));
	assert_string_equal(c.cdh.socket, "unix:///s");
	assert_string_equal(hub_config_kbs_url(&c), "https://kbs:8080");
	assert_string_equal(hub_config_kbs_cert(&c), "PEM\n");
	assert_int_equal(c.cdh.image.extra_root_certificates.n, 2);
	assert_string_equal(c.cdh.image.image_pull_proxy.https_proxy, "http://p:1");
	each_prefix_survives(bytes_str(cdh), parse, NULL);
	each_flip_survives(bytes_str(cdh), parse, NULL);
}

static void test_defaults(void **state)
{
	AUTO(hub_config_done) struct hub_config c = { 0 };

	(void)state;
	assert_ok(hub_config_parse(BYTES_NONE, BYTES_NONE, &c));
	assert_string_equal(c.cdh.socket, "unix:///run/confidential-containers/cdh.sock");
	assert_string_equal(c.cdh.image.work_dir, "/run/kata-containers/image/");
	assert_null(hub_config_kbs_url(&c));
}

/* A KBC without a broker does not lend its URL; the attestation agent's configuration does. */
static void test_offline_kbc(void **state)
{
	AUTO(hub_config_done) struct hub_config c = { 0 };

	(void)state;
	assert_ok(hub_config_parse(
		bytes_str("[kbc]\nname = \"offline_fs_kbc\"\nurl = \"https://a\"\n"),
		bytes_str("[token_configs.kbs]\nurl = \"https://b\"\n"), &c));
	assert_string_equal(hub_config_kbs_url(&c), "https://b");
	assert_null(hub_config_kbs_cert(&c));
}

static void test_bad(void **state)
{
	(void)state;
	assert_err(
		parse(NULL, bytes_str("[image]\nextra_root_certificates = \"A\"\n")), ERR_FORMAT);
	assert_err_text("extra_root_certificates");
	assert_err(parse(NULL, bytes_str("[kbc]\nurl = 1\n")), ERR_FORMAT);
	assert_err_text("url");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guest_components_files),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_offline_kbc),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
