#include "queue.h"
#include "util.h"

#include <base/encode.h>
#include <crypto/jose.h>

enum {
	OUT_MAX = 8192
};

static struct key *parse(const char *text)
{
	AUTO(json_freep) struct json *j = NULL;
	struct key *k = NULL;

	assert_ok(json_parse(bytes_str(text), &j));
	assert_ok(jwk_parse(j, &k));
	return k;
}

/* Members in other orders, with members of other purposes, and what is printed for them. */
static const struct {
	const char *jwk, *alg, *printed;
	enum key_type type;
	bool is_private;
} good[] = {
	/* RFC 7515 A.3 */
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\","
	  "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","
	  "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\",\"kid\":\"1\"}",
		"ES256",
		"{\"alg\":\"ES256\",\"crv\":\"P-256\",\"kty\":\"EC\","
		"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
		KEY_P256, true },
	/* RFC 7515 A.4, public */
	{ "{\"kty\":\"EC\",\"crv\":\"P-521\",\"use\":\"sig\","
	  "\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9"
	  "tsz4qUxcWceqwQGk\","
	  "\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZ"
	  "mh9ubmf63e3kyMj2\"}",
		NULL,
		"{\"crv\":\"P-521\",\"kty\":\"EC\","
		"\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9"
		"tsz4qUxcWceqwQGk\","
		"\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZ"
		"mh9ubmf63e3kyMj2\"}",
		KEY_P521, false },
	/* RFC 8037 A.1 */
	{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
	  "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","
	  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		NULL,
		"{\"crv\":\"Ed25519\",\"kty\":\"OKP\","
		"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		KEY_ED25519, true },
};

#define RFC7638_N                                                                                  \
	"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"  \
	"BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_" \
	"FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"        \
	"bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"

static void test_parse_and_print(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(key_freep) struct key *k = parse(good[i].jwk);
		AUTO(key_freep) struct key *again = NULL;
		AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);

		assert_int_equal(key_type(k), good[i].type);
		assert_int_equal(key_is_private(k), good[i].is_private);
		assert_ok(jwk_print(k, good[i].alg, &out));
		assert_string_equal(buf_cstr(&out), good[i].printed);
		again = parse(buf_cstr(&out));
		assert_false(key_is_private(again));
		assert_true(key_equal(k, again));
	}
}

/* RFC 7638 3.1, RFC 8037 A.3 */
static void test_thumbprints(void **state)
{
	(void)state;
	static const struct {
		const char *jwk, *want;
	} known[] = {
		{ "{\"kty\":\"RSA\",\"n\":\"" RFC7638_N
		  "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
			"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" },
		{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
		  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
			"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		AUTO(key_freep) struct key *k = parse(known[i].jwk);
		AUTO(buf_done) struct buf text = BUF_INIT(OUT_MAX);
		struct digest_value d;

		assert_ok(jwk_thumbprint(k, &d));
		base64_encode(BASE64_URL_NO_PAD, digest_bytes(&d), &text);
		assert_string_equal(buf_cstr(&text), known[i].want);
	}
}

/* The key of a guest and the digest of its runtime data, as a broker of Trustee computes it. */
static void test_runtime_data(void **state)
{
	(void)state;
	static const struct {
		const char *before, *want;
	} cases[] = {
		{ "{\"nonce\":\"bm9uY2U=\",\"tee-pubkey\":",
			"0c05a8463aeb9ef9a83419c1792f9b68e02c33260474f497cbede0b1bb64944117da372a0f"
			"62"
			"fc4e3007051f7171f1ea" },
		{ "{\"additional-evidence\":\"\",\"nonce\":\"bm9uY2U=\",\"tee-pubkey\":",
			"38e506f9fbbe5e72a2d3e149c65dcbda4b392c28181c8ac1d2f8efa64d7eca0f6307a34f8a"
			"78"
			"429297504658f45b495d" },
	};
	AUTO(key_freep) struct key *k = NULL;
	uint8_t scalar[32];

	memset(scalar, 0x11, sizeof(scalar));
	assert_ok(key_from_ec_scalar(KEY_P256, BYTES_OF(scalar), &k));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(OUT_MAX);
		struct digest_value d;

		buf_puts(&text, cases[i].before);
		assert_ok(jwk_print(k, "ECDH-ES+A256KW", &text));
		buf_puts(&text, "}");
		assert_ok(digest(DIGEST_SHA384, buf_bytes(&text), &d));
		assert_bytes_equal(digest_bytes(&d), test_hex(cases[i].want));
	}
}

#define X	 "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y	 "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC(rest) "{\"kty\":\"EC\",\"crv\":\"P-256\"," rest "}"

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *jwk;
		enum err_code code;
		const char *part;
	} bad[] = {
		{ "[]", ERR_FORMAT, "JWK: not an object" },
		{ "{}", ERR_FORMAT, "kty" },
		{ "{\"kty\":1}", ERR_FORMAT, "kty" },
		{ "{\"kty\":\"oct\",\"k\":\"AA\"}", ERR_UNSUPPORTED, "kty: 'oct'" },
		{ "{\"kty\":\"EC\"}", ERR_FORMAT, "crv" },
		{ "{\"kty\":\"EC\",\"crv\":\"secp256k1\"}", ERR_UNSUPPORTED, "crv: 'secp256k1'" },
		{ "{\"kty\":\"EC\",\"crv\":\"Ed25519\"}", ERR_UNSUPPORTED, "crv: 'Ed25519'" },
		{ "{\"kty\":\"OKP\",\"crv\":\"P-256\"}", ERR_UNSUPPORTED, "crv: 'P-256'" },
		{ EC("\"y\":\"" Y "\""), ERR_FORMAT, "x" },
		{ EC("\"x\":\"" X "\""), ERR_FORMAT, "y" },
		{ EC("\"x\":\"" X "=\",\"y\":\"" Y "\""), ERR_FORMAT, "JWK: x" },
		{ EC("\"x\":\"" X "\",\"y\":\"AA\""), ERR_FORMAT, "JWK: EC point" },
		{ EC("\"x\":\"" Y "\",\"y\":\"" X "\""), ERR_FORMAT, "JWK: EC point" },
		{ EC("\"x\":\"" X "\",\"y\":\"" Y "\",\"d\":\"AQ\""), ERR_FORMAT,
			"d: not the key of the public members" },
		{ EC("\"x\":\"" X "\",\"y\":\"" Y "\",\"d\":7"), ERR_FORMAT, "d" },
		{ "{\"kty\":\"RSA\",\"e\":\"AQAB\"}", ERR_FORMAT, "n" },
		{ "{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\"}", ERR_FORMAT, "e" },
		{ "{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAB\",\"d\":\"AA\"}",
			ERR_UNSUPPORTED, "PEM only" },
		{ "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", ERR_UNSUPPORTED, "bits" },
		{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}", ERR_FORMAT,
			"JWK: Ed25519" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(json_freep) struct json *j = NULL;
		struct key *k = NULL;

		assert_ok(json_parse(bytes_str(bad[i].jwk), &j));
		assert_err(jwk_parse(j, &k), bad[i].code);
		assert_err_text(bad[i].part);
		assert_null(k);
	}
	struct key *k = NULL;
	assert_err(jwk_parse(NULL, &k), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_parse_and_print, queue_is_empty),
		cmocka_unit_test_teardown(test_thumbprints, queue_is_empty),
		cmocka_unit_test_teardown(test_runtime_data, queue_is_empty),
		cmocka_unit_test_teardown(test_refused, queue_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
