#include <stdint.h>

#include <crypto/x509.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	EXTENSION_MAX = 4096
};

static void look_at(const struct x509_list *l, const struct x509 *c)
{
	AUTO(buf_done) struct buf ext = BUF_INIT(EXTENSION_MAX);
	AUTO(key_freep) struct key *k = NULL;
	char name[160];

	x509_subject(c, name, sizeof(name));
	x509_issuer(c, name, sizeof(name));
	err_ignore(x509_public_key(c, &k));
	err_ignore(x509_extension(c, "2.5.29.17", &ext));
	(void)x509_has_eku(c, "2.23.133.8.1");
	err_ignore(x509_verify(&(struct x509_verify){
		.leaf = c, .untrusted = l, .anchors = l, .now = x509_not_before(c) }));
}

/* A certificate, a chain or a revocation list that somebody sends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(x509_list_done) struct x509_list l = { 0 };
	AUTO(x509_crl_freep) struct x509_crl *crl = NULL;
	struct bytes in = bytes_of(data, size);

	err_ignore(x509_list_parse(in, &l));
	for (size_t i = 0; i < l.n; i++)
		look_at(&l, l.v[i]);
	err_ignore(x509_crl_parse(in, &crl));
	return 0;
}
