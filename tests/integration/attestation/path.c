#include "path.h"

#include "util.h"

#include <base/encode.h>

enum {
	CERT_MAX = 8192
};

void path_trust(struct path *p, const struct x509 *root)
{
	AUTO(buf_done) struct buf der = BUF_INIT(CERT_MAX);

	assert_ok(x509_der(root, &der));
	buf_puts(&p->vendor_pem, "-----BEGIN CERTIFICATE-----\n");
	base64_encode(BASE64_STD, buf_bytes(&der), &p->vendor_pem);
	buf_puts(&p->vendor_pem, "\n-----END CERTIFICATE-----\n");
	p->roots.vendor = buf_bytes(&p->vendor_pem);
}
