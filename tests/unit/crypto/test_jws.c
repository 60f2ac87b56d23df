#include "queue.h"
#include "util.h"

#include <base/encode.h>
#include <crypto/jose.h>

enum {
	OUT_MAX = 16 * 1024
};

static struct key *parse_key(const char *text)
{
	AUTO(json_freep) struct json *j = NULL;
	struct key *k = NULL;

	assert_ok(json_parse(bytes_str(text), &j));
	assert_ok(jwk_parse(j, &k));
	return k;
}

#define JOE                                                                                        \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0" \
	"cnVlfQ"

static const char es256_key[] =
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
static const char es256_token[] =
	"eyJhbGciOiJFUzI1NiJ9." JOE ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8IS"
	"lSApmWQxfKTUJqPP3-Kg6NU1Q";

/* RFC 7515 A.2, A.3, A.4; RFC 8037 A.4. */
static const struct {
	enum jose_alg alg;
	const char *key, *token, *payload;
} known[] = {
	{ JOSE_ES256, es256_key, es256_token, "{\"iss\":\"joe\"," },
	{ JOSE_RS256,
		"{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_"
		"wWJcyQoTbji9k0l8W26mPddxHmf"
		"HQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_"
		"YpRPEwOWvG6b32690r2jZ47soMZ"
		"o9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
		"UTo7WTBEMa2R2CapHg665xsmtdVM"
		"TBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"
		"h9iaGNj8q2ethFkMLs91kzk"
		"2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}",
		"eyJhbGciOiJSUzI1NiJ9." JOE
		".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_"
		"lF5YKt_"
		"O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
		"nZLgrnbyTyWzO75vRK5h6xBArLIAR"
		"NPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
		"eOkHWEsqtFZESc6BfI7noOPqvh"
		"J1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"
		"IoypGlUPQGe77Rw",
		"{\"iss\":\"joe\"," },
	{ JOSE_ES512,
		"{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":"
		"\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrj"
		"cBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\",\"y\":\"ADSmRA43Z1DSNx_"
		"RvcLI87cdL07l6jQ"
		"yyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}",
		"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_"
		"UxMi70cwnZOYaRI1bK"
		"PWROc-mZZqwqT2SI-KGDKB34XO0aw_"
		"7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO"
		"7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
		"Payload" },
	{ JOSE_EDDSA,
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
		"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_"
		"MGCjP0JzlnLWG1PPOt7-0"
		"9PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
		"Example of Ed25519 signing" },
};

static struct err parse_and_verify(void *arg, struct bytes in)
{
	AUTO(jws_done) struct jws j = { 0 };

	TRY(jws_parse(in, &j));
	return jws_verify(&j, arg);
}

static void test_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		AUTO(key_freep) struct key *k = parse_key(known[i].key);
		AUTO(jws_done) struct jws j = { 0 };

		assert_ok(jws_parse(bytes_str(known[i].token), &j));
		assert_int_equal(j.alg, known[i].alg);
		assert_string_equal(
			json_string(json_get(j.header, "alg")), jose_alg_name(known[i].alg));
		assert_memory_equal(j.payload.p, known[i].payload, strlen(known[i].payload));
		assert_ok(jws_verify(&j, k));
		each_flip(bytes_str(known[i].token), parse_and_verify, k);
		each_prefix(bytes_str(known[i].token), parse_and_verify, k);
	}
}

static void test_wrong_key(void **state)
{
	(void)state;
	static const enum key_type types[] = { KEY_P256, KEY_P384, KEY_P521, KEY_RSA, KEY_ED25519 };

	for (size_t t = 0; t < ARRAY_LEN(types); t++) {
		AUTO(key_freep) struct key *k = NULL;

		assert_ok(key_generate(types[t], &k));
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			assert_err(parse_and_verify(k, bytes_str(known[i].token)), ERR_UNVERIFIED);
	}
}

static const struct {
	enum jose_alg alg;
	enum key_type type;
} pairs[] = {
	{ JOSE_ES256, KEY_P256 },
	{ JOSE_ES384, KEY_P384 },
	{ JOSE_ES512, KEY_P521 },
	{ JOSE_EDDSA, KEY_ED25519 },
	{ JOSE_RS256, KEY_RSA },
	{ JOSE_PS256, KEY_RSA },
};

static void test_sign(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		AUTO(key_freep) struct key *k = NULL;
		AUTO(buf_done) struct buf header = BUF_INIT(OUT_MAX), out = BUF_INIT(OUT_MAX);
		AUTO(jws_done) struct jws j = { 0 };

		assert_ok(key_generate(pairs[i].type, &k));
		buf_printf(
			&header, "{\"typ\":\"JWT\",\"alg\":\"%s\"}", jose_alg_name(pairs[i].alg));
		assert_ok(jws_sign(
			k, pairs[i].alg, buf_bytes(&header), bytes_str("{\"a\":1}"), &out));
		assert_ok(jws_parse(buf_bytes(&out), &j));
		assert_bytes_equal(buf_bytes(&j.payload), bytes_str("{\"a\":1}"));
		assert_ok(jws_verify(&j, k));
	}
}

static void test_sign_refuses(void **state)
{
	(void)state;
	AUTO(key_freep) struct key *k = NULL, *pub = parse_key(es256_key);
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	struct bytes payload = bytes_str("x");

	assert_ok(key_generate(KEY_P256, &k));
	assert_err(jws_sign(k, JOSE_ES384, bytes_str("{\"alg\":\"ES384\"}"), payload, &out),
		ERR_STATE);
	assert_err(jws_sign(k, JOSE_ES256, bytes_str("{\"alg\":\"ES384\"}"), payload, &out),
		ERR_STATE);
	assert_err(jws_sign(k, JOSE_ES256, bytes_str("{}"), payload, &out), ERR_FORMAT);
	assert_err(jws_sign(k, JOSE_ES256, bytes_str("[]"), payload, &out), ERR_FORMAT);
	assert_err(jws_sign(pub, JOSE_ES256, bytes_str("{\"alg\":\"ES256\"}"), payload, &out),
		ERR_STATE);
	assert_int_equal(out.n, 0);
}

static void token_of(const char *header, const char *rest, struct buf *out)
{
	base64_encode(BASE64_URL_NO_PAD, bytes_str(header), out);
	buf_puts(out, rest);
}

static void test_refused_headers(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		enum err_code code;
		const char *part;
	} bad[] = {
		{ "{\"alg\":\"none\"}", ERR_UNSUPPORTED, "algorithm 'none'" },
		{ "{\"alg\":\"None\"}", ERR_UNSUPPORTED, "algorithm 'None'" },
		{ "{\"alg\":\"HS256\"}", ERR_UNSUPPORTED, "algorithm 'HS256'" },
		{ "{\"alg\":\"es256\"}", ERR_UNSUPPORTED, "algorithm 'es256'" },
		{ "{\"alg\":256}", ERR_FORMAT, "alg" },
		{ "{}", ERR_FORMAT, "alg" },
		{ "[\"alg\"]", ERR_FORMAT, "not an object" },
		{ "{\"alg\":\"ES256\",\"alg\":\"ES256\"}", ERR_FORMAT, "JWS header" },
		{ "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}", ERR_UNSUPPORTED, "critical" },
		{ "{\"alg\":\"ES256\"", ERR_FORMAT, "JWS header" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(buf_done) struct buf token = BUF_INIT(OUT_MAX);
		AUTO(jws_done) struct jws j = { 0 };

		token_of(bad[i].header, ".e30.AAAA", &token);
		assert_err(jws_parse(buf_bytes(&token), &j), bad[i].code);
		assert_err_text(bad[i].part);
	}
}

static void test_refused_forms(void **state)
{
	(void)state;
	static const struct {
		const char *token, *part;
	} bad[] = {
		{ "", "three parts" }, { "a", "fewer than three" },
		{ "e30.e30", "fewer than three" }, { "e30.e30.e30.e30", "more than three" },
		{ "e30=.e30.e30", "JWS header" },
		{ "eyJhbGciOiJFUzI1NiJ9.e30=.e30", "JWS payload" },
		{ "eyJhbGciOiJFUzI1NiJ9.e30.e30 ", "JWS signature" },
		{ "eyJhbGciOiJFUzI1NiJ9.e30.e31", "JWS signature" }, /* unused bits are set */
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(jws_done) struct jws j = { 0 };

		assert_err(jws_parse(bytes_str(bad[i].token), &j), ERR_FORMAT);
		assert_err_text(bad[i].part);
	}
}

/* ---- claims ---- */
static void test_claims(void **state)
{
	(void)state;
	static const struct {
		const char *claims;
		struct jwt_check check;
		const char *code; /* "": ERR_FORMAT, NULL: fine */
	} cases[] = {
		{ "{}", { .now = 100 }, NULL },
		{ "{}", { .now = 100, .need_exp = true }, "jwt.claim-missing" },
		{ "{\"exp\":101}", { .now = 100, .need_exp = true }, NULL },
		{ "{\"exp\":100}", { .now = 100 }, "jwt.expired" },
		{ "{\"exp\":100}", { .now = 100, .leeway = 1 }, NULL },
		{ "{\"exp\":100}", { .now = 101, .leeway = 1 }, "jwt.expired" },
		{ "{\"exp\":-5}", { .now = 100 }, "jwt.expired" },
		{ "{\"exp\":\"200\"}", { .now = 100 }, "" },
		{ "{\"exp\":200.5}", { .now = 100 }, "" },
		{ "{\"exp\":18446744073709551615}", { .now = 100 }, "" },
		{ "{\"nbf\":100}", { .now = 100 }, NULL },
		{ "{\"nbf\":101}", { .now = 100 }, "jwt.not-yet-valid" },
		{ "{\"nbf\":101}", { .now = 100, .leeway = 1 }, NULL },
		{ "{\"nbf\":null}", { .now = 100 }, "" },
		{ "{\"iss\":\"a\"}", { .now = 100, .issuer = "a" }, NULL },
		{ "{\"iss\":\"ab\"}", { .now = 100, .issuer = "a" }, "jwt.issuer" },
		{ "{\"iss\":1}", { .now = 100, .issuer = "a" }, "jwt.issuer" },
		{ "{}", { .now = 100, .issuer = "a" }, "jwt.issuer" },
		{ "{\"aud\":\"x\"}", { .now = 100, .audience = "x" }, NULL },
		{ "{\"aud\":[\"y\",\"x\"]}", { .now = 100, .audience = "x" }, NULL },
		{ "{\"aud\":[\"y\",1]}", { .now = 100, .audience = "x" }, "jwt.audience" },
		{ "{\"aud\":\"y\"}", { .now = 100, .audience = "x" }, "jwt.audience" },
		{ "{\"aud\":{\"x\":\"x\"}}", { .now = 100, .audience = "x" }, "jwt.audience" },
		{ "{}", { .now = 100, .audience = "x" }, "jwt.audience" },
		{ "[]", { .now = 100 }, "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(json_freep) struct json *claims = NULL;

		assert_ok(json_parse(bytes_str(cases[i].claims), &claims));
		struct err e = jwt_check(claims, &cases[i].check);
		if (!cases[i].code) {
			assert_ok(e);
		} else if (!cases[i].code[0]) {
			assert_err(e, ERR_FORMAT);
		} else {
			assert_err(e, ERR_UNVERIFIED);
			assert_string_equal(err_denial()->code, cases[i].code);
		}
	}
	assert_err(jwt_check(NULL, &cases[0].check), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_known, queue_is_empty),
		cmocka_unit_test_teardown(test_wrong_key, queue_is_empty),
		cmocka_unit_test_teardown(test_sign, queue_is_empty),
		cmocka_unit_test_teardown(test_sign_refuses, queue_is_empty),
		cmocka_unit_test_teardown(test_refused_headers, queue_is_empty),
		cmocka_unit_test_teardown(test_refused_forms, queue_is_empty),
		cmocka_unit_test_teardown(test_claims, queue_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
