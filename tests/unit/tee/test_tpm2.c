#include "util.h"
#include "vtpm/tpm2.h"
#include "vtpm_gen.h"

#include <base/encode.h>

static struct err parse_quote(void *arg, struct bytes in)
{
	struct tpm2_quote q;

	(void)arg;
	return tpm2_quote_parse(in, &q);
}

static struct err parse_signature(void *arg, struct bytes in)
{
	struct tpm2_signature s;

	(void)arg;
	return tpm2_signature_parse(in, &s);
}

static struct err parse_public(void *arg, struct bytes in)
{
	AUTO(key_freep) struct key *k = NULL;
	AUTO(buf_done) struct buf name = BUF_INIT(TPM2_NAME_MAX);
	struct tpm2_public p;

	(void)arg;
	TRY(tpm2_public_parse(in, &p));
	TRY(tpm2_name(&p, &name));
	return tpm2_public_key(&p, &k);
}

/* ---- a real quote ---- */
static struct buf vector(const char *path)
{
	return test_file(test_vector(path));
}

struct quote_set {
	struct buf message, signature, ak;
	struct key *key;
};

static void load(struct quote_set *q)
{
	q->message = vector("vtpm/keylime/quote.out");
	q->signature = vector("vtpm/keylime/quotesig.out");
	q->ak = vector("vtpm/keylime/akpub.pem");
	assert_ok(key_parse_public(buf_bytes(&q->ak), &q->key));
}

static void unload(struct quote_set *q)
{
	buf_done(&q->message);
	buf_done(&q->signature);
	buf_done(&q->ak);
	key_freep(&q->key);
}

static struct err verify_message(void *arg, struct bytes message)
{
	const struct quote_set *q = arg;
	struct tpm2_signature s;

	TRY(tpm2_signature_parse(buf_bytes(&q->signature), &s));
	return tpm2_signature_verify(&s, q->key, message);
}

static struct err verify_signature(void *arg, struct bytes signature)
{
	const struct quote_set *q = arg;
	struct tpm2_signature s;

	TRY(tpm2_signature_parse(signature, &s));
	return tpm2_signature_verify(&s, q->key, buf_bytes(&q->message));
}

static void test_real_quote(void **state)
{
	struct quote_set q = { 0 };
	struct tpm2_quote parsed;

	(void)state;
	load(&q);
	assert_ok(tpm2_quote_parse(buf_bytes(&q.message), &parsed));
	assert_bytes_equal(parsed.extra_data, test_hex("db1db298db6d60e6385b7231743e9c3056a18003"));
	assert_int_equal(parsed.n_selections, 1);
	assert_int_equal(parsed.selections[0].hash, TPM_ALG_SHA256);
	assert_int_equal(parsed.selections[0].pcrs, 1 << 15 | 1 << 16 | 1 << 22);
	assert_int_equal(parsed.pcr_digest.n, 32);
	assert_ok(verify_message(&q, buf_bytes(&q.message)));
	each_flip_signed(buf_bytes(&q.message), verify_message, &q);
	each_flip_signed(buf_bytes(&q.signature), verify_signature, &q);
	each_prefix(buf_bytes(&q.message), parse_quote, NULL);
	each_prefix(buf_bytes(&q.signature), parse_signature, NULL);
	each_flip_survives(buf_bytes(&q.message), parse_quote, NULL);
	unload(&q);
}

static void test_real_public(void **state)
{
	AUTO(buf_done) struct buf pub = vector("vtpm/keylime/ak.pub");
	AUTO(buf_done) struct buf want = vector("vtpm/keylime/ak.name");
	AUTO(buf_done) struct buf pem = vector("vtpm/keylime/akpub.pem");
	AUTO(buf_done) struct buf name = BUF_INIT(TPM2_NAME_MAX);
	AUTO(key_freep) struct key *a = NULL, *b = NULL;
	struct tpm2_public p;

	(void)state;
	assert_ok(tpm2_public_parse(buf_bytes(&pub), &p));
	assert_ok(tpm2_name(&p, &name));
	assert_bytes_equal(buf_bytes(&name), buf_bytes(&want));
	assert_ok(tpm2_public_key(&p, &a));
	assert_ok(key_parse_public(buf_bytes(&pem), &b));
	assert_true(key_equal(a, b));
	each_prefix(buf_bytes(&pub), parse_public, NULL);
	each_flip_survives(buf_bytes(&pub), parse_public, NULL);
}

/* ---- made ones ---- */
static void test_bad_quotes(void **state)
{
	static const struct {
		const char *hex;
		const char *text;
	} cases[] = {
		{ "ff544348"
		  "8018",
			"magic 0xff544348" },
		{ "ff544347"
		  "8017",
			"type 0x8017 is not a quote" },
		{ "ff544347"
		  "8018"
		  "0000"
		  "0000"
		  "00000000000000000000000000000000"
		  "00"
		  "0000000000000000"
		  "00000011",
			"17 PCR selections" },
		{ "ff544347"
		  "8018"
		  "0000"
		  "0000"
		  "00000000000000000000000000000000"
		  "00"
		  "0000000000000000"
		  "00000001"
		  "000b"
		  "05"
		  "0000000000"
		  "0000",
			"out of bounds" },
		{ "ff544347"
		  "8018"
		  "0000"
		  "0000"
		  "00000000000000000000000000000000"
		  "00"
		  "0000000000000000"
		  "00000000"
		  "0000"
		  "00",
			"1 bytes too many" },
	};
	struct tpm2_quote q;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_true(failed(tpm2_quote_parse(test_hex(cases[i].hex), &q)));
		assert_err_text(cases[i].text);
	}
}

static void test_bad_signatures(void **state)
{
	static const struct {
		const char *hex;
		enum err_code code;
	} cases[] = {
		{ "0014", ERR_FORMAT },
		{ "001a000b0000", ERR_UNSUPPORTED }, /* ECDAA */
		{ "0005000b0000", ERR_UNSUPPORTED }, /* HMAC */
		{ "0014000b000100aa", ERR_FORMAT },
		{ "0018000b0000", ERR_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_err(parse_signature(NULL, test_hex(cases[i].hex)), cases[i].code);
}

/* SHA-1, and a scheme that does not belong to the key, are refused before any arithmetic. */
static void test_signature_schemes(void **state)
{
	static const struct {
		enum key_type type;
		uint16_t scheme, hash;
		enum err_code code;
	} cases[] = {
		{ KEY_P256, TPM_ALG_ECDSA, TPM_ALG_SHA1, ERR_UNSUPPORTED },
		{ KEY_P256, TPM_ALG_RSASSA, TPM_ALG_SHA256, ERR_UNSUPPORTED },
		{ KEY_P256, TPM_ALG_ECDSA, TPM_ALG_SHA256, ERR_UNVERIFIED },
		{ KEY_P521, TPM_ALG_ECDSA, TPM_ALG_SHA512, ERR_UNVERIFIED },
		{ KEY_ED25519, TPM_ALG_ECDSA, TPM_ALG_SHA256, ERR_UNSUPPORTED },
	};
	static const uint8_t number[32] = { 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(key_freep) struct key *k = NULL;
		struct tpm2_signature s = {
			.scheme = cases[i].scheme,
			.hash = cases[i].hash,
			.r = BYTES_OF(number),
			.s = BYTES_OF(number),
			.rsa = BYTES_OF(number),
		};

		assert_ok(key_generate(cases[i].type, &k));
		assert_err(tpm2_signature_verify(&s, k, bytes_str("message")), cases[i].code);
	}
}

static void test_bad_publics(void **state)
{
	static const struct {
		const char *hex;
		const char *text;
	} cases[] = {
		{ "000a"
		  "0008"
		  "000b"
		  "00050072"
		  "0000",
			"key type 0x0008" },
		/* symmetric algorithm unknown to us */
		{ "0010"
		  "0001"
		  "000b"
		  "00050072"
		  "0000"
		  "000a"
		  "0000"
		  "0000",
			"out of bounds" },
		/* modulus shorter than key_bits */
		{ "0016"
		  "0001"
		  "000b"
		  "00050072"
		  "0000"
		  "0010"
		  "0010"
		  "0800"
		  "00000000"
		  "0000",
			"RSA modulus of 0 bytes" },
		/* curve BN_P256 */
		{ "0018"
		  "0023"
		  "000b"
		  "00050072"
		  "0000"
		  "0010"
		  "0010"
		  "0010"
		  "0010"
		  "0001aa"
		  "0001bb",
			"curve 0x0010" },
		/* point not on the curve */
		{ "0018"
		  "0023"
		  "000b"
		  "00050072"
		  "0000"
		  "0010"
		  "0010"
		  "0003"
		  "0010"
		  "0001aa"
		  "0001bb",
			"" },
		/* SHA-1 name */
		{ "0018"
		  "0023"
		  "0004"
		  "00050072"
		  "0000"
		  "0010"
		  "0010"
		  "0003"
		  "0010"
		  "0001aa"
		  "0001bb",
			"hash algorithm 0x0004" },
		{ "0000"
		  "00",
			"1 bytes too many" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_true(failed(parse_public(NULL, test_hex(cases[i].hex))));
		assert_err_text(cases[i].text);
	}
}

static void check_credential(enum key_type ek_type)
{
	static const char secret_text[] = "0123456789abcdef0123456789abcde";
	AUTO(tpm2_credential_done) struct tpm2_credential c = TPM2_CREDENTIAL_INIT;
	AUTO(buf_done) struct buf name = BUF_INIT(TPM2_NAME_MAX);
	AUTO(secret_freep) struct secret *out = NULL;
	struct tpm2_public ek, ak;
	struct vtpm_gen g;

	vtpm_gen_init(&g);
	if (ek_type != KEY_RSA)
		vtpm_gen_ek(&g, ek_type, 0);
	assert_ok(tpm2_public_parse(buf_bytes(&g.ek_public), &ek));
	assert_ok(tpm2_public_parse(buf_bytes(&g.ak_public), &ak));
	assert_ok(tpm2_name(&ak, &name));
	assert_ok(tpm2_make_credential(&ek, buf_bytes(&name), BYTES_OF(secret_text), &c));
	assert_ok(vtpm_gen_activate(&g, buf_bytes(&c.blob), buf_bytes(&c.secret), &out));
	assert_bytes_equal(secret_bytes(out), BYTES_OF(secret_text));

	/* Another AK in the same TPM does not open it. */
	vtpm_gen_ak(&g, TPM_ALG_ECDSA, 0);
	assert_err(vtpm_gen_activate(&g, buf_bytes(&c.blob), buf_bytes(&c.secret), &out),
		ERR_UNVERIFIED);
	vtpm_gen_done(&g);
}

static void test_credential(void **state)
{
	(void)state;
	check_credential(KEY_RSA);
	check_credential(KEY_P256);
	check_credential(KEY_P384);
}

static void test_credential_refused(void **state)
{
	static const uint8_t secret[33] = { 0 };
	AUTO(tpm2_credential_done) struct tpm2_credential c = TPM2_CREDENTIAL_INIT;
	struct tpm2_public ek, bad;
	struct vtpm_gen g;

	(void)state;
	vtpm_gen_init(&g);
	assert_ok(tpm2_public_parse(buf_bytes(&g.ek_public), &ek));
	assert_err(tpm2_make_credential(&ek, bytes_str("name"), BYTES_OF(secret), &c), ERR_LIMIT);
	bad = ek;
	bad.symmetric = TPM_ALG_NULL;
	assert_err(tpm2_make_credential(&bad, bytes_str("name"), bytes_of(secret, 32), &c),
		ERR_UNSUPPORTED);
	bad = ek;
	bad.symmetric_bits = 64;
	assert_err(tpm2_make_credential(&bad, bytes_str("name"), bytes_of(secret, 32), &c),
		ERR_UNSUPPORTED);
	bad = ek;
	bad.name_alg = TPM_ALG_SHA1;
	assert_err(tpm2_make_credential(&bad, bytes_str("name"), bytes_of(secret, 16), &c),
		ERR_UNSUPPORTED);
	vtpm_gen_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_quote),
		cmocka_unit_test(test_real_public),
		cmocka_unit_test(test_bad_quotes),
		cmocka_unit_test(test_bad_signatures),
		cmocka_unit_test(test_signature_schemes),
		cmocka_unit_test(test_bad_publics),
		cmocka_unit_test(test_credential),
		cmocka_unit_test(test_credential_refused),
	};

	return cmocka_run_group_tests_name("tee tpm2", tests, NULL, NULL);
}
