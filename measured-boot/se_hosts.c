#include <measured-boot/se_hosts.h>

void se_hosts_done(struct se_hosts *h)
{
	for (size_t i = 0; i < h->n; i++)
		key_free(h->v[i]);
	*h = (struct se_hosts){ 0 };
}

static RESULT parse_document(struct bytes document, struct x509 **ret_cert)
{
	AUTO(x509_freep) struct x509 *cert = NULL;

	TRY(x509_parse_first(document, &cert));
	if (!se_is_hkd(cert))
		return err_new(ERR_FORMAT, "no host key document: its key is not one on P-521 that "
					   "another has signed");
	*ret_cert = TAKE(cert);
	return OK;
}

static RESULT verify_document(const struct tee_verify_input *in, const struct x509 *cert)
{
	AUTO(checks_freep) struct checks *checks = NULL;

	TRY(checks_new(&checks));
	TRY(se_check_hkd(in, cert, checks));
	return checks_end(checks);
}

static RESULT take_key(struct se_hosts *h, const struct x509 *cert)
{
	AUTO(key_freep) struct key *key = NULL;

	if (h->n == SE_HOSTS_MAX)
		return err_new(ERR_LIMIT, "more than %d host keys", SE_HOSTS_MAX);
	TRY(x509_public_key(cert, &key));
	for (size_t i = 0; i < h->n; i++)
		if (key_equal(h->v[i], key))
			return err_new(ERR_USAGE, "the same host key as document %zu", i + 1);
	h->v[h->n++] = TAKE(key);
	return OK;
}

static RESULT add(struct se_hosts *h, const struct tee_verify_input *in, struct bytes document)
{
	AUTO(x509_freep) struct x509 *cert = NULL;

	TRY(parse_document(document, &cert));
	if (in)
		TRY(verify_document(in, cert));
	return take_key(h, cert);
}

RESULT se_hosts_add(struct se_hosts *h, const struct tee_verify_input *in, struct bytes document,
	const char *name)
{
	struct err e = in ? add(h, in, document) : err_new(ERR_STATE, "nothing to verify by");

	return failed(e) ? err_add(e, "%s", name) : OK;
}

RESULT se_hosts_add_unverified(struct se_hosts *h, struct bytes document, const char *name)
{
	struct err e = add(h, NULL, document);

	return failed(e) ? err_add(e, "%s", name) : OK;
}
