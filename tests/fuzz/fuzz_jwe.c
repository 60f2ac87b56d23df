#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <crypto/jose.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The key of the unit tests' guest, so that the corpus gets through to the content. */
static const struct key *guest(void)
{
	static struct key *k;
	uint8_t scalar[32];

	memset(scalar, 0x11, sizeof(scalar));
	if (!k && failed(key_from_ec_scalar(KEY_P256, BYTES_OF(scalar), &k)))
		abort();
	return k;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(secret_freep) struct secret *plain = NULL;

	err_ignore(jwe_open(guest(), bytes_of(data, size), &plain));
	return 0;
}
