#include "util.h"

#include <stdlib.h>

#include <base/encode.h>
#include <image-rs/ocicrypt.h>

/* The layer key of guest-components' sample packet. */
#define OPTIONS                                                                                    \
	"{\"symkey\":\"1jL2jJV0Oyz2nmPkLtqulW6cKcpIUN5FpILcVnP5Uqs=\",\"digest\":\"sha256:"        \
	"c042019eb661695df218d05006eb384ff769af56f348a624d18ba08b724ade05\",\"cipheroptions\":{"   \
	"\"nonce\":\"r10F9oaCu+nWFXfod3l83g==\"}}"

static RESULT parse_key(void *arg, struct bytes in)
{
	AUTO(img_layer_key_done) struct img_layer_key k = { 0 };

	(void)arg;
	return img_layer_key_parse(in, &k);
}

static void test_layer_cipher(void **state)
{
	AUTO(img_layer_key_done) struct img_layer_key k = { 0 };
	AUTO(img_cipher_freep) struct img_cipher *seal = NULL, *open = NULL;
	AUTO(buf_done) struct buf mac_text = BUF_INIT(64);
	uint8_t text[] = { "This is some text!" }, mac[32], mac2[32];
	size_t n = sizeof(text) - 1;
	(void)state;

	assert_ok(img_layer_key_parse(bytes_str(OPTIONS), &k));
	assert_ok(img_cipher_new(&k, true, &seal));
	assert_ok(img_cipher_update(seal, text, 5));
	assert_ok(img_cipher_update(seal, text + 5, n - 5));
	assert_ok(img_cipher_final(seal, mac));
	assert_bytes_equal(bytes_of(text, n), test_hex("826ff6895319ab66c922c8105c32262f7255"));
	base64_encode(BASE64_STD, BYTES_OF(mac), &mac_text);
	assert_string_equal(buf_cstr(&mac_text), "yFoTZc1TVT1k3RyCHKzN/6jJS1L6fGoyvKQbIQ5jdwc=");
	assert_ok(img_cipher_new(&k, false, &open));
	assert_ok(img_cipher_update(open, text, n));
	assert_ok(img_cipher_final(open, mac2));
	assert_string_equal((char *)text, "This is some text!");
	assert_bytes_equal(BYTES_OF(mac2), BYTES_OF(mac));
}

/* The counter is 128 bits wide and wraps. */
static void test_counter_wrap(void **state)
{
	AUTO(img_layer_key_done) struct img_layer_key k = { 0 };
	AUTO(img_cipher_freep) struct img_cipher *c = NULL;
	uint8_t zero[32] = { 0 };
	(void)state;

	assert_ok(img_layer_key_parse(bytes_str(OPTIONS), &k));
	memset(k.nonce, 0xff, sizeof(k.nonce));
	assert_ok(img_cipher_new(&k, true, &c));
	assert_ok(img_cipher_update(c, zero, sizeof(zero)));
	assert_bytes_equal(BYTES_OF(zero),
		test_hex("a35efefe8582b1f6fe49dba4519102cd0cd2901a2f12682cdbfe5a16814de153"));
}

static const char packet_v1[] =
	"{\"kid\":\"kbs:///default/key/1\",\"wrapped_data\":\"PCClYqiOp2Kve7W626VKB8mAt3uJAW0SVTeO"
	"yWkYdd5WJs23zLFbzTqROZ3By0tugAlV2CulnvgTtU5wf4aGmtIG5Am7sBRUKm7JXtu9PtkB76tUQFJlUciZ+P5Jy"
	"N29/shp0MEj+yKqeliFfkxAGY9RBJjX/USsf8sz/LqEDz6DMDf0gLavNjjUao0fuSWyXpGRWkVl+iXiLMpNgfCHgf"
	"30+zfT3b5PlyXklb7D85DzmYx67cQXjwnn86BM+JWObpHUyLB7HClbfwSGrgiyJgU=\",\"iv\":"
	"\"AAECAwQFBgcICQoL\",\"wrap_type\":\"A256GCM\"}";
static const char kek_hex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

static RESULT open_packet(void *arg, struct bytes in)
{
	AUTO(img_packet_done) struct img_packet p = { 0 };
	AUTO(secret_freep) struct secret *options = NULL;

	(void)arg;
	TRY(img_packet_parse(in, &p));
	return img_packet_open(&p, test_hex(kek_hex), &options);
}

static void test_packet(void **state)
{
	AUTO(img_packet_done) struct img_packet p = { 0 };
	AUTO(secret_freep) struct secret *options = NULL;
	uint8_t wrong[32] = { 1 };
	(void)state;

	assert_ok(img_packet_parse(bytes_str(packet_v1), &p));
	assert_string_equal(p.kid, "kbs:///default/key/1");
	assert_ok(img_packet_open(&p, test_hex(kek_hex), &options));
	assert_bytes_equal(secret_bytes(options), bytes_str(OPTIONS));
	secret_freep(&options);
	assert_err(img_packet_open(&p, BYTES_OF(wrong), &options), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "image.key-wrap");
	assert_err(img_packet_open(&p, bytes_of(wrong, 16), &options), ERR_FORMAT);
	/* Every byte of the wrapped data is authenticated. */
	for (size_t i = 0; i < p.wrapped_data.n; i++) {
		p.wrapped_data.p[i] ^= 1;
		assert_err(img_packet_open(&p, test_hex(kek_hex), &options), ERR_UNVERIFIED);
		p.wrapped_data.p[i] ^= 1;
	}
	each_prefix(bytes_str(packet_v1), open_packet, NULL);
}

static void test_packet_round(void **state)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IMG_PACKET_MAX);
	(void)state;

	assert_ok(img_packet_seal("kbs:///a/b/c", test_hex(kek_hex), bytes_str(OPTIONS), &text));
	assert_ok(open_packet(NULL, buf_bytes(&text)));
	assert_err(img_packet_seal("k", bytes_str("short"), bytes_str(OPTIONS), &text), ERR_FORMAT);
}

static void test_packet_forms(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
		const char *error;
	} cases[] = {
		{ "{\"version\":\"0.1.0\",\"provider\":\"kbs\",\"provider_settings\":{},"
		  "\"annotations\":{},\"kid\":\"k\",\"wrapped_data\":\"AAAA\","
		  "\"iv\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"wrap_type\":\"A256CTR\"}",
			ERR_OK, NULL },
		{ "{\"kid\":\"k\",\"wrapped_data\":\"AAAA\",\"provider\":\"aliyun\"}",
			ERR_UNSUPPORTED, "aliyun" },
		{ "{\"kid\":\"k\",\"wrapped_data\":\"AAAA\",\"iv\":null,\"wrap_type\":null}",
			ERR_FORMAT, "iv and wrap_type" },
		{ "{\"kid\":\"k\",\"wrapped_data\":\"AAAA\",\"iv\":\"AAAA\",\"wrap_type\":"
		  "\"A256GCM\"}",
			ERR_UNSUPPORTED, "an iv of 3" },
		{ "{\"wrapped_data\":\"AAAA\"}", ERR_FORMAT, "kid" },
		{ "{\"kid\":\"k\",\"wrapped_data\":\"A\"}", ERR_FORMAT, "wrapped_data" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(img_packet_done) struct img_packet p = { 0 };
		print_message("%s\n", cases[i].text);
		struct err e = img_packet_parse(bytes_str(cases[i].text), &p);
		assert_int_equal(e.code, cases[i].code);
		if (cases[i].error)
			assert_err_text(cases[i].error);
	}
}

static void test_packet_list(void **state)
{
	struct json_pair pairs[] = {
		{ (char[]){ "other" }, (char[]){ "x" } },
		{ (char[]){ IMG_ENC_KEYS_PREFIX "some-name" }, (char[]){ "QUI=,QUJD" } },
	};
	struct json_map map = { .v = pairs, .n = 2 };
	AUTO(img_packets_done) struct img_packets p = { 0 };
	(void)state;

	assert_ok(img_packets_of(&map, &p));
	assert_int_equal(p.n, 2);
	assert_bytes_equal(buf_bytes(&p.v[0]), bytes_str("AB"));
	assert_bytes_equal(buf_bytes(&p.v[1]), bytes_str("ABC"));
	img_packets_done(&p);
	pairs[1].value = (char[]){ "QUI=,*" };
	assert_err(img_packets_of(&map, &p), ERR_FORMAT);
	map.n = 1;
	assert_err(img_packets_of(&map, &p), ERR_NOT_FOUND);
}

static void test_private_options(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"{\"symkey\":1}",
		"{\"symkey\":\"AAAA\",\"digest\":\"\",\"cipheroptions\":{\"nonce\":\"\"}}",
		"{\"symkey\":\"1jL2jJV0Oyz2nmPkLtqulW6cKcpIUN5FpILcVnP5Uqs=\",\"digest\":\"x\"}",
		OPTIONS "x",
		"{\"symkey\":\"A\\u0041AA\",\"digest\":\"\",\"cipheroptions\":{\"nonce\":\"\"}}",
		"{\"symkey\":\"1jL2jJV0Oyz2nmPkLtqulW6cKcpIUN5FpILcVnP5Uqs=\","
		"\"symkey\":\"1jL2jJV0Oyz2nmPkLtqulW6cKcpIUN5FpILcVnP5Uqs=\",\"digest\":\"x\","
		"\"cipheroptions\":{\"nonce\":\"r10F9oaCu+nWFXfod3l83g==\"}}",
	};
	AUTO(img_layer_key_done) struct img_layer_key k = { 0 };
	AUTO(secret_freep) struct secret *printed = NULL;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		print_message("%s\n", bad[i]);
		assert_err(parse_key(NULL, bytes_str(bad[i])), ERR_FORMAT);
	}
	each_prefix(bytes_str(OPTIONS), parse_key, NULL);
	each_flip_survives(bytes_str(OPTIONS), parse_key, NULL);
	assert_ok(parse_key(NULL, bytes_str(" { \"other\" : \"x\", \"symkey\" : "
					    "\"1jL2jJV0Oyz2nmPkLtqulW6cKcpIUN5FpILcVnP5Uqs=\",\n"
					    "\"digest\":\"\",\"cipheroptions\":{\"nonce\":"
					    "\"r10F9oaCu+nWFXfod3l83g==\"} } \n")));
	assert_ok(img_layer_key_parse(bytes_str(OPTIONS), &k));
	assert_ok(img_layer_key_print(&k,
		"sha256:c042019eb661695df218d05006eb384ff769af56f348a624d18ba08b724ade05",
		&printed));
	assert_bytes_equal(secret_bytes(printed), bytes_str(OPTIONS));
}

static RESULT parse_pubopts(const char *json)
{
	AUTO(buf_done) struct buf text = BUF_INIT(4096);
	struct img_pubopts p;

	base64_encode(BASE64_STD, bytes_str(json), &text);
	return img_pubopts_parse(buf_cstr(&text), &p);
}

static void test_public_options(void **state)
{
	AUTO(buf_done) struct buf text = BUF_INIT(4096);
	uint8_t hmac[32] = { 1, 2, 3 };
	struct img_pubopts p;
	(void)state;

	assert_ok(img_pubopts_print(hmac, &text));
	assert_ok(img_pubopts_parse(buf_cstr(&text), &p));
	assert_memory_equal(p.hmac, hmac, sizeof(hmac));
	assert_false(p.has_nonce);
	assert_err(parse_pubopts("{\"cipher\":\"NONE\",\"hmac\":\"\",\"cipheroptions\":{}}"),
		ERR_UNSUPPORTED);
	assert_err(parse_pubopts("{\"cipher\":\"" IMG_ENC_CIPHER "\",\"hmac\":\"\"}"), ERR_FORMAT);
	assert_err_text("hmac of 0 bytes");
	assert_err(parse_pubopts("{\"cipher\":\"" IMG_ENC_CIPHER "\"}"), ERR_FORMAT);
	assert_err(img_pubopts_parse("*", &p), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layer_cipher),
		cmocka_unit_test(test_counter_wrap),
		cmocka_unit_test(test_packet),
		cmocka_unit_test(test_packet_round),
		cmocka_unit_test(test_packet_forms),
		cmocka_unit_test(test_packet_list),
		cmocka_unit_test(test_private_options),
		cmocka_unit_test(test_public_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
