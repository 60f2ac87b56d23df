#include "manifest_gen.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

#include <base/buf.h>
#include <base/encode.h>
#include <base/json.h>
#include <sealpod/verify.h>

static const char initdata_toml[] = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n"
				    "[data]\n\"aa.toml\" = '''[x]'''\n";

static void wants(const char *text, const char *part)
{
	char *out = NULL;

	assert_int_equal(sealpod_inspect(text, strlen(text), false, &out), SEALPOD_VERIFIED);
	if (!strstr(out, part))
		print_error("'%s' is not in:\n%s\n", part, out);
	assert_non_null(strstr(out, part));
	free(out);
}

static void test_known(void **state)
{
	AUTO(buf_done) struct buf token = BUF_INIT(4096);

	(void)state;
	wants("{\"a\":{\"b\":[1,2]}}", "    b: [1,2]");
	wants(initdata_toml, "digest");
	/* Text of text is unwrapped. */
	AUTO(buf_done) struct buf hex = BUF_INIT(4096);
	hex_encode(bytes_str("{\"member\":7}"), &hex);
	wants(buf_cstr(&hex), "member: 7");
	base64_encode(BASE64_URL_NO_PAD, bytes_str("{\"alg\":\"ES256\"}"), &token);
	buf_u8(&token, '.');
	base64_encode(BASE64_URL_NO_PAD, bytes_str("{\"iss\":\"somebody\"}"), &token);
	buf_puts(&token, ".AAAA\n");
	wants(buf_cstr(&token), "iss: \"somebody\"");
	wants(buf_cstr(&token), "signature: not checked");
}

static void test_manifest(void **state)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	AUTO(buf_done) struct buf json = BUF_INIT(MANIFEST_FILE_MAX);
	AUTO(buf_done) struct buf corim = BUF_INIT(MANIFEST_FILE_MAX);
	AUTO(buf_done) struct buf hex = BUF_INIT(2 * MANIFEST_FILE_MAX);
	AUTO(key_freep) struct key *key = NULL;

	(void)state;
	manifest_make(&m);
	assert_ok(manifest_print(&m, &json));
	wants(buf_cstr(&json), "image: sealpod-guest");
	wants(buf_cstr(&json), "(1 x EPYC-Milan)");
	wants(buf_cstr(&json), "debug variant");
	assert_ok(manifest_to_corim(&m, &corim));
	hex_encode(buf_bytes(&corim), &hex);
	wants(buf_cstr(&hex), "signature: none");
	wants(buf_cstr(&hex), "se_tag: 06060606060606060606060606060606");
	buf_clear(&corim);
	buf_clear(&hex);
	assert_ok(key_generate(KEY_P256, &key));
	assert_ok(manifest_sign_corim(&m, key, "a publisher", &corim));
	hex_encode(buf_bytes(&corim), &hex);
	wants(buf_cstr(&hex), "algorithm: ES256");
	wants(buf_cstr(&hex), "signer: a publisher");
	wants(buf_cstr(&hex), "(not checked)");
	wants(buf_cstr(&hex), "version: 7");
}

/* What hides in a member's text is decoded where it is known, and left as it is elsewhere. */
static void test_nested(void **state)
{
	AUTO(buf_done) struct buf text = BUF_INIT(4096);
	AUTO(json_freep) struct json *j = NULL;
	char *out = NULL;

	(void)state;
	buf_puts(&text, "{\"inner\":\"");
	base64_encode(BASE64_STD, bytes_str("{\"found\":\"here, in forty bytes or more\"}"), &text);
	buf_puts(&text, "\",\"plain\":\"0123456789abcdef0123456789abcdef0123456789abcdef\"}");
	wants(buf_cstr(&text), "found: \"here, in forty bytes or more\"");
	wants(buf_cstr(&text), "plain: \"0123456789abcdef");
	assert_int_equal(sealpod_inspect(text.p, text.n, true, &out), SEALPOD_VERIFIED);
	assert_ok(json_parse(bytes_str(out), &j));
	assert_string_equal(json_string(json_pointer(j, "/0/fields/0/name")), "inner");
	free(out);
}

static void test_unknown(void **state)
{
	static const char *const bad[] = { "", "\x01\x02\x03", "{\"a\":1", "{}x", "e.y.J", "00",
		"AAAA", "version = 3" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char *out = NULL;
		assert_int_equal(
			sealpod_inspect(bad[i], strlen(bad[i]), false, &out), SEALPOD_MALFORMED);
		free(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
