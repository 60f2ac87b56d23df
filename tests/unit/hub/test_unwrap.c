#include "hub.h"
#include "util.h"

#include <string.h>

/* The broker of these tests: one key of the bytes 00..1f, one that is too short. */
RESULT hub_resource(struct hub *h, const char *uri, struct secret **ret_resource)
{
	uint8_t key[32];

	(void)h;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	if (str_equal(uri, "kbs:///default/key/short"))
		return secret_of(bytes_of(key, 16), ret_resource);
	if (!str_equal(uri, "kbs:///default/key/good"))
		return err_deny(ERR_DENIED, "policy.no-rule", "resource", "a rule for it", uri);
	return secret_of(BYTES_OF(key), ret_resource);
}

/*= guest-components 8.3 item 3: KEK 00..1f, iv 00..0b */
#define IV "AAECAwQFBgcICQoL"
#define WRAPPED                                                                                    \
	"PCClYqiOp2Kve7W626VKB8mAt3uJAW0SVTeOyWkYdd5WJs23zLFbzTqROZ3By0tugAlV2CulnvgTtU5wf4aGmtI"  \
	"G5Am7sBRUKm7JXtu9PtkB76tUQFJlUciZ+P5JyN29/shp0MEj+yKqeliFfkxAGY9RBJjX/USsf8sz/LqEDz6DMDf" \
	"0gLavNjjUao0fuSWyXpGRWkVl+iXiLMpNgfCHgf30+zfT3b5PlyXklb7D85DzmYx67cQXjwnn86BM+JWObpHUyLB" \
	"7HClbfwSGrgiyJgU="
#define PLAIN                                                                                      \
	"{\"symkey\":\"1jL2jJV0Oyz2nmPkLtqulW6cKcpIUN5FpILcVnP5Uqs=\",\"digest\":\"sha256:"        \
	"c042019eb661695df218d05006eb384ff769af56f348a624d18ba08b724ade05\",\"cipheroptions\":"    \
	"{\"nonce\":\"r10F9oaCu+nWFXfod3l83g==\"}}"
#define PACKET(kid, more)                                                                          \
	"{\"kid\":\"kbs:///default/key/" kid "\",\"wrapped_data\":\"" WRAPPED "\",\"iv\":\"" IV    \
	"\"" more "}"

static struct err unwrap(void *arg, struct bytes in)
{
	AUTO(secret_freep) struct secret *options = NULL;

	(void)arg;
	return hub_unwrap(NULL, in, &options);
}

static void test_v1_vector(void **state)
{
	static const char *const packets[] = {
		PACKET("good", ",\"wrap_type\":\"A256GCM\""),
		PACKET("good", ""),
		PACKET("good",
			",\"version\":\"0.1.0\",\"provider\":\"kbs\",\"provider_settings\":{},"
			"\"annotations\":{},\"wrap_type\":\"A256GCM\""),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		AUTO(secret_freep) struct secret *options = NULL;
		assert_ok(hub_unwrap(NULL, bytes_str(packets[i]), &options));
		assert_bytes_equal(secret_bytes(options), bytes_str(PLAIN));
	}
	each_prefix(bytes_str(packets[0]), unwrap, NULL);
	each_flip_survives(bytes_str(packets[0]), unwrap, NULL);
}

static void test_refused(void **state)
{
	static const struct {
		const char *packet;
		enum err_code code;
		const char *says;
	} table[] = {
		{ PACKET("other", ""), ERR_DENIED, "policy.no-rule" },
		{ PACKET("short", ""), ERR_FORMAT, "16 bytes" },
		{ PACKET("good", ",\"wrap_type\":\"ROT13\""), ERR_UNSUPPORTED, "ROT13" },
		{ PACKET("good", ",\"provider\":\"aws\""), ERR_UNSUPPORTED, "aws" },
		{ PACKET("good", ",\"wrap_type\":\"A256CTR\""), ERR_FORMAT, "16-byte iv" },
		{ "{\"kid\":\"kbs:///default/key/good\",\"wrapped_data\":\"AAAA\",\"iv\":\"" IV
		  "\"}",
			ERR_FORMAT, "tag" },
		{ "{\"kid\":\"kbs:///default/key/good\",\"wrapped_data\":"
		  "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"iv\":\"" IV "\"}",
			ERR_UNVERIFIED, "kbs:///default/key/good" },
		{ "{\"wrapped_data\":\"AAAA\"}", ERR_FORMAT, "kid" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		assert_err(unwrap(NULL, bytes_str(table[i].packet)), table[i].code);
		assert_err_text(table[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v1_vector),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
