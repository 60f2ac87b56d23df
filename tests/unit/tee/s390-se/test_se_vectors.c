/* Files that s390-tools' own tests have: byte for byte, and certificates good and bad. */
#include "s390-se/se.h"
#include "util.h"

#include <string.h>

#include <base/encode.h>

enum {
	HKD_TIME = 1717200000, /* 2024-06-01 */
	SCALAR_PAD = 80 - 66
};

static struct buf vector(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "se/s390-tools/%s", name);
	return test_file(test_vector(path));
}

static struct key *customer(void)
{
	AUTO(buf_done) struct buf raw = vector("keys/private_cust.bin");
	struct key *key;

	assert_ok(key_from_ec_scalar(
		KEY_P521, bytes_of(raw.p + SCALAR_PAD, raw.n - SCALAR_PAD), &key));
	return key;
}

static struct key *host(const char *cert)
{
	AUTO(buf_done) struct buf pem = vector(cert);
	struct key *key;

	assert_ok(key_parse_public(buf_bytes(&pem), &key));
	return key;
}

static void test_slot(void **state)
{
	AUTO(buf_done) struct buf want = vector("exp/keyslot.bin"), got = BUF_INIT(128);
	AUTO(key_freep) struct key *own = customer(), *peer = host("keys/host.pem.crt");
	uint8_t key[SE_KEY_SIZE];

	(void)state;
	memset(key, 0x17, sizeof(key));
	assert_ok(se_slot_make(own, peer, BYTES_OF(key), &got));
	assert_bytes_equal(buf_bytes(&got), buf_bytes(&want));
	struct se_slot slot = { .phkh = bytes_of(got.p, 32),
		.wrapped = bytes_of(got.p + 32, 32),
		.tag = bytes_of(got.p + 64, 16) };
	AUTO(secret_freep) struct secret *opened = NULL;
	assert_ok(se_slot_open(&slot, own, peer, &opened));
	assert_bytes_equal(secret_bytes(opened), BYTES_OF(key));
}

/* The request made anew from the same values is the same file. */
static void test_request(void **state)
{
	AUTO(buf_done) struct buf want = vector("exp/arcb.bin"), got = BUF_INIT(SE_REQUEST_MAX);
	AUTO(key_freep) struct key *own = customer(), *peer = host("keys/host.pem.crt");
	AUTO(se_request_secrets_done) struct se_request_secrets s = { 0 };
	uint8_t key[SE_KEY_SIZE], measurement[SE_MEASUREMENT_KEY], nonce[SE_NONCE_SIZE], iv[12];
	struct se_request q;

	(void)state;
	memset(key, 0x17, sizeof(key));
	memset(measurement, 0x77, sizeof(measurement));
	memset(nonce, 0xab, sizeof(nonce));
	memset(iv, 0x55, sizeof(iv));
	const struct key *hosts[] = { peer };
	const struct se_request_make m = { .customer = own,
		.hosts = hosts,
		.n_hosts = 1,
		.flags = 0x7000000000000000,
		.iv = BYTES_OF(iv),
		.protection_key = BYTES_OF(key),
		.measurement_key = BYTES_OF(measurement),
		.nonce = BYTES_OF(nonce) };
	assert_ok(se_request_make(&m, &got));
	assert_bytes_equal(buf_bytes(&got), buf_bytes(&want));
	assert_ok(se_request_parse(buf_bytes(&want), &q));
	assert_ok(se_request_open(&q, BYTES_OF(key), &s));
	assert_bytes_equal(secret_bytes(s.measurement_key), BYTES_OF(measurement));
	assert_bytes_equal(BYTES_OF(s.nonce), BYTES_OF(nonce));
}

static struct bytes hex_member(const struct json *j, const char *name)
{
	const char *s = json_string(json_get(j, name));

	return s && s[0] ? test_hex(s) : BYTES_NONE;
}

static void test_hmac(void **state)
{
	AUTO(buf_done) struct buf text = test_file(test_vector("se/expected/attest-hmac.json"));
	AUTO(json_freep) struct json *root = NULL;

	(void)state;
	assert_ok(json_parse(buf_bytes(&text), &root));
	const struct json *cases = json_get(root, "cases");
	assert_true(json_count(cases) > 0);
	for (size_t i = 0; i < json_count(cases); i++) {
		const struct json *c = json_at(cases, i);
		struct digest_value mac;
		struct se_measured m = {
			.pld = hex_member(root, "pld"),
			.ald = hex_member(root, "ald"),
			.tld = hex_member(root, "tld"),
			.tag = hex_member(root, "tag"),
			.cuid = hex_member(root, "cuid"),
			.user_data = hex_member(c, "user"),
			.nonce = hex_member(c, "nonce"),
			.additional = hex_member(c, "additional"),
		};
		assert_ok(se_measure(&m, hex_member(root, "meas_key_hex"), &mac));
		const char *want = json_string(json_get(c, "hmac_sha512"));
		if (!want)
			want = json_string(json_get(c, "expected"));
		assert_non_null(want);
		assert_bytes_equal(digest_bytes(&mac), test_hex(want));
	}
}

static void test_exchange(void **state)
{
	static const char *const files[] = { "exp/exchange.bin", "exchange/full.bin",
		"exchange/full_req.bin", "exchange/add_resp.bin", "exchange/min_req.bin",
		"exchange/min_resp.bin", "exchange/user_req.bin" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(buf_done) struct buf want = vector(files[i]), got = BUF_INIT(65536);
		struct se_exchange x;
		assert_ok(se_exchange_parse(buf_bytes(&want), &x));
		assert_ok(se_exchange_write(&x, &got));
		assert_bytes_equal(buf_bytes(&got), buf_bytes(&want));
	}
}

static void test_add_secret(void **state)
{
	static const struct {
		const char *file;
		uint16_t type;
		uint32_t size;
		uint64_t flags;
		bool any_cuid;
	} cases[] = {
		{ "exp/asrcb/null_none_default_cuid_one", 1, 0, 0, false },
		{ "exp/asrcb/null_none_default_ncuid_one", 1, 0, 0, true },
		{ "exp/asrcb/null_none_dump_cuid_one", 1, 0, UINT64_C(1) << 63, false },
		{ "exp/asrcb/null_simple_default_cuid_one", 1, 0, 0, false },
		{ "exp/asrcb/assoc_none_default_cuid_one", 2, 32, 0, false },
		{ "exp/asrcb/assoc_simple_default_cuid_one", 2, 32, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf file = vector(cases[i].file);
		struct se_add_secret s;
		assert_ok(se_add_secret_parse(buf_bytes(&file), &s));
		assert_int_equal(s.type, cases[i].type);
		assert_int_equal(s.secret_size, cases[i].size);
		assert_true(s.flags == cases[i].flags);
		assert_int_equal(bytes_is_zero(s.cuid), cases[i].any_cuid);
		assert_int_equal(s.n_slots, 1);
	}
}

/* ---- host key documents ---- */

struct hkd_case {
	const char *hkd;
	const char *collateral[8];
	bool crl_optional;
	const char *code; /* of the first failed row; NULL: good */
};

static const char *first_code(const struct checks *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].verdict == CHECK_FAILED)
			return c->v[i].d.code;
	return NULL;
}

static void check_case(const struct hkd_case *k)
{
	AUTO(collateral_freep) struct collateral *collateral = NULL;
	AUTO(checks_freep) struct checks *checks = NULL;
	AUTO(x509_list_done) struct x509_list hkd = { 0 };
	AUTO(buf_done) struct buf pem = vector(k->hkd), root = vector("cert/root_ca.chained.crt");
	struct tee_anchors anchors = { 0 };
	const struct tee_policy policy = { .crl_optional = k->crl_optional };

	assert_ok(collateral_new(&collateral));
	assert_ok(checks_new(&checks));
	assert_ok(x509_list_parse(buf_bytes(&pem), &hkd));
	assert_ok(collateral_add(collateral, buf_bytes(&root), "root and its list"));
	AUTO(x509_list_done) struct x509_list vendor = { 0 };
	AUTO(buf_done) struct buf root_only = vector("cert/root_ca.crt");
	assert_ok(x509_list_parse(buf_bytes(&root_only), &vendor));
	anchors.vendor = vendor;
	for (size_t i = 0; i < ARRAY_LEN(k->collateral) && k->collateral[i]; i++) {
		AUTO(buf_done) struct buf file = vector(k->collateral[i]);
		assert_ok(collateral_add(collateral, buf_bytes(&file), k->collateral[i]));
	}
	const struct tee_verify_input in = {
		.collateral = collateral, .anchors = &anchors, .policy = &policy, .now = HKD_TIME
	};
	assert_true(se_is_hkd(hkd.v[0]));
	assert_ok(se_check_hkd(&in, hkd.v[0], checks));
	const char *code = first_code(checks);
	if (!code != !k->code || (code && strcmp(code, k->code) != 0))
		for (size_t i = 0; i < checks->n; i++)
			print_error("%s: %d %s: %s\n", k->hkd, (int)checks->v[i].verdict,
				checks->v[i].d.field, checks->v[i].d.actual);
	if (k->code)
		assert_string_equal(code ? code : "none", k->code);
	else
		assert_null(code);
}

#define CHAIN "cert/ibm.crt", "cert/inter_ca.crt", "cert/inter_ca.crl", "cert/root_ca.crl"

static void test_hkd(void **state)
{
	static const struct hkd_case cases[] = {
		{ "cert/host.crt", { CHAIN, "cert/ibm.crl" }, false, NULL },
		{ "cert/host_uri_na.crt", { CHAIN, "cert/ibm.crl" }, false, NULL },
		{ "cert/host.crt", { "cert/ibm.chained.crt", "cert/inter_ca.chained.crt" }, false,
			NULL },
		{ "cert/host.crt", { CHAIN }, false, "crl.missing" },
		{ "cert/host.crt", { CHAIN }, true, NULL },
		{ "cert/host_crt_expired.crt", { CHAIN, "cert/ibm.crl" }, false, "se.hkd" },
		{ "cert/host_invalid_signing_key.crt", { CHAIN, "cert/ibm_wrong_subject.crt" },
			true, "se.hkd-signer" },
		{ "cert/host.crt", { "cert/ibm_expired.crt", "cert/inter_ca.crt" }, true,
			"certificate.expired" },
		{ "cert/host.crt", { "cert/inter_ca.crt" }, true, "se.hkd-signer" },
		{ "cert/host.crt", { "cert/ibm.crt" }, true, "certificate.untrusted" },
		{ "cert/host.crt", { CHAIN, "cert/ibm_invalid_hash.crl" }, false, "crl.signature" },
		{ "cert/host.crt", { CHAIN, "cert/ibm_outdated_early.crl" }, false,
			"crl.not-yet-valid" },
		{ "cert/host.crt",
			{ "cert/ibm.crt", "cert/inter_ca.crt", "cert/inter_ca.invalid_date.crl",
				"cert/root_ca.crl", "cert/ibm.crl" },
			false, "crl.expired" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_case(&cases[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slot),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_add_secret),
		cmocka_unit_test(test_hkd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
