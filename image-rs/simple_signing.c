/* GPG signatures at <lookaside>/<repository>@<algorithm>=<hex>/signature-<n>
 * (github.com/containers/image docs/signature-protocols.md). */
#include "signature.h"
#include "sigstore_config.h"

#include <base/file.h>
#include <crypto/gpg.h>
#include <net/http_client.h>

enum {
	KEYRING_MAX = 256 * 1024,
	FINGERPRINT_SIZE = 41
};

struct lookaside {
	const char *base;
	struct http_client *http; /* NULL for file:// */
};

static void lookaside_done(struct lookaside *l)
{
	http_client_freep(&l->http);
}

static RESULT fetch_http(struct http_client *http, const char *url, struct buf *out)
{
	AUTO(http_response_done) struct http_response response = { 0 };
	struct http_request q = { .method = "GET", .url = url, .max_body = SIGNATURE_MAX };

	TRY(http_do(http, &q, &response));
	if (response.status != 200)
		return err_new(response.status == 404 ? ERR_NOT_FOUND : ERR_PEER, "%s answered %d",
			url, response.status);
	buf_put(out, buf_bytes(&response.body));
	return buf_end(out, url);
}

static RESULT fetch(
	struct lookaside *l, const struct signature_check *c, size_t number, struct buf *out)
{
	const char *digest = c->digests[0], *hex = strchr(digest, ':') + 1;
	AUTO(auto_free) char *url = NULL;

	TRY(str_format(&url, "%s/%s@%.*s=%s/signature-%zu", l->base, c->image->repository,
		(int)(hex - digest - 1), digest, hex, number));
	if (l->http)
		return fetch_http(l->http, url, out);
	return file_read(url + strlen("file://"), out);
}

static RESULT check_signature(struct bytes keyring, struct bytes message,
	const struct img_rule *rule, const struct signature_check *c)
{
	AUTO(buf_done) struct buf payload = BUF_INIT(SIGNATURE_MAX);
	char fingerprint[FINGERPRINT_SIZE];
	struct err e = gpg_verify(keyring, message, &payload, fingerprint);

	if (e.code == ERR_UNVERIFIED)
		return err_deny(ERR_UNVERIFIED, "image.signature-key", "signature",
			"one by a key of the policy", err_text());
	TRY(e);
	return signature_payload_check(buf_bytes(&payload), "atomic container signature", rule, c);
}

static RESULT find_lookaside(
	const struct sigstore_config *config, const struct signature_check *c, struct lookaside *l)
{
	struct http_client_config http = { .ca_pem = c->ca_pem, .user_agent = "sealpod" };

	TRY(sigstore_config_find(config, c->image, &l->base));
	if (!l->base)
		return err_new(ERR_UNVERIFIED, "the sigstore configuration has no place for this "
					       "image's signatures");
	return str_starts(l->base, "file://") ? OK : http_client_new(&http, &l->http);
}

static RESULT check_all(struct lookaside *l, struct bytes keyring, const struct img_rule *rule,
	const struct signature_check *c)
{
	struct signature_verdict verdict = { 0 };

	for (size_t i = 1; i <= SIGNATURES_MAX; i++) {
		AUTO(buf_done) struct buf message = BUF_INIT(SIGNATURE_MAX);
		struct err e = fetch(l, c, i, &message);
		if (e.code == ERR_NOT_FOUND)
			break;
		TRY(e);
		e = check_signature(keyring, buf_bytes(&message), rule, c);
		if (!failed(e))
			return OK;
		signature_note(&verdict, e);
	}
	return signature_refuse(&verdict, c, "a GPG signature");
}

RESULT simple_signing_check(const struct img_rule *rule, const struct signature_check *c)
{
	AUTO(buf_done) struct buf keyring = BUF_INIT(KEYRING_MAX);
	AUTO(sigstore_config_done) struct sigstore_config config = { 0 };
	AUTO(lookaside_done) struct lookaside l = { 0 };

	if (c->sigstore_config.n == 0)
		return err_new(ERR_UNVERIFIED, "Simple Signing Sigstore Config not set");
	TRY(sigstore_config_parse(c->sigstore_config, &config));
	TRY(find_lookaside(&config, c, &l));
	TRY(signature_key_bytes(rule, false, c, &keyring));
	return check_all(&l, buf_bytes(&keyring), rule, c);
}
