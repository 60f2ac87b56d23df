#include "collateral.h"
#include "util.h"

#include <stdio.h>
#include <string.h>

#include <base/encode.h>

enum {
	T0 = 1700000000,
	YEAR = 365 * 24 * 3600
};

/* A root, what it issued, and both in one PEM text. */
struct pki {
	struct key *root_key, *leaf_key;
	struct x509_list certs; /* root, leaf */
	struct buf pem;
};

static void pki_done(struct pki *p)
{
	key_free(p->root_key);
	key_free(p->leaf_key);
	x509_list_done(&p->certs);
	buf_done(&p->pem);
}

static void pki_make(struct pki *p)
{
	*p = (struct pki){ .pem = BUF_INIT(16384) };
	assert_ok(key_generate(KEY_P256, &p->root_key));
	assert_ok(key_generate(KEY_P256, &p->leaf_key));
	struct x509_make root = { .common_name = "root",
		.ca = true,
		.not_before = T0,
		.not_after = T0 + YEAR,
		.subject_key = p->root_key,
		.issuer_key = p->root_key };
	assert_ok(x509_make(&root, &p->pem));
	assert_ok(x509_list_parse(buf_bytes(&p->pem), &p->certs));
	struct x509_make leaf = { .common_name = "leaf",
		.not_before = T0,
		.not_after = T0 + YEAR,
		.subject_key = p->leaf_key,
		.issuer = p->certs.v[0],
		.issuer_key = p->root_key };
	AUTO(buf_done) struct buf pem = BUF_INIT(16384);
	assert_ok(x509_make(&leaf, &pem));
	assert_ok(x509_list_parse(buf_bytes(&pem), &p->certs));
	buf_put(&p->pem, buf_bytes(&pem));
}

static void test_certificates(void **state)
{
	AUTO(pki_done) struct pki p;
	AUTO(collateral_freep) struct collateral *c = NULL;
	AUTO(buf_done) struct buf der = BUF_INIT(16384), hex = BUF_INIT(16384);
	struct x509_list issuers;

	(void)state;
	pki_make(&p);
	assert_ok(collateral_new(&c));
	assert_ok(collateral_add(c, buf_bytes(&p.pem), "both.pem"));
	assert_int_equal(c->n, 2);
	assert_int_equal(c->v[1]->kind, COLLATERAL_CERT);
	assert_string_equal(c->v[1]->subject, "CN=leaf");
	assert_string_equal(c->v[1]->origin, "both.pem");
	assert_int_equal(c->v[1]->not_after, T0 + YEAR);
	/* The same once more, as DER, padded DER and hex: nothing new. */
	assert_ok(x509_der(p.certs.v[1], &der));
	hex_encode(buf_bytes(&der), &hex);
	assert_ok(collateral_add(c, buf_bytes(&der), "leaf.der"));
	assert_ok(collateral_add(c, buf_bytes(&hex), "leaf.hex"));
	buf_zero(&der, 100);
	assert_ok(collateral_add(c, buf_bytes(&der), "nv-dump"));
	assert_int_equal(c->n, 2);
	buf_u8(&der, 1);
	assert_err(collateral_add(c, buf_bytes(&der), "junk behind"), ERR_FORMAT);
	assert_ok(collateral_add_certs(c, &p.certs, "evidence"));
	assert_int_equal(c->n, 2);
	collateral_issuers(c, p.certs.v[1], &issuers);
	assert_int_equal(issuers.n, 1);
	assert_ptr_equal(issuers.v[0], c->v[0]->cert);
	collateral_issuers(NULL, p.certs.v[1], &issuers);
	assert_int_equal(issuers.n, 0);
}

static const char tcb_info[] =
	"{\"id\":\"TDX\",\"version\":3,\"issueDate\":\"2025-06-19T09:39:10Z\",\"nextUpdate\":"
	"\"2025-07-19T09:39:10Z\",\"fmspc\":\"B0C06F000000\",\"odd \\\" } \":[{\"a\":\"}\"}]}";

static void test_signed_json(void **state)
{
	AUTO(collateral_freep) struct collateral *c = NULL;
	AUTO(buf_done) struct buf body = BUF_INIT(4096), set = BUF_INIT(8192);
	struct json_writer w = jw_of(&set);
	struct bytes exact;

	(void)state;
	assert_ok(collateral_new(&c));
	buf_printf(&body, "{\"tcbInfo\":%s,\"signature\":\"00ff\"}", tcb_info);
	assert_ok(collateral_add(c, buf_bytes(&body), "body.json"));
	assert_int_equal(c->n, 1);
	assert_int_equal(c->v[0]->kind, COLLATERAL_TCB_INFO);
	assert_string_equal(c->v[0]->subject, "TDX B0C06F000000");
	assert_int_equal(c->v[0]->not_before, 1750325950);
	assert_ok(json_member_text(buf_bytes(&c->v[0]->bytes), "tcbInfo", &exact));
	assert_bytes_equal(exact, bytes_str(tcb_info));
	/* The same as two members of a set. */
	jw_object(&w);
	jw_kstr(&w, "tcb_info", tcb_info);
	jw_kstr(&w, "tcb_info_signature", "00ff");
	jw_object_end(&w);
	assert_ok(collateral_add(c, buf_bytes(&set), "set.json"));
	assert_int_equal(c->n, 1);
}

static void test_member_text(void **state)
{
	static const struct {
		const char *object, *name, *want;
	} cases[] = {
		{ "{\"a\":{}}", "a", "{}" },
		{ " { \"b\" : 1 , \"a\" :\n{ \"x\" : [ \"}\" ] } }", "a", "{ \"x\" : [ \"}\" ] }" },
		{ "{\"x\":{\"a\":{\"no\":1}},\"a\":{\"yes\":1}}", "a", "{\"yes\":1}" },
		{ "{\"x\":\"\\\"a\\\":{}\",\"a\":{\"y\":\"\\\\\"}}", "a", "{\"y\":\"\\\\\"}" },
		{ "{\"ab\":{\"n\":1},\"a\":{\"y\":[[],{}]}}", "a", "{\"y\":[[],{}]}" },
	};
	static const char *const bad[] = { "{}", "{\"a\":1}", "{\"a\":[{}]}", "{\"b\":{\"a\":{}}}",
		"{\"aa\":{}}" };
	struct bytes got;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_ok(json_member_text(bytes_str(cases[i].object), cases[i].name, &got));
		assert_bytes_equal(got, bytes_str(cases[i].want));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(json_member_text(bytes_str(bad[i]), "a", &got), ERR_FORMAT);
}

static void test_nothing_known(void **state)
{
	static const char *const bad[] = { "", " ", "\n", "x", "{}", "{\"tcbInfo\":{}}",
		"{\"tcbInfo\":{},\"signature\":\"\"}", "{\"signature\":\"00\"}",
		"{\"tcbInfo\":{},\"enclaveIdentity\":{},\"signature\":\"00\"}",
		"{\"tcb_info\":\"{}\"}", "{\"collaterals\":{}}", "{\"collaterals\":[]}",
		"{\"collaterals\":1,\"collaterals\":1}", "{\"vcekCert\":\"\"}",
		"{\"pck_crl\":\"zz\"}", "-----BEGIN CERTIFICATE-----",
		"-----BEGIN X509 CRL-----\n-----END X509 CRL-----", "3000", "30820100" };
	AUTO(collateral_freep) struct collateral *c = NULL;

	(void)state;
	assert_ok(collateral_new(&c));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(failed(collateral_add(c, bytes_str(bad[i]), "bad")));
	assert_int_equal(c->n, 0);
}

/* A file is added as a whole or not at all. */
static void test_all_or_nothing(void **state)
{
	AUTO(pki_done) struct pki p;
	AUTO(collateral_freep) struct collateral *c = NULL;

	(void)state;
	pki_make(&p);
	assert_ok(collateral_new(&c));
	buf_puts(&p.pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	assert_true(failed(collateral_add(c, buf_bytes(&p.pem), "two and a half")));
	assert_int_equal(c->n, 0);
}

static struct err add_to_new(void *arg, struct bytes in)
{
	AUTO(collateral_freep) struct collateral *c = NULL;

	(void)arg;
	assert_ok(collateral_new(&c));
	struct err e = collateral_add(c, in, "x");
	assert_true(failed(e) == (c->n == 0));
	return e;
}

static void test_damaged(void **state)
{
	AUTO(pki_done) struct pki p;
	AUTO(buf_done) struct buf body = BUF_INIT(4096), der = BUF_INIT(4096);

	(void)state;
	pki_make(&p);
	assert_ok(x509_der(p.certs.v[0], &der));
	each_prefix(buf_bytes(&der), add_to_new, NULL);
	each_flip_survives(buf_bytes(&der), add_to_new, NULL);
	buf_printf(&body, "{\"tcbInfo\":%s,\"signature\":\"00ff\"}", tcb_info);
	each_prefix(buf_bytes(&body), add_to_new, NULL);
	each_flip_survives(buf_bytes(&body), add_to_new, NULL);
	each_prefix_survives(buf_bytes(&p.pem), add_to_new, NULL);
}

static void add_vector(struct collateral *c, const char *path)
{
	AUTO(buf_done) struct buf file = test_file(test_vector(path));

	assert_ok(collateral_add(c, buf_bytes(&file), path));
}

/* Real files: kind by kind. */
static void test_real(void **state)
{
	static const struct {
		const char *path;
		enum collateral_kind kind;
		const char *subject;
		size_t n;
	} cases[] = {
		{ "tdx/go-tdx-guest/collateral/pckcrl", COLLATERAL_CRL, NULL, 1 },
		{ "tdx/go-tdx-guest/collateral/sample_tcbInfo_response", COLLATERAL_TCB_INFO,
			"TDX 50806f000000", 1 },
		{ "tdx/go-tdx-guest/collateral/sample_qeIdentity_response", COLLATERAL_QE_IDENTITY,
			"TD_QE", 1 },
		{ "sev/virtee-sev/milan/ark.cert", COLLATERAL_SEV_CERT, "ARK", 1 },
		{ "sev/virtee-sev/naples/pek.cert", COLLATERAL_SEV_CERT, "PEK", 1 },
		{ "csv/csv-rs/hsk_cek.cert", COLLATERAL_CSV_CERT, "HSK", 2 },
		{ "csv/csv-rs/hrk.cert", COLLATERAL_CSV_CERT, "HRK", 1 },
		{ "snp/openpcc/crl/amd_genoa_crl.pem", COLLATERAL_CRL, NULL, 1 },
		{ "snp/openpcc/crl/genoa_ask_ark.pem", COLLATERAL_CERT, NULL, 2 },
		{ "vtpm/keylime/akpub.pem", COLLATERAL_PUBLIC_KEY, NULL, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(collateral_freep) struct collateral *c = NULL;
		assert_ok(collateral_new(&c));
		add_vector(c, cases[i].path);
		assert_int_equal(c->n, cases[i].n);
		assert_int_equal(c->v[0]->kind, cases[i].kind);
		if (cases[i].subject)
			assert_string_equal(c->v[0]->subject, cases[i].subject);
	}
}

/* One file with all that a TDX quote's verdict needs. */
static void test_real_set(void **state)
{
	AUTO(collateral_freep) struct collateral *c = NULL;
	size_t kinds[COLLATERAL_PUBLIC_KEY + 1] = { 0 };

	(void)state;
	assert_ok(collateral_new(&c));
	add_vector(c, "tdx/dcap-qvl/collateral/tdx_quote_collateral.json");
	for (size_t i = 0; i < c->n; i++)
		kinds[c->v[i]->kind]++;
	assert_int_equal(kinds[COLLATERAL_TCB_INFO], 1);
	assert_int_equal(kinds[COLLATERAL_QE_IDENTITY], 1);
	assert_int_equal(kinds[COLLATERAL_CRL], 2);
	assert_true(kinds[COLLATERAL_CERT] >= 2);
}

/* Every form, as the fuzzer begins with it: all items of each file are found. */
static void test_forms(void **state)
{
	static const struct {
		const char *name;
		enum collateral_kind first;
		size_t n;
	} cases[] = {
		{ "pem", COLLATERAL_CERT, 4 },
		{ "leaf.der", COLLATERAL_CERT, 1 },
		{ "crl.der", COLLATERAL_CRL, 1 },
		{ "crl.hex", COLLATERAL_CRL, 1 },
		{ "pcs-info", COLLATERAL_TCB_INFO, 1 },
		{ "pcs-qe", COLLATERAL_QE_IDENTITY, 1 },
		{ "set.json", COLLATERAL_TCB_INFO, 5 },
		{ "pcs-client.json", COLLATERAL_TCB_INFO, 5 },
		{ "thim.json", COLLATERAL_CERT, 2 },
		{ "jwk.json", COLLATERAL_PUBLIC_KEY, 1 },
		{ "csv-chain", COLLATERAL_CSV_CERT, 2 },
		{ "sev-ark", COLLATERAL_SEV_CERT, 1 },
		{ "sev-pek", COLLATERAL_SEV_CERT, 1 },
	};
	char path[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(collateral_freep) struct collateral *c = NULL;
		(void)snprintf(
			path, sizeof(path), "tests/fuzz/corpus/collateral/%s", cases[i].name);
		AUTO(buf_done) struct buf file = test_file(test_source(path));

		assert_ok(collateral_new(&c));
		assert_ok(collateral_add(c, buf_bytes(&file), path));
		if (c->n != cases[i].n)
			print_error("%s: %zu items\n", path, c->n);
		assert_int_equal(c->n, cases[i].n);
		assert_int_equal(c->v[0]->kind, cases[i].first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_signed_json),
		cmocka_unit_test(test_member_text),
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_all_or_nothing),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_real_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
