/* Certificates of real TPMs. */
#include "util.h"
#include "vtpm/vtpm.h"

#include <stdio.h>

enum {
	NOW = 1767225600 /* 2026-01-01, when all of them are valid */
};

static void load(const char *path, struct x509_list *list)
{
	AUTO(buf_done) struct buf text = test_file(test_vector(path));

	assert_ok(x509_list_parse(buf_bytes(&text), list));
}

static void load_google(struct x509_list *list)
{
	static const char *const files[] = { "gcp_ek_ak_ca_root.crt",
		"gcp_ek_ak_ca_intermediate_v3.crt", "tpm_ek_root_1.cer",
		"tpm_ek_intermediate_2.crt", "tpm_ek_intermediate_3.crt" };
	char path[128];

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		(void)snprintf(path, sizeof(path), "vtpm/go-tpm-tools/ek-ca/%s", files[i]);
		load(path, list);
	}
}

static void test_google(void **state)
{
	static const char *const certs[] = {
		"vtpm/go-tpm-tools/ek-certs/pca_tpm_rsa_enc_cert.pem", /* names no purpose */
		"vtpm/go-tpm-tools/ek-certs/uca_tpm_rsa_enc_cert.pem",
	};
	struct tee_anchors anchors = { 0 };
	struct tee_anchors swapped = { 0 };
	bool simulated;

	(void)state;
	load_google(&anchors.hardware);
	swapped.software = anchors.hardware;
	for (size_t i = 0; i < ARRAY_LEN(certs); i++) {
		AUTO(x509_list_done) struct x509_list leaf = { 0 };

		load(certs[i], &leaf);
		simulated = true;
		assert_ok(vtpm_ek_verify(leaf.v[0], &anchors, NOW, &simulated));
		assert_false(simulated);
		assert_ok(vtpm_ek_verify(leaf.v[0], &swapped, NOW, &simulated));
		assert_true(simulated);
		assert_err(vtpm_ek_verify(leaf.v[0], &anchors, 0, &simulated), ERR_UNVERIFIED);
		assert_string_equal(err_denial()->code, "vtpm.ek-untrusted");
	}
	x509_list_done(&anchors.hardware);
}

/* A certificate that a trusted authority made for an AK is no EK certificate. */
static void test_purpose(void **state)
{
	AUTO(x509_list_done) struct x509_list leaf = { 0 };
	struct tee_anchors anchors = { 0 };
	bool simulated;

	(void)state;
	load("vtpm/openpcc/azure-ak/ak_cert_a.pem", &leaf);
	load("vtpm/openpcc/azure-ak/global_vtpm_ca_03.pem", &anchors.hardware);
	load("vtpm/openpcc/azure-ak/azure_vtpm_root_2023.pem", &anchors.hardware);
	assert_err(vtpm_ek_verify(leaf.v[0], &anchors, NOW, &simulated), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "vtpm.ek-untrusted");
	assert_string_equal(err_denial()->field, "ek_cert.extKeyUsage");
	x509_list_done(&anchors.hardware);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_google),
		cmocka_unit_test(test_purpose),
	};

	return cmocka_run_group_tests_name("tee vtpm ek", tests, NULL, NULL);
}
