#include <stdint.h>

#include <crypto/jose.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A token from the network, up to the check of its claims, and against a key that it brings. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct jwt_check check = { .now = 1300819379, .issuer = "joe", .audience = "kbs" };
	AUTO(jws_done) struct jws jws = { 0 };
	AUTO(json_freep) struct json *claims = NULL;
	AUTO(key_freep) struct key *k = NULL;

	if (failed(jws_parse(bytes_of(data, size), &jws)))
		return 0;
	if (!failed(jwk_parse(json_get(jws.header, "jwk"), &k)))
		err_ignore(jws_verify(&jws, k));
	if (!failed(json_parse(buf_bytes(&jws.payload), &claims)))
		err_ignore(jwt_check(claims, &check));
	return 0;
}
