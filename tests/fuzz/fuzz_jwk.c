#include <stdint.h>
#include <stdlib.h>

#include <crypto/jose.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	PRINTED_MAX = 8192
};

/* What was accepted must print, and parse to the same key again. */
static void round_trip(const struct key *k)
{
	AUTO(buf_done) struct buf text = BUF_INIT(PRINTED_MAX);
	AUTO(json_freep) struct json *j = NULL;
	AUTO(key_freep) struct key *again = NULL;

	if (failed(jwk_print(k, "ES256", &text)) || failed(json_parse(buf_bytes(&text), &j)) ||
		failed(jwk_parse(j, &again)) || !key_equal(k, again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(json_freep) struct json *j = NULL;
	AUTO(key_freep) struct key *k = NULL;

	if (!failed(json_parse(bytes_of(data, size), &j)) && !failed(jwk_parse(j, &k)))
		round_trip(k);
	return 0;
}
