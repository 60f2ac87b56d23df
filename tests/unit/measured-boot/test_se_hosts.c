/* Host key documents, judged: s390-tools' test certificates, good and bad. */
#include "util.h"

#include <string.h>

#include <measured-boot/se_hosts.h>

enum {
	NOW = 1717200000, /* 2024-06-01 */
	COLLATERAL_FILES = 6
};

static struct buf vector(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "se/s390-tools/cert/%s", name);
	return test_file(test_vector(path));
}

struct hosts_case {
	const char *document;
	const char *collateral[COLLATERAL_FILES];
	const char *code; /* of the denial; NULL: taken */
};

#define CHAIN "ibm.crt", "inter_ca.crt", "inter_ca.crl", "root_ca.crl"

static const struct hosts_case cases[] = {
	{ "host.crt", { CHAIN, "ibm.crl" }, NULL },
	{ "host_uri_na.crt", { CHAIN, "ibm.crl" }, NULL },
	{ "host.crt", { "ibm.chained.crt", "inter_ca.chained.crt", "root_ca.crl" }, NULL },
	/* No list is no permission: there is no policy here that would make it one. */
	{ "host.crt", { CHAIN }, "crl.missing" },
	{ "host.crt", { "ibm.crt", "inter_ca.crt", "ibm.crl", "inter_ca.crl" }, "crl.missing" },
	{ "host_crt_expired.crt", { CHAIN, "ibm.crl" }, "se.hkd" },
	{ "host_invalid_signing_key.crt", { CHAIN, "ibm.crl" }, "se.hkd-signer" },
	{ "host.crt", { "inter_ca.crt", "inter_ca.crl", "ibm.crl" }, "se.hkd-signer" },
	{ "host.crt", { "ibm_wrong_subject.crt", "inter_ca.crt", "ibm.crl" }, "se.hkd-signer" },
	{ "host.crt", { "ibm.crt", "ibm.crl" }, "certificate.untrusted" },
	{ "host.crt", { "ibm_expired.crt", "inter_ca.crt", "ibm.crl" }, "certificate.expired" },
	{ "host.crt", { CHAIN, "ibm_invalid_hash.crl" }, "crl.signature" },
	{ "host.crt", { CHAIN, "ibm_outdated_early.crl" }, "crl.not-yet-valid" },
	{ "host.crt", { CHAIN, "ibm_wrong_subject.crl" }, "crl.missing" },
};

static void check_case(const struct hosts_case *k, bool builtin_root)
{
	AUTO(collateral_freep) struct collateral *collateral = NULL;
	AUTO(x509_list_done) struct x509_list vendor = { 0 };
	AUTO(se_hosts_done) struct se_hosts hosts = { 0 };
	AUTO(buf_done) struct buf document = vector(k->document), root = vector("root_ca.crt");
	struct tee_anchors anchors = { 0 };

	assert_ok(collateral_new(&collateral));
	assert_ok(x509_list_parse(buf_bytes(&root), &vendor));
	if (!builtin_root)
		anchors.vendor = vendor;
	for (size_t i = 0; i < COLLATERAL_FILES && k->collateral[i]; i++) {
		AUTO(buf_done) struct buf file = vector(k->collateral[i]);
		assert_ok(collateral_add(collateral, buf_bytes(&file), k->collateral[i]));
	}
	const struct tee_verify_input in = {
		.collateral = collateral, .anchors = &anchors, .now = NOW
	};
	struct err e = se_hosts_add(&hosts, &in, buf_bytes(&document), k->document);
	const char *code = builtin_root ? "certificate.untrusted" : k->code;
	if (!code) {
		assert_ok(e);
		assert_int_equal(hosts.n, 1);
		assert_err(se_hosts_add(&hosts, &in, buf_bytes(&document), "again"), ERR_USAGE);
		return;
	}
	assert_err(e, ERR_UNVERIFIED);
	assert_err_text(k->document);
	assert_non_null(err_denial());
	assert_string_equal(err_denial()->code, code);
	assert_int_equal(hosts.n, 0);
}

static void test_documents(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_case(&cases[i], false);
	/* A test root is nobody's but the test's. */
	check_case(&cases[0], true);
}

static void test_unverified(void **state)
{
	static const char *const others[] = { "root_ca.crt", "ibm.crt", "ibm.crl", "host.key" };
	AUTO(se_hosts_done) struct se_hosts hosts = { 0 };
	AUTO(buf_done) struct buf document = vector("host_invalid_signing_key.crt");

	(void)state;
	assert_ok(se_hosts_add_unverified(&hosts, buf_bytes(&document), "host"));
	assert_int_equal(hosts.n, 1);
	assert_err(se_hosts_add(&hosts, NULL, buf_bytes(&document), "host"), ERR_STATE);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		AUTO(buf_done) struct buf file = vector(others[i]);
		assert_err(
			se_hosts_add_unverified(&hosts, buf_bytes(&file), others[i]), ERR_FORMAT);
		assert_err_text(others[i]);
	}
	assert_int_equal(hosts.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_unverified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
