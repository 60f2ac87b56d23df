#include "queue.h"
#include "util.h"

#include <crypto/digest.h>

/* FIPS 180-4 examples; GB/T 32905 for SM3. */
static const struct {
	enum digest_alg alg;
	const char *name, *abc;
} known[] = {
	{ DIGEST_SHA1, "sha1", "a9993e364706816aba3e25717850c26c9cd0d89d" },
	{ DIGEST_SHA256, "sha256",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ DIGEST_SHA384, "sha384",
		"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
		"8086072ba1e7cc2358baeca134c825a7" },
	{ DIGEST_SHA512, "sha512",
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
	{ DIGEST_SM3, "sm3", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0" },
};

static void test_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct digest_value d;
		enum digest_alg alg;

		assert_ok(digest(known[i].alg, bytes_str("abc"), &d));
		assert_int_equal(d.alg, known[i].alg);
		assert_int_equal(d.n, digest_size(known[i].alg));
		assert_bytes_equal(digest_bytes(&d), test_hex(known[i].abc));
		assert_string_equal(digest_name(known[i].alg), known[i].name);
		assert_ok(digest_alg_parse(known[i].name, &alg));
		assert_int_equal(alg, known[i].alg);
	}
}

static void test_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		AUTO(digest_freep) struct digest_ctx *c = NULL;
		struct bytes want = test_hex(known[i].abc);
		struct digest_value d;

		assert_ok(digest2(known[i].alg, bytes_str("a"), bytes_str("bc"), &d));
		assert_bytes_equal(digest_bytes(&d), want);
		assert_ok(digest_new(known[i].alg, &c));
		/* The second round proves that the first final call reset the context. */
		for (int round = 0; round < 2; round++) {
			assert_ok(digest_update(c, bytes_str("ab")));
			assert_ok(digest_update(c, BYTES_NONE));
			assert_ok(digest_update(c, bytes_str("c")));
			assert_ok(digest_final(c, &d));
			assert_bytes_equal(digest_bytes(&d), want);
		}
	}
}

static void test_unknown_names(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "SHA256", "sha-256", "md5", "sha2566" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		enum digest_alg alg = DIGEST_SM3;

		assert_err(digest_alg_parse(bad[i], &alg), ERR_UNSUPPORTED);
		assert_int_equal(alg, DIGEST_SM3);
	}
}

#define HEX64 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void test_oci(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err_code code;
		const char *part;
	} bad[] = {
		{ HEX64, ERR_FORMAT, "algorithm:hex" },
		{ "sha256", ERR_FORMAT, "algorithm:hex" },
		{ "sha256sha256:" HEX64, ERR_FORMAT, "algorithm:hex" },
		{ "sha256:", ERR_FORMAT, "digest" },
		{ "sha256:" HEX64 "00", ERR_FORMAT, "digest" },
		{ "sha256: " HEX64, ERR_FORMAT, "digest" },
		{ "sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
			ERR_FORMAT, "upper case" },
		{ "sha1:a9993e364706816aba3e25717850c26c9cd0d89d", ERR_UNSUPPORTED, "sha1" },
		{ "sha384:" HEX64, ERR_FORMAT, "digest" },
		{ "md5:00", ERR_UNSUPPORTED, "md5" },
	};
	char text[2 * DIGEST_MAX + 16];
	struct digest_value d;

	assert_ok(digest_parse_oci("sha256:" HEX64, &d));
	assert_int_equal(d.alg, DIGEST_SHA256);
	assert_bytes_equal(digest_bytes(&d), test_hex(HEX64));
	digest_print_oci(&d, text);
	assert_string_equal(text, "sha256:" HEX64);
	assert_ok(digest(DIGEST_SHA512, bytes_str("abc"), &d));
	digest_print_oci(&d, text);
	assert_string_equal(text + 7, known[3].abc);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_err(digest_parse_oci(bad[i].text, &d), bad[i].code);
		assert_err_text(bad[i].part);
	}
	assert_int_equal(d.alg, DIGEST_SHA512);
}

/* RFC 4231: test cases 1, 2 and 6 (key longer than a block). */
static const struct {
	const char *key, *data, *sha256, *sha384;
} macs[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
		"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
		"faea9ea9076ede7f4af152e8b2fa9cb6" },
	{ "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		"af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
		"8e2240ca5e69e2c78b3239ecfab21649" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaa",
		"54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a"
		"65204b6579202d2048617368204b6579204669727374",
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
		"4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
		"0c2ef6ab4030fe8296248df163f44952" },
};

static void test_hmac(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(macs); i++) {
		struct bytes key = test_hex(macs[i].key);
		struct bytes data = test_hex(macs[i].data);
		struct digest_value d;

		assert_ok(hmac(DIGEST_SHA256, key, data, &d));
		assert_bytes_equal(digest_bytes(&d), test_hex(macs[i].sha256));
		assert_ok(hmac(DIGEST_SHA384, key, data, &d));
		assert_bytes_equal(digest_bytes(&d), test_hex(macs[i].sha384));
	}
}

static void test_hmac_pieces_and_empty_key(void **state)
{
	(void)state;
	AUTO(hmac_freep) struct hmac_ctx *c = NULL;
	struct digest_value d;

	assert_ok(hmac_new(DIGEST_SHA256, test_hex(macs[1].key), &c));
	assert_ok(hmac_update(c, bytes_str("what do ya want ")));
	assert_ok(hmac_update(c, BYTES_NONE));
	assert_ok(hmac_update(c, bytes_str("for nothing?")));
	assert_ok(hmac_final(c, &d));
	assert_bytes_equal(digest_bytes(&d), test_hex(macs[1].sha256));
	assert_ok(hmac(DIGEST_SHA256, BYTES_NONE, BYTES_NONE, &d));
	assert_bytes_equal(digest_bytes(&d),
		test_hex("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_known, queue_is_empty),
		cmocka_unit_test_teardown(test_pieces, queue_is_empty),
		cmocka_unit_test_teardown(test_unknown_names, queue_is_empty),
		cmocka_unit_test_teardown(test_oci, queue_is_empty),
		cmocka_unit_test_teardown(test_hmac, queue_is_empty),
		cmocka_unit_test_teardown(test_hmac_pieces_and_empty_key, queue_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
