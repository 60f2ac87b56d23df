#include "jwe_internal.h"
#include "kdf_internal.h"
#include "queue.h"
#include "util.h"

#include <base/encode.h>

enum {
	OUT_MAX = 2 * SECRET_MAX
};

/* What a broker sends to the guest whose private scalar is 0x11 repeated. */
static const char broker_answer[] =
	"{\"protected\":"
	"\"eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsiY3J2IjoiUC0y"
	"NTYiLCJrdHkiOiJFQyIsIngiOiIxbHFUbDN5cVBSc0lHRkxfVjZlZVJsOFdZRmR6QkxycTFRWGRPa2hZblBNIiwieS"
	"I6Il"
	"VCaGVpVk55MzJJaDZqb1RkVmZrY18zYloxWHdXOVVIdzhVel9PbkpFb1UifX0\",\"encrypted_key\":"
	"\"2qkPJjAggj"
	"quedGXEQcOvzZXU6D4M-8dhu8BxjXNuybJchbAOvy8Wg\",\"iv\":\"AAECAwQFBgcICQoL\",\"ciphertext\":"
	"\"VD"
	"51Km50CjYwSjf9\",\"tag\":\"s0pUv0UkkkJFpJloOiFLig\"}";

static struct key *scalar_key(int byte)
{
	struct key *k = NULL;
	uint8_t scalar[32];

	memset(scalar, byte, sizeof(scalar));
	assert_ok(key_from_ec_scalar(KEY_P256, BYTES_OF(scalar), &k));
	return k;
}

static void test_broker_answer(void **state)
{
	(void)state;
	AUTO(key_freep) struct key *guest = scalar_key(0x11), *ephemeral = scalar_key(0x22);
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	AUTO(secret_freep) struct secret *plain = NULL;
	uint8_t cek[AES256_KEY];

	memset(cek, 0xab, sizeof(cek));
	assert_ok(jwe_seal_with(guest,
		&(struct jwe_choice){
			ephemeral, BYTES_OF(cek), test_hex("000102030405060708090a0b") },
		bytes_str("test content"), &out));
	assert_string_equal(buf_cstr(&out), broker_answer);
	assert_ok(jwe_open(guest, bytes_str(broker_answer), &plain));
	assert_bytes_equal(secret_bytes(plain), bytes_str("test content"));
}

static struct err open_with(void *arg, struct bytes in)
{
	AUTO(secret_freep) struct secret *plain = NULL;
	struct err e = jwe_open(arg, in, &plain);

	assert_true(failed(e) == (plain == NULL));
	return e;
}

static void test_each_flip(void **state)
{
	(void)state;
	AUTO(key_freep) struct key *guest = scalar_key(0x11);

	each_flip(bytes_str(broker_answer), open_with, guest);
	each_prefix(bytes_str(broker_answer), open_with, guest);
}

static void test_round_trips(void **state)
{
	(void)state;
	static const enum key_type types[] = { KEY_P256, KEY_P521, KEY_RSA };
	static const size_t sizes[] = { 1, 32, 4096, 65536 };
	static uint8_t content[65536];

	for (size_t t = 0; t < ARRAY_LEN(types); t++) {
		AUTO(key_freep) struct key *k = NULL, *other = NULL;

		assert_ok(key_generate(types[t], &k));
		assert_ok(key_generate(types[t], &other));
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
			AUTO(secret_freep) struct secret *plain = NULL;

			assert_ok(jwe_seal(k, bytes_of(content, sizes[i]), &out));
			assert_ok(jwe_open(k, buf_bytes(&out), &plain));
			assert_bytes_equal(secret_bytes(plain), bytes_of(content, sizes[i]));
			assert_err(open_with(other, buf_bytes(&out)), ERR_UNVERIFIED);
		}
	}
}

static void test_sealing_is_random(void **state)
{
	(void)state;
	AUTO(key_freep) struct key *k = scalar_key(0x11);
	AUTO(buf_done) struct buf a = BUF_INIT(OUT_MAX), b = BUF_INIT(OUT_MAX);

	assert_ok(jwe_seal(k, bytes_str("same"), &a));
	assert_ok(jwe_seal(k, bytes_str("same"), &b));
	assert_false(bytes_equal(buf_bytes(&a), buf_bytes(&b)));
}

static void test_seal_refuses(void **state)
{
	(void)state;
	static uint8_t content[SECRET_MAX + 1];
	AUTO(key_freep) struct key *p384 = NULL, *ed = NULL, *guest = scalar_key(0x11);
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);

	assert_ok(key_generate(KEY_P384, &p384));
	assert_ok(key_generate(KEY_ED25519, &ed));
	assert_err(jwe_seal(p384, bytes_str("x"), &out), ERR_UNSUPPORTED);
	assert_err(jwe_seal(ed, bytes_str("x"), &out), ERR_UNSUPPORTED);
	assert_err(jwe_seal(guest, BYTES_OF(content), &out), ERR_LIMIT);
	assert_err(open_with(p384, bytes_str(broker_answer)), ERR_UNSUPPORTED);
	assert_int_equal(out.n, 0);
}

#define EPK                                                                                        \
	"\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\","                                               \
	"\"x\":\"1lqTl3yqPRsIGFL_V6eeRl8WYFdzBLrq1QXdOkhYnPM\","                                   \
	"\"y\":\"UBheiVNy32Ih6joTdVfkc_3bZ1XwW9UHw8Uz_OnJEoU\"}"
#define REST                                                                                       \
	"\"encrypted_key\":\"2qkPJjAggjquedGXEQcOvzZXU6D4M-8dhu8BxjXNuybJchbAOvy8Wg\","            \
	"\"iv\":\"AAECAwQFBgcICQoL\",\"ciphertext\":\"VD51Km50CjYwSjf9\","                         \
	"\"tag\":\"s0pUv0UkkkJFpJloOiFLig\""

static void test_refused_headers(void **state)
{
	(void)state;
	static const struct {
		const char *header, *part;
	} bad[] = {
		{ "{}", "alg" },
		{ "[]", "alg" },
		{ "{\"alg\":\"ECDH-ES+A256KW\"," EPK "}", "enc" },
		{ "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A128GCM\"," EPK "}", "enc: 'A128GCM'" },
		{ "{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\"," EPK "}", "alg: 'ECDH-ES'" },
		{ "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\"," EPK "}", "alg: 'RSA-OAEP-256'" },
		{ "{\"alg\":\"dir\",\"enc\":\"A256GCM\"}", "alg: 'dir'" },
		{ "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"zip\":\"DEF\"," EPK "}",
			"member 'zip'" },
		{ "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"crit\":[\"x\"]," EPK "}",
			"member 'crit'" },
		{ "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"apu\":\"QQ\"," EPK "}",
			"member 'apu'" },
		{ "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\"}", "JWK: not an object" },
		{ "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"P-256\","
		  "\"kty\":\"EC\",\"x\":\"AA\",\"y\":\"AA\"}}",
			"EC point" },
		{ "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"Ed25519\","
		  "\"kty\":\"OKP\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}}",
			"epk: not a public key on the recipient's curve" },
	};
	AUTO(key_freep) struct key *guest = scalar_key(0x11);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(OUT_MAX);

		buf_puts(&text, "{\"protected\":\"");
		base64_encode(BASE64_URL_NO_PAD, bytes_str(bad[i].header), &text);
		buf_puts(&text, "\"," REST "}");
		struct err e = open_with(guest, buf_bytes(&text));
		assert_true(failed(e));
		assert_err_text(bad[i].part);
	}
}

static void test_refused_forms(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"null",
		"{}",
		"{" REST "}",
		"{\"protected\":\"e30\"," REST ",\"unprotected\":{}}",
		"{\"protected\":\"e30\"," REST ",\"aad\":\"AA\"}",
		"{\"protected\":\"e30=\"," REST "}",
		"{\"protected\":7," REST "}",
		"a.b.c.d.e",
	};
	AUTO(key_freep) struct key *guest = scalar_key(0x11);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(open_with(guest, bytes_str(bad[i])), ERR_FORMAT);
}

static struct key *parse_key(const char *text)
{
	AUTO(json_freep) struct json *j = NULL;
	struct key *k = NULL;

	assert_ok(json_parse(bytes_str(text), &j));
	assert_ok(jwk_parse(j, &k));
	return k;
}

/* RFC 7518 appendix C */
static void test_concat_kdf(void **state)
{
	(void)state;
	AUTO(key_freep) struct key *alice =
		parse_key("{\"kty\":\"EC\",\"crv\":\"P-256\","
			  "\"x\":\"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0\","
			  "\"y\":\"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps\","
			  "\"d\":\"0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo\"}");
	AUTO(key_freep) struct key *bob =
		parse_key("{\"kty\":\"EC\",\"crv\":\"P-256\","
			  "\"x\":\"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ\","
			  "\"y\":\"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck\"}");
	AUTO(secret_freep) struct secret *z = NULL, *key = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(OUT_MAX);

	assert_ok(key_ecdh(alice, bob, &z));
	assert_ok(concat_kdf_for(secret_bytes(z),
		&(struct kdf_other_info){ "A128GCM", bytes_str("Alice"), bytes_str("Bob") }, 16,
		&key));
	base64_encode(BASE64_URL_NO_PAD, secret_bytes(key), &text);
	assert_string_equal(buf_cstr(&text), "VqqN6vgjbSBcIijNcacQGg");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_broker_answer, queue_is_empty),
		cmocka_unit_test_teardown(test_each_flip, queue_is_empty),
		cmocka_unit_test_teardown(test_round_trips, queue_is_empty),
		cmocka_unit_test_teardown(test_sealing_is_random, queue_is_empty),
		cmocka_unit_test_teardown(test_seal_refuses, queue_is_empty),
		cmocka_unit_test_teardown(test_refused_headers, queue_is_empty),
		cmocka_unit_test_teardown(test_refused_forms, queue_is_empty),
		cmocka_unit_test_teardown(test_concat_kdf, queue_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
