#include "util.h"

#include <crypto/jose.h>

/* GB/T 32918.5, A.2 */
static const char id[] = "1234567812345678", message[] = "message digest";
static const char d[] = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
static const char x[] = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020";
static const char y[] = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
static const char rs[] = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
			 "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";

struct signed_message {
	const struct key *k;
	struct bytes id, message, sig;
};

static struct err with_id(void *arg, struct bytes in)
{
	struct signed_message *s = arg;

	return key_verify_sm2(s->k, in, s->message, s->sig);
}
static struct err with_message(void *arg, struct bytes in)
{
	struct signed_message *s = arg;

	return key_verify_sm2(s->k, s->id, in, s->sig);
}
static struct err with_sig(void *arg, struct bytes in)
{
	struct signed_message *s = arg;

	return key_verify_sm2(s->k, s->id, s->message, in);
}

static void test_standard(void **state)
{
	AUTO(key_freep) struct key *own = NULL, *pub = NULL;
	AUTO(buf_done) struct buf der = BUF_INIT(128);

	(void)state;
	assert_ok(key_from_ec_scalar(KEY_SM2, test_hex(d), &own));
	assert_ok(key_from_ec_point(KEY_SM2, test_hex(x), test_hex(y), &pub));
	assert_int_equal(key_type(pub), KEY_SM2);
	assert_true(key_equal(own, pub));
	assert_ok(ecdsa_raw_to_der(test_hex(rs), &der));
	struct signed_message s = { pub, bytes_str(id), bytes_str(message), buf_bytes(&der) };
	assert_ok(with_sig(&s, s.sig));
	each_flip(s.id, with_id, &s);
	each_flip(s.message, with_message, &s);
	each_flip(s.sig, with_sig, &s);
	each_prefix(s.id, with_id, &s);
	each_prefix(s.message, with_message, &s);
	each_prefix(s.sig, with_sig, &s);
}

static void test_sign(void **state)
{
	AUTO(key_freep) struct key *k = NULL, *other = NULL;
	AUTO(buf_done) struct buf sig = BUF_INIT(128), raw = BUF_INIT(64), text = BUF_INIT(1024);

	(void)state;
	assert_ok(key_generate(KEY_SM2, &k));
	assert_ok(key_generate(KEY_SM2, &other));
	assert_false(key_equal(k, other));
	assert_ok(key_sign_sm2(k, bytes_str(id), bytes_str(message), &sig));
	assert_ok(key_verify_sm2(k, bytes_str(id), bytes_str(message), buf_bytes(&sig)));
	assert_err(key_verify_sm2(other, bytes_str(id), bytes_str(message), buf_bytes(&sig)),
		ERR_UNVERIFIED);
	assert_ok(ecdsa_der_to_raw(buf_bytes(&sig), 32, &raw));
	assert_int_equal(raw.n, 64);
	/* No user id is not the usual one. */
	assert_err(
		key_verify_sm2(k, BYTES_NONE, bytes_str(message), buf_bytes(&sig)), ERR_UNVERIFIED);
	assert_err(jwk_print(k, NULL, &text), ERR_UNSUPPORTED);
}

/* A key serves its own algorithm alone. */
static void test_other_keys(void **state)
{
	AUTO(key_freep) struct key *sm2 = NULL, *p256 = NULL, *pub = NULL;
	AUTO(buf_done) struct buf sig = BUF_INIT(128), ecdsa = BUF_INIT(128);
	struct key *none = NULL;

	(void)state;
	assert_ok(key_generate(KEY_SM2, &sm2));
	assert_ok(key_generate(KEY_P256, &p256));
	assert_ok(key_from_ec_point(KEY_SM2, test_hex(x), test_hex(y), &pub));
	assert_err(key_sign(sm2, SIG_ECDSA_SHA256, bytes_str(message), &sig), ERR_UNSUPPORTED);
	assert_err(key_sign_sm2(p256, bytes_str(id), bytes_str(message), &sig), ERR_STATE);
	assert_err(key_sign_sm2(pub, bytes_str(id), bytes_str(message), &sig), ERR_STATE);
	assert_ok(key_sign(p256, SIG_ECDSA_SHA256, bytes_str(message), &ecdsa));
	assert_err(key_verify_sm2(p256, bytes_str(id), bytes_str(message), buf_bytes(&ecdsa)),
		ERR_UNVERIFIED);
	assert_ok(key_sign_sm2(sm2, bytes_str(id), bytes_str(message), &sig));
	assert_err(key_verify(sm2, SIG_ECDSA_SHA256, bytes_str(message), buf_bytes(&sig)),
		ERR_UNVERIFIED);
	/* not on the curve */
	assert_err(key_from_ec_point(KEY_SM2, test_hex(y), test_hex(x), &none), ERR_FORMAT);
	assert_null(none);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_standard),
		cmocka_unit_test(test_sign),
		cmocka_unit_test(test_other_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
