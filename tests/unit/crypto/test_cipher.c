#include "queue.h"
#include "util.h"

#include <base/encode.h>
#include <crypto/cipher.h>

enum {
	OUT_MAX = 4096
};

/* "The Galois/Counter Mode of Operation", McGrew and Viega, test cases 14 to 16. */
static const struct {
	const char *key, *iv, *aad, *plain, *cipher, *tag;
} gcm[] = {
	{ "0000000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000000", "", "00000000000000000000000000000000",
		"cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919" },
	{ "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
		"cafebabefacedbaddecaf888", "",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
		"b094dac5d93471bdec1a502270e3cc6c" },
	{ "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
		"cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
		"76fc6ece0f4e1768cddf8853bb2d551b" },
};

static void test_gcm(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(gcm); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
		AUTO(secret_freep) struct secret *plain = NULL;
		struct bytes key = test_hex(gcm[i].key), iv = test_hex(gcm[i].iv);
		struct bytes aad = test_hex(gcm[i].aad);
		uint8_t tag[GCM_TAG];

		assert_ok(aes_gcm_seal(key, iv, aad, test_hex(gcm[i].plain), &out, tag));
		assert_bytes_equal(buf_bytes(&out), test_hex(gcm[i].cipher));
		assert_bytes_equal(BYTES_OF(tag), test_hex(gcm[i].tag));
		assert_ok(aes_gcm_open(key, iv, aad, buf_bytes(&out), BYTES_OF(tag), &plain));
		assert_bytes_equal(secret_bytes(plain), test_hex(gcm[i].plain));
	}
}

/* Test case 13: no plaintext at all, only the tag. */
static void test_gcm_empty(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	static const uint8_t zero[AES256_KEY];
	struct bytes iv = bytes_of(zero, GCM_IV);
	uint8_t tag[GCM_TAG];

	assert_ok(aes_gcm_seal(BYTES_OF(zero), iv, BYTES_NONE, BYTES_NONE, &out, tag));
	assert_int_equal(out.n, 0);
	assert_bytes_equal(BYTES_OF(tag), test_hex("530f8afbc74536b9a963b4f1c4cb738b"));
}

enum gcm_part {
	PART_KEY,
	PART_IV,
	PART_AAD,
	PART_CIPHER,
	PART_TAG,
	PARTS
};

struct open_case {
	struct bytes parts[PARTS];
	enum gcm_part changed;
};

/* Opens with one part replaced. */
static struct err open_with(void *arg, struct bytes in)
{
	const struct open_case *c = arg;
	AUTO(secret_freep) struct secret *plain = NULL;
	struct bytes p[PARTS];

	memcpy(p, c->parts, sizeof(p));
	p[c->changed] = in;
	struct err e = aes_gcm_open(
		p[PART_KEY], p[PART_IV], p[PART_AAD], p[PART_CIPHER], p[PART_TAG], &plain);
	assert_true(failed(e) == (plain == NULL));
	return e;
}

static void test_gcm_each_flip(void **state)
{
	(void)state;
	struct open_case c = { { test_hex(gcm[2].key), test_hex(gcm[2].iv), test_hex(gcm[2].aad),
				       test_hex(gcm[2].cipher), test_hex(gcm[2].tag) },
		PART_KEY };

	for (; c.changed < PARTS; c.changed++) {
		assert_ok(open_with(&c, c.parts[c.changed]));
		each_flip(c.parts[c.changed], open_with, &c);
		each_prefix(c.parts[c.changed], open_with, &c);
	}
	c.changed = PART_TAG;
	assert_err(open_with(&c, test_hex("00000000000000000000000000000000")), ERR_UNVERIFIED);
	assert_err_text("authentication tag");
}

static void test_gcm_refuses(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf small = BUF_INIT(8);
	static const uint8_t key[AES256_KEY];
	uint8_t tag[GCM_TAG];

	assert_err(aes_gcm_seal(bytes_of(key, 16), bytes_of(key, GCM_IV), BYTES_NONE, BYTES_OF(key),
			   &small, tag),
		ERR_CRYPTO);
	assert_err_text("key of 16 bytes");
	assert_err(aes_gcm_seal(BYTES_OF(key), bytes_of(key, 16), BYTES_NONE, BYTES_OF(key), &small,
			   tag),
		ERR_CRYPTO);
	assert_err_text("vector of 16 bytes");
	assert_err(aes_gcm_seal(BYTES_OF(key), bytes_of(key, GCM_IV), BYTES_NONE, BYTES_OF(key),
			   &small, tag),
		ERR_LIMIT);
}

/* A key broker client's wrapped layer key, version 1: AES-256-GCM without associated data. */
static void test_gcm_annotation_packet(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	static const char plain[] =
		"{\"symkey\":\"1jL2jJV0Oyz2nmPkLtqulW6cKcpIUN5FpILcVnP5Uqs=\",\"digest\":\"sha256:"
		"c042019eb661695df218d05006eb384ff769af56f348a624d18ba08b724ade05\","
		"\"cipheroptions\":{\"nonce\":\"r10F9oaCu+nWFXfod3l83g==\"}}";
	static const char wrapped[] = "PCClYqiOp2Kve7W626VKB8mAt3uJAW0SVTeOyWkYdd5WJs23zLFbzTqROZ3B"
				      "y0tugAlV2CulnvgTtU5wf4a"
				      "GmtIG5Am7sBRUKm7JXtu9PtkB76tUQFJlUciZ+P5JyN29/"
				      "shp0MEj+yKqeliFfkxAGY9RBJjX/USsf8sz/L"
				      "qEDz6DMDf0gLavNjjUao0fuSWyXpGRWkVl+iXiLMpNgfCHgf30+"
				      "zfT3b5PlyXklb7D85DzmYx67cQXjwnn8"
				      "6BM+JWObpHUyLB7HClbfwSGrgiyJgU=";
	struct bytes key =
		test_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
	AUTO(buf_done) struct buf want = BUF_INIT(OUT_MAX);
	uint8_t tag[GCM_TAG];

	assert_ok(base64_decode(BASE64_STD, bytes_str(wrapped), "packet", &want));
	assert_ok(aes_gcm_seal(
		key, bytes_of(key.p, GCM_IV), BYTES_NONE, bytes_str(plain), &out, tag));
	buf_put(&out, BYTES_OF(tag));
	assert_bytes_equal(buf_bytes(&out), buf_bytes(&want));
}

/* NIST SP 800-38A */
#define SP38A_PLAIN                                                                                \
	"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"                         \
	"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
#define SP38A_KEY256 "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"

static const struct {
	const char *key, *nonce, *plain, *cipher;
} ctr[] = {
	/* F.5.5 */
	{ SP38A_KEY256, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", SP38A_PLAIN,
		"601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
		"2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6" },
	/* ocicrypt layer, key and nonce of its sample annotation */
	{ "d632f68c95743b2cf69e63e42edaae956e9c29ca4850de45a482dc5673f952ab",
		"af5d05f68682bbe9d61577e877797cde", "5468697320697320736f6d65207465787421",
		"826ff6895319ab66c922c8105c32262f7255" },
	/* the counter wraps over all 128 bits */
	{ "d632f68c95743b2cf69e63e42edaae956e9c29ca4850de45a482dc5673f952ab",
		"ffffffffffffffffffffffffffffffff",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"a35efefe8582b1f6fe49dba4519102cd0cd2901a2f12682cdbfe5a16814de153" },
};

static void test_ctr(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ctr); i++) {
		struct bytes plain = test_hex(ctr[i].plain);
		struct bytes want = test_hex(ctr[i].cipher);
		struct bytes key = test_hex(ctr[i].key), nonce = test_hex(ctr[i].nonce);
		uint8_t out[64];

		/* Every way to cut the stream in two; the second piece in place. */
		for (size_t cut = 0; cut <= plain.n; cut++) {
			AUTO(ctr_freep) struct ctr_ctx *c = NULL;

			assert_ok(ctr_new(key, nonce, &c));
			memcpy(out, plain.p, plain.n);
			assert_ok(ctr_update(c, bytes_of(plain.p, cut), out));
			assert_ok(ctr_update(c, bytes_of(out + cut, plain.n - cut), out + cut));
			assert_bytes_equal(bytes_of(out, plain.n), want);
		}
	}
}

/* IEEE 1619-2007, vector 10, its first three blocks. */
static void test_xts(void **state)
{
	static const char key_text[] =
		"2718281828459045235360287471352662497757247093699959574966967627"
		"3141592653589793238462643383279502884197169399375105820974944592";
	static const char want[] = "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357"
				   "a4ae12d414a3e63b5d31e276f8fe4a8d66b317f9ac683f44";
	static const uint8_t tweak[XTS_TWEAK] = { 0xff }, other[XTS_TWEAK] = { 0xfe };
	AUTO(xts_freep) struct xts_ctx *seal = NULL, *open = NULL;
	struct bytes key = test_hex(key_text);
	uint8_t unit[48], plain[48];

	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)i;
	assert_ok(xts_new(true, key, &seal));
	assert_ok(xts_new(false, key, &open));
	/* The same context again, and in place. */
	for (int i = 0; i < 2; i++) {
		assert_ok(xts_unit(seal, other, BYTES_OF(plain), unit));
		memcpy(unit, plain, sizeof(plain));
		assert_ok(xts_unit(seal, tweak, BYTES_OF(unit), unit));
		assert_bytes_equal(BYTES_OF(unit), test_hex(want));
		assert_ok(xts_unit(open, tweak, BYTES_OF(unit), unit));
		assert_bytes_equal(BYTES_OF(unit), BYTES_OF(plain));
	}
}

static void test_xts_refuses(void **state)
{
	static const uint8_t tweak[XTS_TWEAK], halves[XTS_KEY], key[XTS_KEY] = { 1 };
	AUTO(xts_freep) struct xts_ctx *c = NULL;
	uint8_t unit[15] = { 0 };

	(void)state;
	assert_err(xts_new(true, BYTES_OF(halves), &c), ERR_CRYPTO);
	assert_err(xts_new(true, bytes_of(key, 32), &c), ERR_CRYPTO);
	assert_ok(xts_new(true, BYTES_OF(key), &c));
	assert_err(xts_unit(c, tweak, BYTES_OF(unit), unit), ERR_CRYPTO);
}

static void test_layer_hmac(void **state)
{
	(void)state;
	struct digest_value d;

	assert_ok(hmac(DIGEST_SHA256, test_hex(ctr[1].key), test_hex(ctr[1].cipher), &d));
	assert_bytes_equal(digest_bytes(&d),
		test_hex("c85a1365cd53553d64dd1c821caccdffa8c94b52fa7c6a32bca41b210e637707"));
}

/*
 * SP 800-38A F.3.13 and F.3.17 use another vector than zero; given as the first ciphertext block it
 * acts as that vector for the rest.
 */
static void test_cfb(void **state)
{
	(void)state;
	static const struct {
		const char *key, *cipher;
	} cases[] = {
		{ "2b7e151628aed2a6abf7158809cf4f3c",
			"000102030405060708090a0b0c0d0e0f"
			"3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"
			"26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6" },
		{ SP38A_KEY256,
			"000102030405060708090a0b0c0d0e0f"
			"dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b"
			"df10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf plain = BUF_INIT(OUT_MAX), back = BUF_INIT(OUT_MAX);
		struct bytes key = test_hex(cases[i].key), cipher = test_hex(cases[i].cipher);

		assert_ok(aes_cfb(false, key, cipher, &plain));
		assert_int_equal(plain.n, 80);
		assert_bytes_equal(bytes_of(plain.p + 16, 64), test_hex(SP38A_PLAIN));
		assert_ok(aes_cfb(true, key, buf_bytes(&plain), &back));
		assert_bytes_equal(buf_bytes(&back), cipher);
		/* TPM structures are not a whole number of blocks. */
		buf_clear(&back);
		assert_ok(aes_cfb(true, key, bytes_of(plain.p, 21), &back));
		assert_bytes_equal(buf_bytes(&back), bytes_of(cipher.p, 21));
		assert_err(aes_cfb(true, bytes_of(key.p, 15), cipher, &back), ERR_CRYPTO);
	}
}

/* RFC 3394 section 4; the last row is the response of a key broker (RFC 7516). */
static const struct {
	const char *kek, *plain, *wrapped;
} kw[] = {
	{ "000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff",
		"1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5" },
	{ "000102030405060708090a0b0c0d0e0f1011121314151617", "00112233445566778899aabbccddeeff",
		"96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d" },
	{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"00112233445566778899aabbccddeeff",
		"64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7" },
	{ "000102030405060708090a0b0c0d0e0f1011121314151617",
		"00112233445566778899aabbccddeeff0001020304050607",
		"031d33264e15d33268f24ec260743edce1c6c7ddee725a936ba814915c6762d2" },
	{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
		"28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd2"
		"1" },
	{ "d7e537724d9524d1274eb2ec3739f3c7b40bce85c595d28f826a9697744d8414",
		"abababababababababababababababababababababababababababababababab",
		"daa90f263020823aae79d19711070ebf365753a0f833ef1d86ef01c635cdbb26c97216c03afcbc5"
		"a" },
};

static struct err unwrap(void *arg, struct bytes in)
{
	AUTO(secret_freep) struct secret *plain = NULL;
	struct err e = aes_kw_unwrap(*(const struct bytes *)arg, in, &plain);

	assert_true(failed(e) == (plain == NULL));
	return e;
}

static void test_key_wrap(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kw); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
		AUTO(secret_freep) struct secret *plain = NULL;
		struct bytes kek = test_hex(kw[i].kek);

		assert_ok(aes_kw_wrap(kek, test_hex(kw[i].plain), &out));
		assert_bytes_equal(buf_bytes(&out), test_hex(kw[i].wrapped));
		assert_ok(aes_kw_unwrap(kek, buf_bytes(&out), &plain));
		assert_bytes_equal(secret_bytes(plain), test_hex(kw[i].plain));
		each_flip(buf_bytes(&out), unwrap, &kek);
		each_prefix(buf_bytes(&out), unwrap, &kek);
	}
	struct bytes other = test_hex(kw[1].kek);
	assert_err(unwrap(&other, test_hex(kw[0].wrapped)), ERR_UNVERIFIED);
	assert_err_text("integrity");
}

static void test_key_wrap_refuses(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	static const uint8_t bytes[64];
	static const size_t sizes[] = { 0, 8, 15, 17, 33 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		assert_err(aes_kw_wrap(bytes_of(bytes, 32), bytes_of(bytes, sizes[i]), &out),
			ERR_CRYPTO);
	assert_err(aes_kw_wrap(bytes_of(bytes, 31), bytes_of(bytes, 32), &out), ERR_CRYPTO);
	assert_int_equal(out.n, 0);
}

static void test_concat_kdf(void **state)
{
	(void)state;
	AUTO(secret_freep) struct secret *a = NULL, *b = NULL, *none = NULL;

	/* Z and key of a key broker's response to a guest. */
	assert_ok(concat_kdf(
		test_hex("ccfc261f58193c98ca4ad4a53bbac6f0ee29bc4d48438090446908622ca79af6"),
		"ECDH-ES+A256KW", 32, &a));
	assert_bytes_equal(secret_bytes(a),
		test_hex("d7e537724d9524d1274eb2ec3739f3c7b40bce85c595d28f826a9697744d8414"));
	assert_ok(concat_kdf(bytes_str("z"), "A128GCM", 16, &b));
	assert_int_equal(secret_size(b), 16);
	assert_err(concat_kdf(bytes_str("z"), "A128GCM", 33, &none), ERR_LIMIT);
	assert_null(none);
}

/* Computed with another implementation of HMAC. */
static const struct {
	enum digest_alg alg;
	size_t n;
	const char *want;
} kdfas[] = {
	{ DIGEST_SHA256, 16, "41971d4347b4e119875625c2c682b352" },
	{ DIGEST_SHA1, 32, "fad238cc3960b2ba1bf1251c3a209d5cb280d8e99800ea4dba8dea8ca37499f8" },
	{ DIGEST_SHA384, 64,
		"1e957570e2e7dc987ca1eee5306238d7eaf59c5ae102614ee92b9f4f4b81d94f"
		"abb9e8e1254e68e9d84532746af8b15876d528ed8ce851fe8f84f505efb0fb27" },
	{ DIGEST_SHA256, 64,
		"46365412c9dc1c1abc67388706861f1c376277343b53c59f5e260adb34280269"
		"4aac6694a7959af0bde840dad8a8cfb4f93665c73a2346a845c8bf19463cef3a" },
};

static void test_kdfa(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kdfas); i++) {
		AUTO(secret_freep) struct secret *key = NULL;
		const struct kdfa_input in = {
			.alg = kdfas[i].alg,
			.key = bytes_of("yolo", 5),
			.label = "IDENTITY",
			.context_u = bytes_str("kek"),
			.context_v = bytes_str("yoyo"),
		};

		assert_ok(kdfa(&in, kdfas[i].n, &key));
		assert_bytes_equal(secret_bytes(key), test_hex(kdfas[i].want));
	}
}

/* RFC 6070 has SHA-1 only; these were computed by Python's hashlib. */
static void test_pbkdf2(void **state)
{
	(void)state;
	static const struct {
		enum digest_alg alg;
		unsigned iterations;
		const char *key;
	} cases[] = {
		{ DIGEST_SHA256, 4096,
			"c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a" },
		{ DIGEST_SHA512, 1,
			"867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252"
			"c02d470a285a0501bad999bfe943c08f050235d7d68b1da55e63f73b60a57fce" },
	};
	struct pbkdf2_input in = { .password = bytes_str("password"), .salt = bytes_str("salt") };
	AUTO(secret_freep) struct secret *none = NULL;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(secret_freep) struct secret *key = NULL;
		struct bytes want = test_hex(cases[i].key);

		in.alg = cases[i].alg;
		in.iterations = cases[i].iterations;
		assert_ok(pbkdf2(&in, want.n, &key));
		assert_bytes_equal(secret_bytes(key), want);
	}
	in.iterations = 0;
	assert_err(pbkdf2(&in, 32, &none), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pbkdf2),
		cmocka_unit_test_teardown(test_gcm, queue_is_empty),
		cmocka_unit_test_teardown(test_gcm_empty, queue_is_empty),
		cmocka_unit_test_teardown(test_gcm_each_flip, queue_is_empty),
		cmocka_unit_test_teardown(test_gcm_refuses, queue_is_empty),
		cmocka_unit_test_teardown(test_gcm_annotation_packet, queue_is_empty),
		cmocka_unit_test_teardown(test_ctr, queue_is_empty),
		cmocka_unit_test_teardown(test_xts, queue_is_empty),
		cmocka_unit_test_teardown(test_xts_refuses, queue_is_empty),
		cmocka_unit_test_teardown(test_layer_hmac, queue_is_empty),
		cmocka_unit_test_teardown(test_cfb, queue_is_empty),
		cmocka_unit_test_teardown(test_key_wrap, queue_is_empty),
		cmocka_unit_test_teardown(test_key_wrap_refuses, queue_is_empty),
		cmocka_unit_test_teardown(test_concat_kdf, queue_is_empty),
		cmocka_unit_test_teardown(test_kdfa, queue_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
