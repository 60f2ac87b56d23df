/*
 * The challenge of a broker: an attestation request that only the ultravisors of verified hosts can
 * open, in the nonce as Trustee's guests expect it.
 */
#include "s390-se/se.h"

#include <strings.h>

#include <base/encode.h>
#include <base/random.h>
#include <base/reader.h>

struct hosts {
	const struct key *v[SE_SLOTS_MAX];
	struct key *own[SE_SLOTS_MAX];
	size_t n;
};

static void hosts_done(struct hosts *h)
{
	for (size_t i = 0; i < h->n; i++)
		key_free(h->own[i]);
}

RESULT se_header_part(const struct tee_verify_input *in, struct se_header *ret_header)
{
	struct bytes part = tee_part(in, "se-header"), header = part;

	if (part.n == 0)
		return err_new(ERR_NOT_FOUND, "no Secure Execution header given");
	if (part.n > SE_HEADER_MAX)
		TRY(se_header_find(part, &header));
	return se_header_parse(header, ret_header);
}

/* ---- host keys ---- */

/* `*ret_why` is why it is not good; ERR_OK: it is. */
static RESULT judge(
	const struct tee_verify_input *in, const struct x509 *hkd, struct err_saved *ret_why)
{
	AUTO(checks_freep) struct checks *c = NULL;

	TRY(checks_new(&c));
	TRY(se_check_hkd(in, hkd, c));
	err_save(checks_end(c), ret_why);
	return OK;
}

static RESULT find_hosts(const struct tee_verify_input *in, struct hosts *h)
{
	struct err_saved why = { .code = ERR_OK };
	bool any = false;

	for (size_t i = 0; in->collateral && i < in->collateral->n; i++) {
		const struct x509 *cert = in->collateral->v[i]->cert;
		if (!cert || !se_is_hkd(cert) || h->n == SE_SLOTS_MAX)
			continue;
		any = true;
		TRY(judge(in, cert, &why));
		if (why.code != ERR_OK)
			continue;
		TRY(x509_public_key(cert, &h->own[h->n]));
		h->v[h->n] = h->own[h->n];
		h->n++;
	}
	if (h->n > 0)
		return OK;
	if (any)
		return err_add(err_restore(&why), "no host key document is good");
	return err_new(ERR_UNSUPPORTED,
		"no host key document at hand: import those of the hosts, IBM's signing "
		"certificate and the revocation lists into the broker's collateral store");
}

/* ---- the request ---- */

static RESULT fill(struct se_challenge *c, const struct se_header *h)
{
	AUTO(buf_done) struct buf tags = BUF_INIT(SE_TAGS_SIZE);

	TRY(random_fill(c->measurement_key, sizeof(c->measurement_key)));
	TRY(random_fill(c->nonce, sizeof(c->nonce)));
	TRY(random_fill(c->key_handle, sizeof(c->key_handle)));
	TRY(random_fill(c->nonce_handle, sizeof(c->nonce_handle)));
	buf_put(&tags, h->pld);
	buf_put(&tags, h->ald);
	buf_put(&tags, h->tld);
	buf_put(&tags, h->tag);
	TRY(buf_end(&tags, "image header"));
	struct reader r = rd_of(buf_bytes(&tags));
	rd_copy(&r, c->tags, sizeof(c->tags));
	return rd_end(&r, "image header");
}

static RESULT make_request(
	const struct hosts *hosts, const struct se_challenge *c, struct buf *ret_request)
{
	AUTO(key_freep) struct key *customer = NULL;
	uint8_t protection_key[SE_KEY_SIZE], iv[SE_IV_SIZE];
	struct se_request_make m = {
		.hosts = hosts->v,
		.n_hosts = hosts->n,
		.flags = SE_TRUSTEE_FLAGS,
		.iv = BYTES_OF(iv),
		.protection_key = BYTES_OF(protection_key),
		.measurement_key = BYTES_OF(c->measurement_key),
		.nonce = BYTES_OF(c->nonce),
	};

	TRY(key_generate(KEY_P521, &customer));
	TRY(random_fill(iv, sizeof(iv)));
	TRY(random_fill(protection_key, sizeof(protection_key)));
	m.customer = customer;
	struct err e = se_request_make(&m, ret_request);
	bytes_wipe(protection_key, sizeof(protection_key));
	return e;
}

static RESULT put_state(const struct se_challenge *c, struct buf *out)
{
	buf_put(out, BYTES_OF(c->measurement_key));
	buf_put(out, BYTES_OF(c->nonce));
	buf_put(out, BYTES_OF(c->key_handle));
	buf_put(out, BYTES_OF(c->nonce_handle));
	buf_put(out, BYTES_OF(c->tags));
	return buf_end(out, "challenge");
}

RESULT se_challenge_parse(struct bytes state, struct se_challenge *ret_challenge)
{
	struct reader r = rd_of(state);
	struct se_challenge c = { 0 };

	rd_copy(&r, c.measurement_key, sizeof(c.measurement_key));
	rd_copy(&r, c.nonce, sizeof(c.nonce));
	rd_copy(&r, c.key_handle, sizeof(c.key_handle));
	rd_copy(&r, c.nonce_handle, sizeof(c.nonce_handle));
	rd_copy(&r, c.tags, sizeof(c.tags));
	TRY(rd_end(&r, "challenge"));
	*ret_challenge = c;
	return OK;
}

static RESULT put_nonce(struct bytes request, const struct se_challenge *c, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kbase64(&w, "request_blob", request);
	jw_ku64(&w, "measurement_size", SE_MEASUREMENT);
	jw_ku64(&w, "additional_size", SE_ADDITIONAL_SIZE);
	jw_kbase64(&w, "encr_measurement_key", BYTES_OF(c->key_handle));
	jw_kbase64(&w, "encr_request_nonce", BYTES_OF(c->nonce_handle));
	jw_kbase64(&w, "image_hdr_tags", BYTES_OF(c->tags));
	jw_object_end(&w);
	return buf_end(out, "nonce");
}

static RESULT make(const struct tee_verify_input *in, struct se_challenge *c, struct buf *nonce)
{
	AUTO(buf_done) struct buf request = BUF_INIT(SE_REQUEST_MAX);
	AUTO(hosts_done) struct hosts hosts = { 0 };
	struct se_header header = { 0 };

	struct err e = se_header_part(in, &header);
	if (e.code == ERR_NOT_FOUND)
		return err_new(ERR_UNSUPPORTED,
			"platform se: no image header: name that of the image "
			"(attestation.se_header)");
	TRY(e);
	TRY(find_hosts(in, &hosts));
	TRY(fill(c, &header));
	TRY(make_request(&hosts, c, &request));
	return put_nonce(buf_bytes(&request), c, nonce);
}

RESULT se_nonce(const struct tee_verify_input *in, struct buf *ret_nonce, struct buf *ret_state)
{
	struct se_challenge c = { 0 };
	struct err e = make(in, &c, ret_nonce);

	if (!failed(e))
		e = put_state(&c, ret_state);
	bytes_wipe(c.measurement_key, sizeof(c.measurement_key));
	return e;
}

/*= trustee 1.5: only for clients that list what they can do, and then it must be among it */
RESULT se_select_digest(const struct json *hello, const struct tee_anchors *anchors, int64_t now,
	struct json_writer *w, struct buf *ret_state)
{
	const struct json *list = json_get(hello, "supported-hash-algorithms");
	const char *want = digest_name(DIGEST_SHA512);

	(void)anchors;
	(void)now;
	(void)ret_state;
	if (!list)
		return OK;
	for (size_t i = 0; i < json_count(list); i++) {
		const char *name = json_string(json_at(list, i));
		if (name && strcasecmp(name, want) == 0) {
			jw_kstr(w, "selected-hash-algorithm", want);
			return OK;
		}
	}
	return err_new(ERR_UNSUPPORTED, "platform se needs %s, the client does not have it", want);
}
