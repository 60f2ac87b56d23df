#include "certs.h"

#include <crypto/x509.h>

struct buf cert_make(const char *name, int days)
{
	static struct key *key; /* one for all: making keys is slow */
	struct buf pem = BUF_INIT(64 * 1024);

	if (!key)
		assert_ok(key_generate(KEY_P256, &key));
	const struct x509_make m = {
		.common_name = name,
		.ca = true,
		.not_before = CERT_NOW - CERT_DAY,
		.not_after = CERT_NOW + (int64_t)days * CERT_DAY,
		.subject_key = key,
		.issuer_key = key,
	};
	assert_ok(x509_make(&m, &pem));
	return pem;
}
