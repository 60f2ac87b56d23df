#include "util.h"

#include <base/encode.h>
#include <keybroker-client/sealed_secret.h>

#define KID  "kbs:///default/sealing/key"
#define NAME "kbs:///default/secret/app"

static struct key *sealing_key;
static struct buf jwk = BUF_INIT(4096);

static int set_up(void **state)
{
	(void)state;
	assert_ok(key_generate(KEY_P256, &sealing_key));
	assert_ok(jwk_print(sealing_key, "ES256", &jwk));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	key_freep(&sealing_key);
	buf_done(&jwk);
	return 0;
}

static struct err open_it(void *arg, struct bytes text)
{
	AUTO(sealed_secret_done) struct sealed_secret s = { 0 };

	(void)arg;
	TRY(sealed_secret_parse(text, &s));
	return sealed_secret_verify(&s, buf_bytes(&jwk));
}

static void test_round(void **state)
{
	AUTO(buf_done) struct buf text = BUF_INIT(SEALED_SECRET_MAX);
	AUTO(sealed_secret_done) struct sealed_secret s = { 0 };

	(void)state;
	assert_ok(sealed_secret_make(sealing_key, KID, NAME, &text));
	struct bytes all = buf_bytes(&text);
	assert_memory_equal(all.p, "sealed.", 7);
	assert_ok(sealed_secret_parse(all, &s));
	assert_string_equal(s.kid, KID);
	assert_string_equal(s.name, NAME);
	assert_ok(sealed_secret_verify(&s, buf_bytes(&jwk)));
	/* The prefix may be left out, nothing else. */
	assert_ok(open_it(NULL, bytes_of(all.p + 7, all.n - 7)));
}

static void test_another_key(void **state)
{
	AUTO(key_freep) struct key *other = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(SEALED_SECRET_MAX);

	(void)state;
	assert_ok(key_generate(KEY_P256, &other));
	assert_ok(sealed_secret_make(other, KID, NAME, &text));
	assert_err(open_it(NULL, buf_bytes(&text)), ERR_UNVERIFIED);
	assert_err_text("secret.signature");
}

/* Signed as it should be, so that it is the words that are refused. */
static void make(const char *header, const char *payload, struct buf *out)
{
	buf_put(out, bytes_str(SEALED_SECRET_PREFIX));
	assert_ok(jws_sign(sealing_key, JOSE_ES256, bytes_str(header), bytes_str(payload), out));
}

#define HEADER	      "{\"alg\":\"ES256\",\"kid\":\"" KID "\"}"
#define PAYLOAD(more) "{\"version\":\"0.1.0\",\"provider_settings\":{},\"annotations\":{}," more "}"

static void test_refused(void **state)
{
	static const struct {
		const char *header, *payload;
		enum err_code code;
		const char *says;
	} table[] = {
		{ "{\"alg\":\"ES256\"}",
			PAYLOAD("\"type\":\"vault\",\"name\":\"" NAME "\",\"provider\":\"kbs\""),
			ERR_FORMAT, "kid" },
		{ "{\"alg\":\"ES256\",\"kid\":\"/etc/passwd\"}",
			PAYLOAD("\"type\":\"vault\",\"name\":\"" NAME "\",\"provider\":\"kbs\""),
			ERR_FORMAT, "kid" },
		{ HEADER, PAYLOAD("\"type\":\"envelope\",\"provider\":\"aliyun\""), ERR_UNSUPPORTED,
			"envelope" },
		{ HEADER, PAYLOAD("\"type\":\"vault\",\"name\":\"x\",\"provider\":\"aws\""),
			ERR_UNSUPPORTED, "aws" },
		{ HEADER, PAYLOAD("\"type\":\"vault\",\"name\":\"x\",\"provider\":\"kbs\""),
			ERR_FORMAT, "name" },
		{ HEADER, PAYLOAD("\"type\":\"vault\",\"provider\":\"kbs\""), ERR_FORMAT,
			"no name" },
		{ HEADER, "{\"version\":\"0.2.0\",\"type\":\"vault\"}", ERR_UNSUPPORTED, "0.2.0" },
		{ HEADER, "[]", ERR_FORMAT, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(SEALED_SECRET_MAX);

		make(table[i].header, table[i].payload, &text);
		assert_err(open_it(NULL, buf_bytes(&text)), table[i].code);
		assert_err_text(table[i].says);
	}
	/* What Kata's documents call a sealed secret without a signature. */
	assert_err(open_it(NULL, bytes_str("sealed.fakejwsheader.e30.fakesignature")), ERR_FORMAT);
}

static void test_every_byte(void **state)
{
	AUTO(buf_done) struct buf text = BUF_INIT(SEALED_SECRET_MAX);

	(void)state;
	assert_ok(sealed_secret_make(sealing_key, KID, NAME, &text));
	struct bytes token = bytes_of(text.p + 7, text.n - 7);
	each_prefix(token, open_it, NULL);
	each_flip(token, open_it, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_another_key),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_every_byte),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
