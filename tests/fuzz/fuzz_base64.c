/* Bytes have one text: whatever is decoded must encode to what it came from. */
#include <stdlib.h>

#include <base/encode.h>
#include <base/secret.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(enum base64_kind kind, struct bytes text)
{
	AUTO(buf_done) struct buf raw = BUF_INIT(SECRET_MAX);
	AUTO(buf_done) struct buf again = BUF_INIT(2 * SECRET_MAX);
	AUTO(secret_freep) struct secret *s = NULL;
	bool good = !failed(base64_decode(kind, text, "text", &raw));
	bool secret_good = !failed(secret_from_base64(kind != BASE64_STD, text, "text", &s));

	if (secret_good != (good && raw.n > 0))
		abort();
	if (!good)
		return;
	if (s && !bytes_equal(secret_bytes(s), buf_bytes(&raw)))
		abort();
	base64_encode(kind, buf_bytes(&raw), &again);
	if (bytes_compare(buf_bytes(&again), text) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > SECRET_MAX)
		return 0;
	round_trip(BASE64_STD, bytes_of(data, size));
	round_trip(BASE64_URL_NO_PAD, bytes_of(data, size));
	return 0;
}
