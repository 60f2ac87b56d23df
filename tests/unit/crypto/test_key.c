#include "keys.h"
#include "queue.h"
#include "util.h"

#include <crypto/key.h>

enum {
	OUT_MAX = 8192
};

static RESULT parse(const char *text, bool is_private, struct key **ret_key)
{
	return is_private ? key_parse_private(bytes_str(text), ret_key)
			  : key_parse_public(bytes_str(text), ret_key);
}

static void test_forms(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_private;
		enum key_type type;
		unsigned bits;
	} good[] = {
		{ ec_pkcs8, true, KEY_P256, 256 },
		{ ec_sec1, true, KEY_P256, 256 },
		{ ec_with_parameters, true, KEY_P256, 256 },
		{ ec_spki, false, KEY_P256, 256 },
		{ ec_certificate, false, KEY_P256, 256 },
		{ rsa_pkcs8, true, KEY_RSA, 2048 },
		{ rsa_pkcs1, true, KEY_RSA, 2048 },
		{ rsa_spki, false, KEY_RSA, 2048 },
		{ rsa_pkcs1_public, false, KEY_RSA, 2048 },
		{ ed25519_pkcs8, true, KEY_ED25519, 256 },
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(key_freep) struct key *k = NULL;

		assert_ok(parse(good[i].text, good[i].is_private, &k));
		assert_int_equal(key_type(k), good[i].type);
		assert_int_equal(key_bits(k), good[i].bits);
		assert_int_equal(key_is_private(k), good[i].is_private);
	}
}

static void test_same_key(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool a_private, b_private, equal;
	} pairs[] = {
		{ ec_pkcs8, ec_sec1, true, true, true },
		{ ec_pkcs8, ec_spki, true, false, true },
		{ ec_pkcs8, ec_certificate, true, false, true },
		{ rsa_pkcs8, rsa_pkcs1, true, true, true },
		{ rsa_spki, rsa_pkcs1_public, false, false, true },
		{ rsa_pkcs1, rsa_spki, true, false, true },
		{ ec_pkcs8, ec_with_parameters, true, true, false },
		{ ec_pkcs8, rsa_pkcs8, true, true, false },
		{ ec_pkcs8, ed25519_pkcs8, true, true, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		AUTO(key_freep) struct key *a = NULL, *b = NULL;

		assert_ok(parse(pairs[i].a, pairs[i].a_private, &a));
		assert_ok(parse(pairs[i].b, pairs[i].b_private, &b));
		assert_int_equal(key_equal(a, b), pairs[i].equal);
	}
}

static void test_refused_forms(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_private;
		enum err_code code;
		const char *part;
	} bad[] = {
		{ "", false, ERR_FORMAT, "empty" },
		{ "hello", false, ERR_FORMAT, "no known DER form" },
		{ "hello", true, ERR_FORMAT, "no known DER form" },
		{ "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", false, ERR_FORMAT,
			"PUBLIC KEY" },
		{ "-----BEGIN PUBLIC KEY-----\n", false, ERR_FORMAT, "PEM key" },
		{ ec_pkcs8, false, ERR_FORMAT, "PEM block 'PRIVATE KEY'" },
		{ ec_spki, true, ERR_FORMAT, "PEM block 'PUBLIC KEY'" },
		{ ec_encrypted_pkcs8, true, ERR_UNSUPPORTED, "passphrase" },
		{ ec_encrypted_sec1, true, ERR_UNSUPPORTED, "passphrase" },
		{ secp256k1_sec1, true, ERR_UNSUPPORTED, "secp256k1" },
		{ secp256k1_spki, false, ERR_UNSUPPORTED, "secp256k1" },
		{ ec_explicit_sec1, true, ERR_UNSUPPORTED, "without a name" },
		{ ec_explicit_spki, false, ERR_UNSUPPORTED, "without a name" },
		{ rsa_1024_spki, false, ERR_UNSUPPORTED, "1024 bits" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct key *k = NULL;

		assert_err(parse(bad[i].text, bad[i].is_private, &k), bad[i].code);
		assert_err_text(bad[i].part);
		assert_null(k);
	}
}

static struct err parse_public(void *arg, struct bytes in)
{
	AUTO(key_freep) struct key *k = NULL;

	(void)arg;
	return key_parse_public(in, &k);
}

static struct err parse_private(void *arg, struct bytes in)
{
	AUTO(key_freep) struct key *k = NULL;

	(void)arg;
	return key_parse_private(in, &k);
}

static void test_der_prefixes(void **state)
{
	(void)state;
	static const char *const texts[] = { ec_spki, rsa_spki };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO(key_freep) struct key *k = NULL, *again = NULL;
		AUTO(buf_done) struct buf der = BUF_INIT(OUT_MAX);

		assert_ok(key_parse_public(bytes_str(texts[i]), &k));
		assert_ok(key_public_der(k, &der));
		assert_ok(key_parse_public(buf_bytes(&der), &again));
		assert_true(key_equal(k, again));
		each_prefix(buf_bytes(&der), parse_public, NULL);
		each_flip_survives(buf_bytes(&der), parse_public, NULL);
		buf_u8(&der, 0);
		assert_err(parse_public(NULL, buf_bytes(&der)), ERR_FORMAT);
	}
	each_prefix_survives(bytes_str(ec_pkcs8), parse_private, NULL);
	each_flip_survives(bytes_str(ec_sec1), parse_private, NULL);
}

static void test_generate_and_export(void **state)
{
	(void)state;
	static const enum key_type types[] = { KEY_P256, KEY_P384, KEY_P521, KEY_RSA, KEY_ED25519 };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		AUTO(key_freep) struct key *k = NULL, *pub = NULL, *priv = NULL;
		AUTO(buf_done) struct buf pem = BUF_INIT(OUT_MAX);
		AUTO(secret_freep) struct secret *secret = NULL, *none = NULL;

		assert_ok(key_generate(types[i], &k));
		assert_int_equal(key_type(k), types[i]);
		assert_true(key_is_private(k));
		assert_ok(key_public_pem(k, &pem));
		assert_ok(key_parse_public(buf_bytes(&pem), &pub));
		assert_true(key_equal(k, pub));
		assert_ok(key_private_pem(k, &secret));
		assert_ok(key_parse_private(secret_bytes(secret), &priv));
		assert_true(key_is_private(priv));
		assert_true(key_equal(k, priv));
		assert_err(key_private_pem(pub, &none), ERR_STATE);
	}
	struct key *small = NULL;
	assert_err(key_generate_rsa(1024, &small), ERR_UNSUPPORTED);
	assert_err(key_generate_rsa(8192, &small), ERR_UNSUPPORTED);
	assert_null(small);
}

/* RFC 6979 A.2.5 to A.2.7: private scalar and public point. */
static const struct {
	enum key_type type;
	const char *d, *x, *y;
} points[] = {
	{ KEY_P256, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
		"60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
		"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299" },
	{ KEY_P384,
		"6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8"
		"96d5724e4c70a825f872c9ea60d2edf5",
		"ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64"
		"def8f0ea9055866064a254515480bc13",
		"8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1"
		"288b231c3ae0d4fe7344fd2533264720" },
	{ KEY_P521,
		"00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75"
		"caa896eb32f1f47c70855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538",
		"01894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd"
		"371123d46e45db6b5d5370a7f20fb633155d38ffa16d2bd761dcac474b9a2f5023a4",
		"00493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354d6630f746a"
		"28a0db25741b5b34a828008b22acc23f924faafbd4d33f81ea66956dfeaa2bfdfcf5" },
};

static void test_ec_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		AUTO(key_freep) struct key *priv = NULL, *pub = NULL;
		AUTO(buf_done) struct buf x = BUF_INIT(OUT_MAX), y = BUF_INIT(OUT_MAX);
		struct bytes want_x = test_hex(points[i].x), want_y = test_hex(points[i].y);

		assert_ok(key_from_ec_scalar(points[i].type, test_hex(points[i].d), &priv));
		assert_true(key_is_private(priv));
		assert_ok(key_ec_point(priv, &x, &y));
		assert_bytes_equal(buf_bytes(&x), want_x);
		assert_bytes_equal(buf_bytes(&y), want_y);
		assert_ok(key_from_ec_point(points[i].type, want_x, want_y, &pub));
		assert_false(key_is_private(pub));
		assert_true(key_equal(priv, pub));
	}
}

struct flip_point {
	enum key_type type;
	size_t width;
};

static struct err parse_point(void *arg, struct bytes in)
{
	const struct flip_point *f = arg;
	AUTO(key_freep) struct key *k = NULL;
	size_t n = in.n < f->width ? in.n : f->width;

	return key_from_ec_point(f->type, bytes_of(in.p, n), bytes_of(in.p + n, in.n - n), &k);
}

static void test_invalid_points(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		struct bytes x = test_hex(points[i].x), y = test_hex(points[i].y);
		struct flip_point f = { points[i].type, x.n };
		AUTO(buf_done) struct buf both = BUF_INIT(OUT_MAX);

		buf_put(&both, x);
		buf_put(&both, y);
		assert_ok(parse_point(&f, buf_bytes(&both)));
		each_flip(buf_bytes(&both), parse_point, &f);
		each_prefix(buf_bytes(&both), parse_point, &f);
		memset(both.p, 0, both.n); /* (0, 0) is on none of the curves */
		assert_err(parse_point(&f, buf_bytes(&both)), ERR_FORMAT);
		assert_err_text("EC point");
		memset(both.p, 0xff, both.n); /* larger than the field */
		assert_err(parse_point(&f, buf_bytes(&both)), ERR_FORMAT);
	}
	struct key *k = NULL;
	assert_err(key_from_ec_point(KEY_RSA, BYTES_NONE, BYTES_NONE, &k), ERR_UNSUPPORTED);
	assert_null(k);
}

static void test_invalid_scalars(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"00",
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", /* the order */
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"000000000000000000000000000000000000000000000000000000000000000001",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct key *k = NULL;

		assert_err(key_from_ec_scalar(KEY_P256, test_hex(bad[i]), &k), ERR_FORMAT);
		assert_err_text("EC scalar");
		assert_null(k);
	}
	AUTO(key_freep) struct key *largest = NULL;
	assert_ok(key_from_ec_scalar(KEY_P256,
		test_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"),
		&largest));
}

static void test_rsa_numbers(void **state)
{
	(void)state;
	static const uint8_t one[] = { 1 }, even[] = { 2 }, huge[] = { 1, 0, 0, 0, 0, 0, 0, 0, 1 };
	const struct bytes bad_e[] = { BYTES_OF(one), BYTES_OF(even), BYTES_OF(huge), BYTES_NONE };
	AUTO(key_freep) struct key *k = NULL, *again = NULL, *none = NULL;
	AUTO(buf_done) struct buf n = BUF_INIT(OUT_MAX), e = BUF_INIT(OUT_MAX);

	assert_ok(key_parse_public(bytes_str(rsa_spki), &k));
	assert_ok(key_rsa_numbers(k, &n, &e));
	assert_int_equal(n.n, 256);
	assert_bytes_equal(buf_bytes(&e), test_hex("010001"));
	assert_ok(key_from_rsa(buf_bytes(&n), buf_bytes(&e), &again));
	assert_true(key_equal(k, again));
	for (size_t i = 0; i < ARRAY_LEN(bad_e); i++)
		assert_err(key_from_rsa(buf_bytes(&n), bad_e[i], &none), ERR_FORMAT);
	assert_err(key_from_rsa(bytes_of(n.p, 128), buf_bytes(&e), &none), ERR_UNSUPPORTED);
	n.p[n.n - 1] ^= 1;
	assert_err(key_from_rsa(buf_bytes(&n), buf_bytes(&e), &none), ERR_FORMAT);
	assert_null(none);
}

/* RFC 8032 section 7.1, test 2. */
static void test_ed25519_raw(void **state)
{
	(void)state;
	struct bytes pub =
		test_hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
	struct bytes seed =
		test_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
	AUTO(key_freep) struct key *a = NULL, *b = NULL, *none = NULL;
	AUTO(buf_done) struct buf raw = BUF_INIT(OUT_MAX);

	assert_ok(key_from_ed25519(pub, &a));
	assert_ok(key_from_ed25519_seed(seed, &b));
	assert_true(key_equal(a, b));
	assert_false(key_is_private(a));
	assert_true(key_is_private(b));
	assert_ok(key_ed25519_raw(b, &raw));
	assert_bytes_equal(buf_bytes(&raw), pub);
	assert_err(key_from_ed25519(bytes_of(pub.p, 31), &none), ERR_FORMAT);
	assert_err(key_from_ed25519_seed(bytes_of(pub.p, 31), &none), ERR_FORMAT);
	assert_null(none);
}

static void test_numbers_of_another_type(void **state)
{
	(void)state;
	AUTO(key_freep) struct key *ec = NULL, *rsa = NULL;
	AUTO(buf_done) struct buf a = BUF_INIT(OUT_MAX), b = BUF_INIT(OUT_MAX);

	assert_ok(key_parse_public(bytes_str(ec_spki), &ec));
	assert_ok(key_parse_public(bytes_str(rsa_spki), &rsa));
	assert_err(key_ec_point(rsa, &a, &b), ERR_STATE);
	assert_err(key_rsa_numbers(ec, &a, &b), ERR_STATE);
	assert_err(key_ed25519_raw(ec, &a), ERR_STATE);
	assert_int_equal(a.n + b.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_forms, queue_is_empty),
		cmocka_unit_test_teardown(test_same_key, queue_is_empty),
		cmocka_unit_test_teardown(test_refused_forms, queue_is_empty),
		cmocka_unit_test_teardown(test_der_prefixes, queue_is_empty),
		cmocka_unit_test_teardown(test_generate_and_export, queue_is_empty),
		cmocka_unit_test_teardown(test_ec_numbers, queue_is_empty),
		cmocka_unit_test_teardown(test_invalid_points, queue_is_empty),
		cmocka_unit_test_teardown(test_invalid_scalars, queue_is_empty),
		cmocka_unit_test_teardown(test_rsa_numbers, queue_is_empty),
		cmocka_unit_test_teardown(test_ed25519_raw, queue_is_empty),
		cmocka_unit_test_teardown(test_numbers_of_another_type, queue_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
