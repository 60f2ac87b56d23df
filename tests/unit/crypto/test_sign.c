#include "queue.h"
#include "util.h"

#include <crypto/key.h>

enum {
	OUT_MAX = 8192
};

struct signed_message {
	const struct key *key;
	enum sig_alg alg;
	struct bytes message, sig;
};

static struct err verify_sig(void *arg, struct bytes in)
{
	const struct signed_message *s = arg;

	return key_verify(s->key, s->alg, s->message, in);
}

static struct err verify_message(void *arg, struct bytes in)
{
	const struct signed_message *s = arg;

	return key_verify(s->key, s->alg, in, s->sig);
}

/* RFC 6979 A.2.5 and A.2.6, message "sample"; RFC 8032 7.1 test 2. */
static const struct {
	enum key_type type;
	enum sig_alg alg;
	const char *x, *y, *message, *sig;
} known[] = {
	{ KEY_P256, SIG_ECDSA_SHA256,
		"60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
		"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299", "73616d706c65",
		"efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
		"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8" },
	{ KEY_P384, SIG_ECDSA_SHA384,
		"ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64"
		"def8f0ea9055866064a254515480bc13",
		"8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1"
		"288b231c3ae0d4fe7344fd2533264720",
		"73616d706c65",
		"94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c"
		"81a648152e44acf96e36dd1e80fabe46"
		"99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94f"
		"a329c145786e679e7b82c71a38628ac8" },
	{ KEY_ED25519, SIG_ED25519,
		"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "", "72",
		"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
		"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
};

static void test_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		AUTO(key_freep) struct key *k = NULL;
		AUTO(buf_done) struct buf der = BUF_INIT(OUT_MAX), raw = BUF_INIT(OUT_MAX);
		struct bytes x = test_hex(known[i].x), sig = test_hex(known[i].sig);
		struct signed_message s = { .alg = known[i].alg, .sig = sig };

		if (known[i].type == KEY_ED25519) {
			assert_ok(key_from_ed25519(x, &k));
		} else {
			assert_ok(key_from_ec_point(known[i].type, x, test_hex(known[i].y), &k));
			assert_ok(ecdsa_raw_to_der(sig, &der));
			assert_ok(ecdsa_der_to_raw(buf_bytes(&der), x.n, &raw));
			assert_bytes_equal(buf_bytes(&raw), sig);
			s.sig = buf_bytes(&der);
		}
		s.key = k;
		s.message = test_hex(known[i].message);
		assert_ok(verify_sig(&s, s.sig));
		each_flip(s.sig, verify_sig, &s);
		each_prefix(s.sig, verify_sig, &s);
		each_flip(s.message, verify_message, &s);
		assert_err(verify_message(&s, BYTES_NONE), ERR_UNVERIFIED);
		assert_err_text("signature");
	}
}

/* Which algorithms a type of key signs with. */
static const struct {
	enum key_type type;
	enum sig_alg first, last;
} families[] = {
	{ KEY_P256, SIG_ECDSA_SHA256, SIG_ECDSA_SHA512 },
	{ KEY_P384, SIG_ECDSA_SHA256, SIG_ECDSA_SHA512 },
	{ KEY_P521, SIG_ECDSA_SHA256, SIG_ECDSA_SHA512 },
	{ KEY_RSA, SIG_RSA_PKCS1_SHA256, SIG_RSA_PSS_SHA512 },
	{ KEY_ED25519, SIG_ED25519, SIG_ED25519 },
};

static void sign_and_flip(const struct key *k, enum sig_alg alg)
{
	AUTO(buf_done) struct buf sig = BUF_INIT(OUT_MAX);
	struct signed_message s = { k, alg, bytes_str("a message"), BYTES_NONE };

	assert_ok(key_sign(k, alg, s.message, &sig));
	s.sig = buf_bytes(&sig);
	assert_ok(verify_sig(&s, s.sig));
	each_flip(s.message, verify_message, &s);
	if (key_type(k) != KEY_P521) /* slow, and no other code */
		each_flip(s.sig, verify_sig, &s);
	/* The same bytes under each other algorithm. */
	for (enum sig_alg other = SIG_ECDSA_SHA256; other <= SIG_ED25519; other++) {
		s.alg = other;
		if (other != alg)
			assert_err(verify_sig(&s, s.sig), ERR_UNVERIFIED);
	}
}

static void test_each_algorithm(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		AUTO(key_freep) struct key *k = NULL;

		assert_ok(key_generate(families[i].type, &k));
		for (enum sig_alg alg = SIG_ECDSA_SHA256; alg <= SIG_ED25519; alg++) {
			AUTO(buf_done) struct buf sig = BUF_INIT(OUT_MAX);

			if (alg >= families[i].first && alg <= families[i].last)
				sign_and_flip(k, alg);
			else
				assert_err(key_sign(k, alg, BYTES_NONE, &sig), ERR_UNSUPPORTED);
		}
	}
}

static void test_needs_private_and_room(void **state)
{
	(void)state;
	AUTO(key_freep) struct key *k = NULL, *pub = NULL;
	AUTO(buf_done) struct buf der = BUF_INIT(OUT_MAX), small = BUF_INIT(16);

	assert_ok(key_generate(KEY_P256, &k));
	assert_ok(key_public_der(k, &der));
	assert_ok(key_parse_public(buf_bytes(&der), &pub));
	assert_err(key_sign(pub, SIG_ECDSA_SHA256, BYTES_NONE, &der), ERR_STATE);
	assert_err(key_sign(k, SIG_ECDSA_SHA256, BYTES_NONE, &small), ERR_LIMIT);
}

static void test_ecdsa_forms(void **state)
{
	(void)state;
	static const char *const bad_raw[] = { "", "01", "0001", "0100", "000102" };
	static const char *const bad_der[] = {
		"", "3000", "300602010102010100", /* trailing byte */
		"3006020101020100",		  /* s = 0 */
		"30060201ff020101",		  /* r negative */
		"300802010102020101",		  /* length beyond the end */
		"30080203010000020101",		  /* r of 3 bytes in a width of 2 */
		"30800201010201010000",		  /* indefinite length */
	};
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);

	for (size_t i = 0; i < ARRAY_LEN(bad_raw); i++)
		assert_err(ecdsa_raw_to_der(test_hex(bad_raw[i]), &out), ERR_FORMAT);
	for (size_t i = 0; i < ARRAY_LEN(bad_der); i++)
		assert_err(ecdsa_der_to_raw(test_hex(bad_der[i]), 2, &out), ERR_FORMAT);
	assert_int_equal(out.n, 0);
	assert_ok(ecdsa_raw_to_der(test_hex("00ff0080"), &out));
	assert_bytes_equal(buf_bytes(&out), test_hex("3008020200ff02020080"));
	buf_clear(&out);
	assert_ok(ecdsa_der_to_raw(test_hex("3008020200ff02020080"), 2, &out));
	assert_bytes_equal(buf_bytes(&out), test_hex("00ff0080"));
}

static void test_ecdh(void **state)
{
	(void)state;
	static const enum key_type curves[] = { KEY_P256, KEY_P384, KEY_P521 };
	static const size_t widths[] = { 32, 48, 66 };
	AUTO(key_freep) struct key *guest = NULL, *broker = NULL;
	AUTO(secret_freep) struct secret *z = NULL, *none = NULL;
	uint8_t scalar[32];

	memset(scalar, 0x11, sizeof(scalar));
	assert_ok(key_from_ec_scalar(KEY_P256, BYTES_OF(scalar), &guest));
	memset(scalar, 0x22, sizeof(scalar));
	assert_ok(key_from_ec_scalar(KEY_P256, BYTES_OF(scalar), &broker));
	assert_ok(key_ecdh(guest, broker, &z));
	assert_bytes_equal(secret_bytes(z),
		test_hex("ccfc261f58193c98ca4ad4a53bbac6f0ee29bc4d48438090446908622ca79af6"));
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		AUTO(key_freep) struct key *a = NULL, *b = NULL;
		AUTO(secret_freep) struct secret *ab = NULL, *ba = NULL;

		assert_ok(key_generate(curves[i], &a));
		assert_ok(key_generate(curves[i], &b));
		assert_ok(key_ecdh(a, b, &ab));
		assert_ok(key_ecdh(b, a, &ba));
		assert_int_equal(secret_size(ab), widths[i]);
		assert_bytes_equal(secret_bytes(ab), secret_bytes(ba));
		if (curves[i] != KEY_P256)
			assert_err(key_ecdh(a, guest, &none), ERR_CRYPTO);
	}
	assert_null(none);
}

struct oaep_case {
	const struct key *key;
	struct bytes label;
};

static struct err oaep_open(void *arg, struct bytes in)
{
	const struct oaep_case *c = arg;
	AUTO(secret_freep) struct secret *plain = NULL;

	return key_oaep_decrypt(c->key, DIGEST_SHA256, c->label, in, &plain);
}

static void test_oaep(void **state)
{
	(void)state;
	AUTO(key_freep) struct key *k = NULL, *ec = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	AUTO(secret_freep) struct secret *plain = NULL;
	struct oaep_case c = { .label = bytes_of("IDENTITY", 9) };

	assert_ok(key_generate(KEY_RSA, &k));
	c.key = k;
	assert_ok(key_oaep_encrypt(k, DIGEST_SHA256, c.label, bytes_str("seed"), &out));
	assert_int_equal(out.n, 256);
	assert_ok(key_oaep_decrypt(k, DIGEST_SHA256, c.label, buf_bytes(&out), &plain));
	assert_bytes_equal(secret_bytes(plain), bytes_str("seed"));
	/* A few flips are enough: each is an RSA operation. */
	for (size_t i = 0; i < out.n; i += 51) {
		out.p[i] ^= 1;
		assert_err(oaep_open(&c, buf_bytes(&out)), ERR_UNVERIFIED);
		out.p[i] ^= 1;
	}
	assert_err(oaep_open(&c, bytes_of(out.p, 255)), ERR_UNVERIFIED);
	c.label = bytes_of("IDENTITY", 8); /* the NUL belongs to it */
	assert_err(oaep_open(&c, buf_bytes(&out)), ERR_UNVERIFIED);
	c.label = BYTES_NONE;
	assert_err(oaep_open(&c, buf_bytes(&out)), ERR_UNVERIFIED);
	assert_ok(key_generate(KEY_P256, &ec));
	c.key = ec;
	assert_err(oaep_open(&c, buf_bytes(&out)), ERR_CRYPTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_known, queue_is_empty),
		cmocka_unit_test_teardown(test_each_algorithm, queue_is_empty),
		cmocka_unit_test_teardown(test_needs_private_and_room, queue_is_empty),
		cmocka_unit_test_teardown(test_ecdsa_forms, queue_is_empty),
		cmocka_unit_test_teardown(test_ecdh, queue_is_empty),
		cmocka_unit_test_teardown(test_oaep, queue_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
