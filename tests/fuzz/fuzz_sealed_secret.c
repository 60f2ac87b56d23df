/* A sealed secret as text; or, when it begins with '{', its header, its payload and a broker's key
 * for it, each but the last ended by a zero: what is encoded gets its share then. */
#include <stdint.h>
#include <string.h>

#include <base/encode.h>
#include <keybroker-client/sealed_secret.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	TEXT_MAX = 64 * 1024,
	SIGNATURE_SIZE = 64
};

static struct bytes part(struct bytes *in)
{
	const uint8_t *end = in->n ? memchr(in->p, 0, in->n) : NULL;
	struct bytes first = bytes_of(in->p, end ? (size_t)(end - in->p) : in->n);
	size_t skip = first.n + (end ? 1 : 0);

	*in = bytes_of(in->p + skip, in->n - skip);
	return first;
}

static void try_text(struct bytes text, struct bytes key)
{
	AUTO(sealed_secret_done) struct sealed_secret s = { 0 };

	if (!failed(sealed_secret_parse(text, &s)))
		err_ignore(sealed_secret_verify(&s, key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t signature[SIGNATURE_SIZE] = { 1 };
	AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
	struct bytes in = bytes_of(data, size);

	if (size == 0 || data[0] != '{') {
		try_text(in, in);
		return 0;
	}
	buf_puts(&text, "sealed.");
	base64_encode(BASE64_URL_NO_PAD, part(&in), &text);
	buf_puts(&text, ".");
	base64_encode(BASE64_URL_NO_PAD, part(&in), &text);
	buf_puts(&text, ".");
	base64_encode(BASE64_URL_NO_PAD, BYTES_OF(signature), &text);
	try_text(buf_bytes(&text), in);
	return 0;
}
