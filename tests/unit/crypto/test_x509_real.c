#include "util.h"

#include <base/clock.h>
#include <crypto/x509.h>

/* Certificates of real machines: they are odd in ways that a generator of test chains is not. */
static void add(struct x509_list *l, const char *path)
{
	AUTO(buf_done) struct buf b = test_file(test_vector(path));

	assert_ok(x509_list_parse(buf_bytes(&b), l));
}

#define AMD "snp/attestation-rs/ca/"
#define SE  "se/s390-tools/cert/"

static const struct {
	const char *leaf, *untrusted, *anchor, *now;
	const char *code; /* NULL: verifies */
} chains[] = {
	{ "snp/go-sev-guest/milan-v2-debug/vcek.testcer", AMD "milan-ask.der", AMD "milan-ark.der",
		"2023-01-01T00:00:00Z", NULL },
	{ "snp/trustee/milan-v2/test-vcek.der", AMD "milan-ask.der", AMD "milan-ark.der",
		"2024-01-01T00:00:00Z", NULL },
	/* the intermediate alone ends the chain */
	{ "snp/trustee/milan-v2/test-vcek.der", NULL, AMD "milan-ask.der", "2024-01-01T00:00:00Z",
		NULL },
	{ "snp/trustee/milan-v2/test-vcek-invalid-legacy.der", AMD "milan-ask.der",
		AMD "milan-ark.der", "2024-01-01T00:00:00Z", "certificate.signature" },
	{ "snp/trustee/milan-v2/test-vcek.der", AMD "genoa-ask.der", AMD "genoa-ark.der",
		"2024-01-01T00:00:00Z", "certificate.untrusted" },
	{ "snp/trustee/milan-v2/test-vcek.der", AMD "milan-ask.der", AMD "milan-ark.der",
		"2020-01-01T00:00:00Z", "certificate.not-yet-valid" },
	{ "snp/trustee/milan-v3-vlek/test-vlek.der", AMD "milan-asvk.der", AMD "milan-ark.der",
		"2025-06-01T00:00:00Z", NULL },
	{ "snp/trustee/milan-v3-vlek/test-vlek.der", AMD "milan-asvk.der", AMD "milan-ark.der",
		"2026-01-01T00:00:00Z", "certificate.expired" },
	{ "snp/ms-tee-attestation/ms-turin-v5/turin_vcek.pem", AMD "turin-ask.der",
		AMD "turin-ark.der", "2026-03-01T00:00:00Z", NULL },
	{ "snp/oak/oak-genoa-v5/vcek.der", AMD "genoa-ask.der", AMD "genoa-ark.der",
		"2026-01-01T00:00:00Z", NULL },
	{ "tdx/intel-qvl/sample/pckCert.pem", "tdx/intel-qvl/sample/pckSignChain.pem",
		"tdx/intel-qvl/sample/trustedRootCaCert.pem", "2024-01-01T00:00:00Z", NULL },
	/* Intel's real root has the same name as the sample's */
	{ "tdx/intel-qvl/sample/pckCert.pem", "tdx/intel-qvl/sample/pckSignChain.pem",
		"tdx/dcap-qvl/collateral/Intel_SGX_Root_CA.der", "2024-01-01T00:00:00Z",
		"certificate.untrusted" },
	{ "tdx/attestation-rs/collateral/tcb_signing_chain.pem", NULL,
		"tdx/dcap-qvl/collateral/Intel_SGX_Root_CA.der", "2026-04-01T00:00:00Z", NULL },
	{ "vtpm/go-tpm-tools/ek-ca/gcp_ek_ak_ca_intermediate_v3.crt", NULL,
		"vtpm/go-tpm-tools/ek-ca/gcp_ek_ak_ca_root.crt", "2024-01-01T00:00:00Z", NULL },
	{ "vtpm/go-tpm-tools/ek-ca/tpm_ek_intermediate_3.crt", NULL,
		"vtpm/go-tpm-tools/ek-ca/tpm_ek_root_1.cer", "2024-01-01T00:00:00Z", NULL },
	/* EK and AK certificates: empty subject, critical directoryName, EKU of the TPM */
	{ "vtpm/go-tpm-tools/ek-certs/uca_tpm_rsa_enc_cert.pem",
		"vtpm/go-tpm-tools/ek-ca/tpm_ek_intermediate_3.crt",
		"vtpm/go-tpm-tools/ek-ca/tpm_ek_root_1.cer", "2024-01-01T00:00:00Z", NULL },
	{ "vtpm/go-tpm-tools/ek-certs/pca_tpm_rsa_sign_cert.pem",
		"vtpm/go-tpm-tools/ek-ca/gcp_ek_ak_ca_intermediate_v3.crt",
		"vtpm/go-tpm-tools/ek-ca/gcp_ek_ak_ca_root.crt", "2024-01-01T00:00:00Z", NULL },
	{ "vtpm/openpcc/azure-ak/ak_cert_a.pem", "vtpm/openpcc/azure-ak/global_vtpm_ca_03.pem",
		"vtpm/openpcc/azure-ak/azure_vtpm_root_2023.pem", "2026-01-01T00:00:00Z", NULL },
	{ "vtpm/openpcc/azure-ak/ak_cert_a.pem", "vtpm/openpcc/azure-ak/global_vtpm_ca_01.pem",
		"vtpm/openpcc/azure-ak/azure_vtpm_root_2023.pem", "2026-01-01T00:00:00Z",
		"certificate.untrusted" },
	{ SE "ibm.crt", SE "inter_ca.crt", SE "root_ca.crt", "2024-06-01T00:00:00Z", NULL },
	{ SE "ibm_expired.crt", SE "inter_ca.crt", SE "root_ca.crt", "2024-06-01T00:00:00Z",
		"certificate.expired" },
	/* IBM's signing key is no CA: host key documents go through x509_signed_by() */
	{ SE "host.crt", SE "ibm.crt", SE "inter_ca.crt", "2024-06-01T00:00:00Z",
		"certificate.not-a-ca" },
};

static void test_chains(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		AUTO(x509_list_done) struct x509_list leaf = { 0 }, untrusted = { 0 },
						      anchors = { 0 };
		struct x509_verify v = { .untrusted = &untrusted, .anchors = &anchors };

		print_message("  %s %s\n", chains[i].leaf, chains[i].code ? chains[i].code : "");
		add(&leaf, chains[i].leaf);
		if (chains[i].untrusted)
			add(&untrusted, chains[i].untrusted);
		add(&anchors, chains[i].anchor);
		v.leaf = leaf.v[0];
		assert_ok(clock_parse(chains[i].now, &v.now));
		if (!chains[i].code) {
			assert_ok(x509_verify(&v));
			continue;
		}
		assert_err(x509_verify(&v), ERR_UNVERIFIED);
		assert_string_equal(err_denial()->code, chains[i].code);
	}
}

/* AMD's SPL and HWID extensions, Intel's SGX extension. */
static void test_extensions(void **state)
{
	(void)state;
	AUTO(x509_list_done) struct x509_list l = { 0 };
	AUTO(buf_done) struct buf spl = BUF_INIT(64), hwid = BUF_INIT(128), sgx = BUF_INIT(4096);

	add(&l, "snp/trustee/milan-v2/test-vcek.der");
	add(&l, "tdx/intel-qvl/sample/pckCert.pem");
	assert_ok(x509_extension(l.v[0], "1.3.6.1.4.1.3704.1.3.1", &spl));
	assert_int_equal(spl.p[0], 0x02); /* INTEGER */
	assert_ok(x509_extension(l.v[0], "1.3.6.1.4.1.3704.1.4", &hwid));
	assert_true(hwid.n >= 64);
	assert_ok(x509_extension(l.v[1], "1.2.840.113741.1.13.1", &sgx));
	assert_int_equal(sgx.p[0], 0x30);
}

static void test_signed_by(void **state)
{
	(void)state;
	AUTO(x509_list_done) struct x509_list l = { 0 };
	AUTO(key_freep) struct key *ibm = NULL;

	add(&l, SE "ibm.crt");
	add(&l, SE "host.crt");
	add(&l, SE "host_invalid_signing_key.crt");
	assert_ok(x509_public_key(l.v[0], &ibm));
	assert_ok(x509_signed_by(l.v[1], ibm));
	assert_err(x509_signed_by(l.v[2], ibm), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "certificate.signature");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_signed_by),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
