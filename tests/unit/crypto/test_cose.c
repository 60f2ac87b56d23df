#include "util.h"

#include <crypto/cose.h>

static struct err parse(const char *hex)
{
	struct cose_sign1 s;

	return cose_sign1_parse(test_hex(hex), "test", &s);
}

#define SIGNATURE                                                                                  \
	"5840"                                                                                     \
	"01010101010101010101010101010101010101010101010101010101010101010101010101010101"         \
	"010101010101010101010101010101010101010101010101"

static void test_sign1(void **state)
{
	static const char *const bad[] = {
		"00", "8343a10126a041aa",	   /* three parts */
		"8543a10126a041aa" SIGNATURE "00", /* five */
		"d18443a10126a041aa" SIGNATURE,	   /* COSE_Mac0's tag */
		"8443a10126a0f6" SIGNATURE,	   /* the payload stands elsewhere */
		"8443a1012640"
		"41aa" SIGNATURE,		    /* unprotected header is no map */
		"84a10126a041aa" SIGNATURE,	    /* protected header is not wrapped */
		"844126a041aa" SIGNATURE,	    /* nor a map */
		"8440a041aa" SIGNATURE,		    /* empty */
		"8441a0a1012641aa" SIGNATURE,	    /* algorithm is not protected */
		"8443a1012ea041aa" SIGNATURE,	    /* algorithm -15 */
		"8444a1016126a041aa" SIGNATURE,	    /* algorithm as text */
		"8446a20126028101a041aa" SIGNATURE, /* critical header */
		"8443a10126a041aa41aa",		    /* short signature */
		"8443a10126a041aa00",		    /* none */
		"8444a1013822a041aa" SIGNATURE,	    /* ES384 with a signature of ES256 */
	};
	static const char *const good[] = {
		"8443a10126a041aa" SIGNATURE,
		"8443a10127a041aa" SIGNATURE, /* EdDSA */
		"d28443a10126a041aa" SIGNATURE,
		"8443a10126a1044101"
		"40" SIGNATURE,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_ok(parse(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = parse(bad[i]);
		if (e.code != ERR_FORMAT)
			print_error("%s was taken\n", bad[i]);
		assert_int_equal(e.code, ERR_FORMAT);
	}
}

/* RFC 8152, appendix C.2.1 (single ECDSA signature) and its key from C.7.1: "11". */
static void test_known_answer(void **state)
{
	static const char message[] =
		"d28443a10126a10442313154546869732069732074686520636f6e74656e742e58408eb33e4ca31d1c"
		"465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0117e2af9a291aa32e14ab834dc56ed2a2234"
		"44547e01f11d3b0916e5a4c345cacb36";
	static const char key[] =
		"a401022001215820bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff22"
		"582020138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e";
	AUTO(key_freep) struct key *k = NULL;
	struct cose_sign1 s;

	(void)state;
	assert_ok(cose_key_parse(test_hex(key), "key", &k));
	assert_ok(cose_sign1_parse(test_hex(message), "message", &s));
	assert_string_equal(cose_alg_name(s.alg), "ES256");
	assert_bytes_equal(s.payload, bytes_str("This is the content."));
	assert_ok(cose_sign1_verify(&s, k));
	s.payload = bytes_str("This is the content!");
	assert_err(cose_sign1_verify(&s, k), ERR_UNVERIFIED);
}

static void test_other_keys(void **state)
{
	AUTO(key_freep) struct key *p256 = NULL, *p384 = NULL, *ed = NULL;
	static const uint8_t zero[64] = { 0 };
	struct cose_sign1 s;

	(void)state;
	assert_ok(key_generate(KEY_P256, &p256));
	assert_ok(key_generate(KEY_P384, &p384));
	assert_ok(key_generate(KEY_ED25519, &ed));
	assert_ok(cose_sign1_parse(test_hex("8443a10126a041aa" SIGNATURE), "message", &s));
	assert_err(cose_sign1_verify(&s, p256), ERR_UNVERIFIED);
	assert_err(cose_sign1_verify(&s, p384), ERR_UNVERIFIED);
	assert_err(cose_sign1_verify(&s, ed), ERR_UNVERIFIED);
	s.signature = BYTES_OF(zero);
	assert_err(cose_sign1_verify(&s, p256), ERR_UNVERIFIED);
	assert_string_equal(cose_alg_name(-15), "?");
}

struct signed_message {
	const struct key *key;
	struct bytes payload;
};

static struct err open_message(void *arg, struct bytes in)
{
	const struct signed_message *m = arg;
	struct cose_sign1 s;

	TRY(cose_sign1_parse(in, "message", &s));
	TRY(cose_sign1_verify(&s, m->key));
	return bytes_equal(s.payload, m->payload) ? OK : err_new(ERR_STATE, "another payload");
}

static void test_make(void **state)
{
	static const struct {
		enum key_type type;
		const char *name;
	} cases[] = {
		{ KEY_P256, "ES256" },
		{ KEY_P384, "ES384" },
		{ KEY_P521, "ES512" },
		{ KEY_ED25519, "EdDSA" },
	};
	static const struct cose_header more = { { (const uint8_t *)"\x03\x61\x61", 3 }, 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(key_freep) struct key *key = NULL, *other = NULL;
		AUTO(buf_done) struct buf out = BUF_INIT(1024), again = BUF_INIT(1024);
		struct signed_message m = { .payload = bytes_str("payload") };
		struct cose_sign1 s;

		assert_ok(key_generate(cases[i].type, &key));
		assert_ok(key_generate(cases[i].type, &other));
		assert_ok(cose_sign1_make(key, &more, m.payload, &out));
		m.key = key;
		assert_ok(open_message(&m, buf_bytes(&out)));
		each_prefix(buf_bytes(&out), open_message, &m);
		each_flip(buf_bytes(&out), open_message, &m);
		m.key = other;
		assert_err(open_message(&m, buf_bytes(&out)), ERR_UNVERIFIED);
		assert_ok(cose_sign1_parse(buf_bytes(&out), "message", &s));
		assert_string_equal(cose_alg_name(s.alg), cases[i].name);
		assert_ok(cose_sign1_make(key, &more, m.payload, &again));
		assert_int_equal(bytes_equal(buf_bytes(&out), buf_bytes(&again)),
			cases[i].type == KEY_ED25519);
	}
}

static void test_make_other_key(void **state)
{
	static const struct cose_header none = { 0 };
	AUTO(key_freep) struct key *rsa = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(1024);

	(void)state;
	assert_ok(key_generate(KEY_RSA, &rsa));
	assert_err(cose_sign1_make(rsa, &none, bytes_str("x"), &out), ERR_UNSUPPORTED);
	assert_int_equal(out.n, 0);
}

static void test_keys(void **state)
{
	static const char *const bad[] = {
		"", "04", "0401", "a0", "00", "a3010220012140", /* no y */
		"a401022001214022f5",				/* y by its sign alone */
		"a40102200121402240",				/* empty coordinates */
		"a401012001214022"
		"40",		      /* OKP */
		"a40102200421402240", /* curve 4 */
		"a4010220012100"
		"2240", /* x is a number */
		"a401022001214122"
		"2240", /* of one byte */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct key *k = NULL;
		struct err e = cose_key_parse(test_hex(bad[i]), "key", &k);

		if (e.code != ERR_FORMAT)
			print_error("%s was taken\n", bad[i]);
		assert_int_equal(e.code, ERR_FORMAT);
		assert_null(k);
	}
	/* a point that is not on the curve */
	uint8_t point[97] = { 0x04, 1 };
	struct key *k = NULL;
	assert_err(cose_key_parse(BYTES_OF(point), "key", &k), ERR_FORMAT);
	assert_null(k);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sign1),
		cmocka_unit_test(test_known_answer),
		cmocka_unit_test(test_other_keys),
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_make_other_key),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
