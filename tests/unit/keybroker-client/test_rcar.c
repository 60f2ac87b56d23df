#include "rcar.h"
#include "util.h"

#include <string.h>

#include <keybroker-client/refusal.h>

static struct err parse_challenge(void *arg, struct bytes in)
{
	AUTO(rcar_challenge_done) struct rcar_challenge c = { 0 };

	(void)arg;
	return rcar_challenge_parse(tee_by_platform("vtpm"), in, &c);
}

static void test_challenge(void **state)
{
	static const char *const good[] = {
		"{\"nonce\":\"bm9uY2U=\",\"extra-params\":\"\"}",
		"{\"nonce\":\"bm9uY2U=\",\"extra-params\":{}}",
		"{\"nonce\":\"n\",\"extra-params\":{\"selected-hash-algorithm\":\"SHA384\"}}",
		"{\"nonce\":\"n\",\"extra-params\":{},\"later\":1}",
	};
	static const struct {
		const char *text;
		enum err_code code;
		const char *says;
	} bad[] = {
		{ "{\"extra-params\":\"\"}", ERR_FORMAT, "nonce" },
		{ "{\"nonce\":7,\"extra-params\":\"\"}", ERR_FORMAT, "nonce" },
		{ "{\"nonce\":\"\",\"extra-params\":\"\"}", ERR_FORMAT, "nonce" },
		{ "{\"nonce\":\"n\"}", ERR_FORMAT, "extra-params" },
		{ "{\"nonce\":\"n\",\"extra-params\":{\"selected-hash-algorithm\":\"sm3\"}}",
			ERR_UNSUPPORTED, "sm3" },
		{ "[]", ERR_FORMAT, "nonce" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_ok(parse_challenge(NULL, bytes_str(good[i])));
		each_prefix(bytes_str(good[i]), parse_challenge, NULL);
		each_flip_survives(bytes_str(good[i]), parse_challenge, NULL);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_err(parse_challenge(NULL, bytes_str(bad[i].text)), bad[i].code);
		assert_err_text(bad[i].says);
	}
}

/* Trustee's challenge for Secure Execution: JSON in the nonce, and SHA-512. */
static void test_challenge_in_nonce(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
	} table[] = {
		{ "{\"nonce\":\"{\\\"a\\\":1}\",\"extra-params\":"
		  "{\"selected-hash-algorithm\":\"SHA512\"}}",
			ERR_OK },
		{ "{\"nonce\":\"{\\\"a\\\":1}\",\"extra-params\":\"\"}", ERR_OK },
		{ "{\"nonce\":\"{}\",\"extra-params\":"
		  "{\"selected-hash-algorithm\":\"sha384\"}}",
			ERR_UNSUPPORTED },
		{ "{\"nonce\":\"bm9uY2U=\",\"extra-params\":\"\"}", ERR_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		AUTO(rcar_challenge_done) struct rcar_challenge c = { 0 };
		uint64_t one = 0;

		struct err e =
			rcar_challenge_parse(tee_by_platform("se"), bytes_str(table[i].text), &c);
		assert_int_equal(e.code, table[i].code);
		if (failed(e))
			continue;
		assert_string_equal(c.nonce, "{\"a\":1}");
		assert_true(json_u64(json_get(c.extra_params, "a"), &one) && one == 1);
	}
}

static void test_attest(void **state)
{
	AUTO(rcar_challenge_done) struct rcar_challenge c = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	struct rcar_attest a = {
		.challenge = &c,
		.jwk = bytes_str("{\"kty\":\"EC\"}"),
		.evidence = bytes_str("{\"e\":1}"),
	};

	(void)state;
	assert_ok(rcar_challenge_parse(
		tee_by_platform("vtpm"), bytes_str("{\"nonce\":\"n\",\"extra-params\":\"\"}"), &c));
	assert_ok(rcar_attest_make(&a, &out));
	assert_string_equal(buf_cstr(&out),
		"{\"init-data\":null,\"runtime-data\":{\"nonce\":\"n\",\"tee-pubkey\":{\"kty\":"
		"\"EC\"}},\"tee-evidence\":{\"primary_evidence\":{\"e\":1},"
		"\"additional_evidence\":\"\"}}");
	buf_clear(&out);
	a.initdata = bytes_str("version = \"0.1.0\"\n");
	assert_ok(rcar_attest_make(&a, &out));
	assert_non_null(strstr(buf_cstr(&out),
		"\"init-data\":{\"format\":\"toml\",\"body\":\"version = \\\"0.1.0\\\"\\n\"}"));
}

static void test_token(void **state)
{
	AUTO(buf_done) struct buf token = BUF_INIT(RCAR_TOKEN_MAX);

	(void)state;
	assert_ok(rcar_token_parse(bytes_str("{\"token\":\"a.b.c\"}"), &token));
	assert_string_equal(buf_cstr(&token), "a.b.c");
	assert_err(rcar_token_parse(bytes_str("{}"), &token), ERR_FORMAT);
	assert_err(rcar_token_parse(bytes_str("{\"token\":1}"), &token), ERR_FORMAT);
}

static void test_refusal(void **state)
{
	static const char reason[] =
		"{\"type\":\"https://x/PolicyDeny\",\"detail\":\"d\",\"sealpod\":{\"code\":"
		"\"vtpm.cmdline-unknown\",\"field\":\"cmdline\",\"expected\":\"aa\","
		"\"actual\":\"bb\",\"request_id\":\"req-12\"}}";

	(void)state;
	assert_err(kbs_refusal(403, bytes_str(reason)), ERR_DENIED);
	assert_string_equal(err_denial()->code, "vtpm.cmdline-unknown");
	assert_string_equal(err_denial()->expected, "aa");
	assert_string_equal(err_denial()->id, "req-12");
	assert_err(kbs_refusal(401, bytes_str(reason)), ERR_UNVERIFIED);
	/* Trustee's own body, and none at all. */
	assert_err(kbs_refusal(401, bytes_str("{\"type\":\"t\",\"detail\":\"no token\"}")),
		ERR_UNVERIFIED);
	assert_err_text("no token");
	assert_null(err_denial());
	assert_err(kbs_refusal(404, bytes_str("<html>")), ERR_NOT_FOUND);
	assert_err(kbs_refusal(500, BYTES_NONE), ERR_PEER);
	assert_err_text("500");
	assert_err(kbs_refusal(403, bytes_str("{\"sealpod\":{\"code\":7}}")), ERR_DENIED);
	assert_null(err_denial());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_challenge),
		cmocka_unit_test(test_challenge_in_nonce),
		cmocka_unit_test(test_attest),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
