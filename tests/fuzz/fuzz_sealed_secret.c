#include <stdint.h>

#include <keybroker-client/sealed_secret.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(sealed_secret_done) struct sealed_secret s = { 0 };

	if (!failed(sealed_secret_parse(bytes_of(data, size), &s)))
		err_ignore(sealed_secret_verify(&s, buf_bytes(&s.jws.payload)));
	return 0;
}
