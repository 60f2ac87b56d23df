#include "config.h"
#include "util.h"

#define GOOD                                                                                       \
	"audit = \"/a\"\n[server]\nport = 4443\ntls_cert = \"/c\"\ntls_key = \"/k\"\n"             \
	"[store]\npath = \"/s\"\nkey_file = \"/sk\"\n[attestation]\near_key = \"/e\"\n"            \
	"software_roots = [\"/r1\", \"/r2\"]\nvendor_roots = [\"/v\"]\nse_header = \"/h\"\n"       \
	"[collateral]\nstore = \"/cs\"\nmax_staleness_s = 60\n[admin]\npublic_keys = [\"/p\"]\n"

static void test_good(void **state)
{
	AUTO(kbs_config_done) struct kbs_config c = { 0 };

	(void)state;
	assert_ok(kbs_config_parse(bytes_str(GOOD), &c));
	assert_string_equal(c.server.address, "127.0.0.1");
	assert_int_equal(c.server.port, 4443);
	assert_int_equal(c.attestation.token_lifetime_s, 300);
	assert_int_equal(c.attestation.software_roots.n, 2);
	assert_int_equal(c.attestation.hardware_roots.n, 0);
	assert_string_equal(c.admin.public_keys.v[0], "/p");
	assert_string_equal(c.attestation.vendor_roots.v[0], "/v");
	assert_string_equal(c.attestation.se_header, "/h");
	assert_string_equal(c.collateral.store, "/cs");
	assert_int_equal(c.collateral.max_staleness_s, 60);
}

static void test_bad(void **state)
{
	static const struct {
		const char *toml, *says;
	} table[] = {
		{ "", "store" },
		{ "[store]\npath = \"/s\"\n[attestation]\near_key = \"/e\"\n", "key_file" },
		{ "[store]\npath = \"/s\"\nkey_file = \"/k\"\n", "attestation" },
		{ GOOD "[extra]\n", "extra" },
		{ "[server]\ntls_cert = \"/c\"\n[store]\npath = \"/s\"\nkey_file = \"/k\"\n"
		  "[attestation]\near_key = \"/e\"\n",
			"go together" },
		{ "[server]\nport = 65536\n[store]\npath = \"/s\"\nkey_file = \"/k\"\n"
		  "[attestation]\near_key = \"/e\"\n",
			"port" },
	};
	struct kbs_config c = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		assert_true(failed(kbs_config_parse(bytes_str(table[i].toml), &c)));
		assert_err_text(table[i].says);
		assert_null(c.store.path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
