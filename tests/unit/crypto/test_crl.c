#include "crl.h"
#include "queue.h"
#include "util.h"

#include <base/clock.h>
#include <crypto/x509.h>

enum {
	DER_MAX = 64 * 1024
};

static const int64_t now = 1798761600; /* 2027-01-01 */

static struct x509 *cert(const char *pem)
{
	struct x509_list l = { 0 };

	assert_ok(x509_list_parse(bytes_str(pem), &l));
	assert_int_equal(l.n, 1);
	return l.v[0];
}

static void test_revoked_and_not(void **state)
{
	(void)state;
	AUTO(x509_freep) struct x509 *ca = cert(crl_ca), *good = cert(crl_good);
	AUTO(x509_freep) struct x509 *bad = cert(crl_revoked);
	AUTO(x509_crl_freep) struct x509_crl *crl = NULL;

	assert_ok(x509_crl_parse(bytes_str(crl_list), &crl));
	assert_ok(x509_crl_verify(crl, ca, now));
	assert_ok(x509_crl_check(crl, good));
	assert_err(x509_crl_check(crl, bad), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "certificate.revoked");
	assert_string_equal(err_denial()->field, "CN=bad");
}

static void test_wrong_issuer(void **state)
{
	(void)state;
	AUTO(x509_freep) struct x509 *good = cert(crl_good);
	AUTO(x509_crl_freep) struct x509_crl *crl = NULL;
	AUTO(key_freep) struct key *k = NULL;
	AUTO(buf_done) struct buf pem = BUF_INIT(DER_MAX);

	assert_ok(x509_crl_parse(bytes_str(crl_list), &crl));
	assert_err(x509_crl_verify(crl, good, now), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "crl.issuer");
	/* The right name with another key; a certificate of that name's own making. */
	assert_ok(key_generate(KEY_P256, &k));
	const struct x509_make m = { .common_name = "CRL CA",
		.ca = true,
		.not_before = now - 1,
		.not_after = now + 1,
		.subject_key = k,
		.issuer_key = k };
	assert_ok(x509_make(&m, &pem));
	AUTO(x509_freep) struct x509 *fake = cert(buf_cstr(&pem));
	assert_err(x509_crl_verify(crl, fake, now), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "crl.signature");
	const struct x509_make other = { .common_name = "other",
		.not_before = now - 1,
		.not_after = now + 1,
		.subject_key = k,
		.issuer_key = k };
	buf_clear(&pem);
	assert_ok(x509_make(&other, &pem));
	AUTO(x509_freep) struct x509 *foreign = cert(buf_cstr(&pem));
	assert_err(x509_crl_check(crl, foreign), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "crl.issuer");
}

static void test_dates(void **state)
{
	(void)state;
	AUTO(x509_freep) struct x509 *ca = cert(crl_ca);
	AUTO(x509_crl_freep) struct x509_crl *crl = NULL;

	assert_ok(x509_crl_parse(bytes_str(crl_list), &crl));
	assert_ok(x509_crl_verify(crl, ca, x509_crl_this_update(crl)));
	assert_err(x509_crl_verify(crl, ca, x509_crl_this_update(crl) - 1), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "crl.not-yet-valid");
	assert_ok(x509_crl_verify(crl, ca, x509_crl_next_update(crl)));
	assert_err(x509_crl_verify(crl, ca, x509_crl_next_update(crl) + 1), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "crl.expired");
}

static void test_critical_extension(void **state)
{
	(void)state;
	AUTO(x509_freep) struct x509 *ca = cert(crl_ca);
	AUTO(x509_crl_freep) struct x509_crl *crl = NULL;

	assert_ok(x509_crl_parse(bytes_str(crl_critical), &crl));
	assert_err(x509_crl_verify(crl, ca, now), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "crl.critical-extension");
}

static struct err parse(void *arg, struct bytes in)
{
	AUTO(x509_crl_freep) struct x509_crl *crl = NULL;

	(void)arg;
	return x509_crl_parse(in, &crl);
}

static struct err parse_and_verify(void *arg, struct bytes in)
{
	AUTO(x509_crl_freep) struct x509_crl *crl = NULL;

	TRY(x509_crl_parse(in, &crl));
	return x509_crl_verify(crl, arg, now);
}

static void test_refused_forms(void **state)
{
	(void)state;
	assert_err(parse(NULL, BYTES_NONE), ERR_FORMAT);
	assert_err(parse(NULL, bytes_str("hello")), ERR_FORMAT);
	assert_err(parse(NULL, bytes_str(crl_ca)), ERR_FORMAT);
	assert_err_text("block 'CERTIFICATE'");
	each_prefix_survives(bytes_str(crl_list), parse, NULL);
}

#define COLLATERAL "tdx/attestation-rs/collateral/"
#define SE	   "se/s390-tools/cert/"

/* Lists of Intel, and of the test PKI with IBM's names. */
static void test_real(void **state)
{
	(void)state;
	static const struct {
		const char *crl, *issuer, *at, *code;
	} cases[] = {
		{ COLLATERAL "root_ca_crl.der", "tdx/dcap-qvl/collateral/Intel_SGX_Root_CA.der",
			"2026-04-01T00:00:00Z", NULL },
		{ COLLATERAL "root_ca_crl.der", "tdx/dcap-qvl/collateral/Intel_SGX_Root_CA.der",
			"2027-04-01T00:00:00Z", "crl.expired" },
		{ "tdx/intel-qvl/sample/rootCaCrl.der",
			"tdx/dcap-qvl/collateral/Intel_SGX_Root_CA.der", "2024-01-01T00:00:00Z",
			"crl.signature" },
		{ "tdx/intel-qvl/sample/rootCaCrl.der",
			"tdx/intel-qvl/sample/trustedRootCaCert.pem", "2024-01-01T00:00:00Z",
			NULL },
		{ SE "ibm.crl", SE "ibm.crt", "2024-06-01T00:00:00Z", NULL },
		{ SE "inter_ca.crl", SE "inter_ca.crt", "2024-06-01T00:00:00Z", NULL },
		{ SE "ibm_outdated_early.crl", SE "ibm.crt", "2024-06-01T00:00:00Z",
			"crl.not-yet-valid" },
		{ SE "ibm_wrong_subject.crl", SE "ibm.crt", "2024-06-01T00:00:00Z", "crl.issuer" },
		{ SE "ibm_invalid_hash.crl", SE "ibm.crt", "2024-06-01T00:00:00Z",
			"crl.signature" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf list = test_file(test_vector(cases[i].crl));
		AUTO(buf_done) struct buf issuer = test_file(test_vector(cases[i].issuer));
		AUTO(x509_list_done) struct x509_list l = { 0 };
		AUTO(x509_crl_freep) struct x509_crl *crl = NULL;
		int64_t at;

		print_message("  %s\n", cases[i].crl);
		assert_ok(clock_parse(cases[i].at, &at));
		assert_ok(x509_list_parse(buf_bytes(&issuer), &l));
		assert_ok(x509_crl_parse(buf_bytes(&list), &crl));
		struct err e = x509_crl_verify(crl, l.v[0], at);
		if (!cases[i].code) {
			assert_ok(e);
			continue;
		}
		assert_err(e, ERR_UNVERIFIED);
		assert_string_equal(err_denial()->code, cases[i].code);
	}
}

static void test_each_flip(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf list = test_file(test_vector(COLLATERAL "root_ca_crl.der"));
	AUTO(buf_done) struct buf root =
		test_file(test_vector("tdx/dcap-qvl/collateral/Intel_SGX_Root_CA.der"));
	AUTO(x509_list_done) struct x509_list l = { 0 };

	assert_ok(x509_list_parse(buf_bytes(&root), &l));
	each_flip(buf_bytes(&list), parse_and_verify, l.v[0]);
	each_prefix(buf_bytes(&list), parse_and_verify, l.v[0]);
}

static struct x509 *made(const char *name, const struct key *k, const struct x509 *issuer,
	const struct key *issuer_key)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(DER_MAX);
	const struct x509_make m = {
		.common_name = name,
		.ca = !issuer,
		.not_before = now - 1,
		.not_after = now + 1,
		.subject_key = k,
		.issuer = issuer,
		.issuer_key = issuer_key,
	};

	assert_ok(x509_make(&m, &pem));
	return cert(buf_cstr(&pem));
}

/* A list of our own making, and the path to its issuer. */
static void test_make(void **state)
{
	(void)state;
	AUTO(key_freep) struct key *ca_key = NULL, *key = NULL;
	AUTO(x509_crl_freep) struct x509_crl *crl = NULL;
	AUTO(buf_done) struct buf der = BUF_INIT(DER_MAX);
	struct x509_list path;
	uint64_t number = 0;

	assert_ok(key_generate(KEY_P256, &ca_key));
	assert_ok(key_generate(KEY_P256, &key));
	AUTO(x509_freep) struct x509 *ca = made("CA", ca_key, NULL, ca_key);
	AUTO(x509_freep) struct x509 *good = made("good", key, ca, ca_key);
	AUTO(x509_freep) struct x509 *bad = made("bad", key, ca, ca_key);
	const struct x509_list revoked = { .v = { bad }, .n = 1 };
	const struct x509_list anchors = { .v = { ca }, .n = 1 };
	struct x509_crl_make m = {
		.issuer = ca,
		.issuer_key = key,
		.this_update = now,
		.next_update = now + 10,
		.number = 300,
		.revoked = &revoked,
	};

	assert_err(x509_crl_make(&m, &der), ERR_STATE);
	m.issuer_key = ca_key;
	assert_ok(x509_crl_make(&m, &der));
	assert_ok(x509_crl_parse(buf_bytes(&der), &crl));
	assert_true(x509_crl_number(crl, &number));
	assert_int_equal(number, 300);
	assert_ok(x509_crl_verify(crl, ca, now + 10));
	assert_err(x509_crl_verify(crl, ca, now + 11), ERR_UNVERIFIED);
	assert_err(x509_crl_verify(crl, ca, now - 1), ERR_UNVERIFIED);
	assert_ok(x509_crl_check(crl, good));
	assert_err(x509_crl_check(crl, bad), ERR_UNVERIFIED);
	const struct x509_verify v = { .leaf = bad, .anchors = &anchors, .now = now };
	assert_ok(x509_verify_chain(&v, &path));
	assert_int_equal(path.n, 2);
	assert_ptr_equal(path.v[0], bad);
	assert_ptr_equal(path.v[1], ca);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_revoked_and_not, queue_is_empty),
		cmocka_unit_test_teardown(test_wrong_issuer, queue_is_empty),
		cmocka_unit_test_teardown(test_make, queue_is_empty),
		cmocka_unit_test_teardown(test_dates, queue_is_empty),
		cmocka_unit_test_teardown(test_critical_extension, queue_is_empty),
		cmocka_unit_test_teardown(test_refused_forms, queue_is_empty),
		cmocka_unit_test_teardown(test_real, queue_is_empty),
		cmocka_unit_test_teardown(test_each_flip, queue_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
