/* The verdict over an answer to an attestation request. */
#include "platforms.h"
#include "s390-se/se.h"

#include <stdio.h>

#include <base/encode.h>
#include <base/reader.h>

enum {
	FIELD_MAX = 64 * 1024,
	REPORT_DATA = 64, /* the digest of the runtime data, SHA-512 */
};

/* What either form of evidence comes to. */
struct evidence {
	struct buf own[7]; /* decoded members of JSON; the views below point there */
	struct se_measured measured;
	struct bytes measurement;
	uint64_t flags;
	struct secret *key; /* measurement key; NULL: it could not be had */
	uint8_t nonce[SE_NONCE_SIZE];
};

static void evidence_done(struct evidence *e)
{
	for (size_t i = 0; i < ARRAY_LEN(e->own); i++)
		buf_done(&e->own[i]);
	secret_free(e->key);
	bytes_wipe(e->nonce, sizeof(e->nonce));
}

/* ---- the image's header ---- */

static RESULT take_header(const struct tee_verify_input *in, struct se_header *h, bool *ret_given)
{
	struct err e = se_header_part(in, h);

	*ret_given = !failed(e);
	return e.code == ERR_NOT_FOUND && tee_part(in, "se-header").n == 0 ? OK : e;
}

static void tags_of(const struct se_header *h, struct se_measured *m)
{
	m->pld = h->pld;
	m->ald = h->ald;
	m->tld = h->tld;
	m->tag = h->tag;
}

static RESULT split_tags(struct bytes tags, struct se_measured *m)
{
	struct reader r = rd_of(tags);

	m->pld = rd_take(&r, SE_PAGE_DIGEST);
	m->ald = rd_take(&r, SE_PAGE_DIGEST);
	m->tld = rd_take(&r, SE_PAGE_DIGEST);
	m->tag = rd_take(&r, SE_TAG_SIZE);
	return rd_end(&r, "image_hdr_tags");
}

/* The evidence names the image; only the header at hand says which one is meant. */
static void check_header(
	const struct se_measured *m, const struct se_header *h, bool given, struct checks *c)
{
	if (!given) {
		check_skip(c, "image: header", "no image header given to compare with");
		return;
	}
	(void)check_bytes(c, DENY_SE_HEADER, "image: page list digest", h->pld, m->pld);
	(void)check_bytes(c, DENY_SE_HEADER, "image: address list digest", h->ald, m->ald);
	(void)check_bytes(c, DENY_SE_HEADER, "image: tweak list digest", h->tld, m->tld);
	(void)check_bytes(c, DENY_SE_HEADER, "image: header tag", h->tag, m->tag);
}

/* ---- Trustee's JSON ---- */

static RESULT take_base64(
	const struct json *j, const char *name, struct buf *own, struct bytes *ret)
{
	const char *text;

	TRY(json_need_string(j, name, &text));
	*own = BUF_INIT(FIELD_MAX);
	TRY(base64_decode(BASE64_STD, bytes_str(text), name, own));
	TRY(buf_end(own, name));
	*ret = buf_bytes(own);
	return OK;
}

static RESULT unwrap(
	const struct key *own, struct bytes cipher, struct bytes nonce_cipher, struct evidence *e)
{
	AUTO(secret_freep) struct secret *nonce = NULL;

	TRY(key_pkcs1_decrypt(own, nonce_cipher, SE_NONCE_SIZE, &nonce));
	TRY(key_pkcs1_decrypt(own, cipher, SE_MEASUREMENT_KEY, &e->key));
	struct reader r = rd_of(secret_bytes(nonce));
	rd_copy(&r, e->nonce, sizeof(e->nonce));
	e->measured.nonce = BYTES_OF(e->nonce);
	return OK;
}

/* Anybody can wrap a key of his own for a public key, or send along an older one: what counts is
 * what this session asked with. */
static RESULT take_session(struct bytes state, struct bytes key, struct bytes nonce,
	struct bytes tags, struct evidence *e, struct checks *c)
{
	struct se_challenge s;

	TRY(se_challenge_parse(state, &s));
	struct err x = secret_of(BYTES_OF(s.measurement_key), &e->key);
	bytes_wipe(s.measurement_key, sizeof(s.measurement_key));
	TRY(x);
	memcpy(e->nonce, s.nonce, sizeof(e->nonce));
	e->measured.nonce = BYTES_OF(e->nonce);
	(void)check_that(c,
		bytes_equal(key, BYTES_OF(s.key_handle)) &&
			bytes_equal(nonce, BYTES_OF(s.nonce_handle)),
		DENY_SE_REQUEST_KEY, "request: of this session", "what the challenge said",
		"other values");
	(void)check_bytes(
		c, DENY_SE_HEADER, "image: that of the challenge", BYTES_OF(s.tags), tags);
	return OK;
}

static RESULT take_wrapped(struct bytes pem, struct bytes key, struct bytes nonce,
	struct evidence *e, struct checks *c)
{
	AUTO(key_freep) struct key *own = NULL;

	if (pem.n == 0) {
		check_fail(c, DENY_SE_REQUEST_KEY, "measurement key",
			"the key that the request's secrets are wrapped by", "none given");
		return OK;
	}
	TRY(key_parse_private(pem, &own));
	(void)check_result(
		c, unwrap(own, key, nonce, e), DENY_SE_REQUEST_KEY, "measurement key: unwrapped");
	return OK;
}

static RESULT read_json(const struct tee_verify_input *in, struct evidence *e, struct checks *c)
{
	const struct json *j = in->evidence;
	struct bytes key, nonce, tags;
	const struct {
		const char *name;
		struct bytes *to;
	} members[] = {
		{ "measurement", &e->measurement },
		{ "additional_data", &e->measured.additional },
		{ "user_data", &e->measured.user_data },
		{ "cuid", &e->measured.cuid },
		{ "encr_measurement_key", &key },
		{ "encr_request_nonce", &nonce },
		{ "image_hdr_tags", &tags },
	};

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		TRY(take_base64(j, members[i].name, &e->own[i], members[i].to));
	TRY(split_tags(tags, &e->measured));
	e->flags = SE_TRUSTEE_FLAGS;
	if (in->state.n > 0)
		return take_session(in->state, key, nonce, tags, e, c);
	return take_wrapped(tee_part(in, "se-key"), key, nonce, e, c);
}

/* ---- pvattest's file ---- */

/* 32 bytes, or their hex. */
static RESULT protection_key(struct bytes part, uint8_t to[static SE_KEY_SIZE])
{
	while (part.n > SE_KEY_SIZE && (part.p[part.n - 1] == '\n' || part.p[part.n - 1] == ' '))
		part.n--;
	if (part.n == SE_KEY_SIZE) {
		struct reader r = rd_of(part);
		rd_copy(&r, to, SE_KEY_SIZE);
		return OK;
	}
	return hex_decode_fixed(part, "request-key", to, SE_KEY_SIZE);
}

static RESULT open_request(
	const struct se_request *q, struct bytes part, struct evidence *e, struct checks *c)
{
	AUTO(se_request_secrets_done) struct se_request_secrets s = { 0 };
	uint8_t key[SE_KEY_SIZE];

	TRY(protection_key(part, key));
	struct err opened = se_request_open(q, BYTES_OF(key), &s);
	bytes_wipe(key, sizeof(key));
	if (!check_result(c, opened, DENY_SE_REQUEST_KEY, "request: opened with its key"))
		return OK;
	e->key = s.measurement_key;
	s.measurement_key = NULL;
	memcpy(e->nonce, s.nonce, sizeof(e->nonce));
	if (s.has_nonce)
		e->measured.nonce = BYTES_OF(e->nonce);
	return OK;
}

static RESULT read_exchange(const struct tee_verify_input *in, struct evidence *e, struct checks *c)
{
	struct bytes key = tee_part(in, "request-key");
	struct se_exchange x;
	struct se_request q;

	TRY(se_exchange_parse(in->raw, &x));
	if (x.arcb.n == 0 || x.measurement.n == 0 || x.cuid.n == 0)
		return err_new(ERR_FORMAT, "exchange file: %s is missing",
			x.arcb.n == 0	       ? "the request at 0x18"
			: x.measurement.n == 0 ? "the measurement at 0x20: not answered yet"
					       : "the configuration unique id at 0x38");
	TRY(se_request_parse(x.arcb, &q));
	e->measurement = x.measurement;
	e->measured.cuid = x.cuid;
	e->measured.user_data = x.user_data;
	e->measured.additional = x.additional;
	e->flags = q.flags;
	if (key.n == 0) {
		check_fail(c, DENY_SE_REQUEST_KEY, "measurement key", "the request's key",
			"none given");
		return OK;
	}
	return open_request(&q, key, e, c);
}

/* ---- rows of either form ---- */

static RESULT check_measurement(const struct evidence *e, struct checks *c)
{
	static const char what[] = "measurement: HMAC by the ultravisor";
	struct digest_value want;

	if (!e->key) {
		check_skip(c, what, "without the measurement key");
		return OK;
	}
	if (e->measured.pld.n == 0) {
		check_fail(c, DENY_SE_HEADER, what, "the image's header", "none given");
		return OK;
	}
	TRY(se_measure(&e->measured, secret_bytes(e->key), &want));
	/* What it should have been would let a forger in: only that it is another is told. */
	if (bytes_equal(digest_bytes(&want), e->measurement))
		check_pass(c, what, NULL);
	else
		check_fail(c, DENY_SE_MEASUREMENT, what,
			"that of this image, request and user data", "another");
	return OK;
}

/*
 * The launch binds no initdata; a guest that is measured itself says behind the runtime data which
 * it runs with. A host that exchanges it cannot do so unseen then.
 */
static void check_initdata(const struct tee_verify_input *in, struct bytes user_data,
	uint8_t *expected, struct checks *c)
{
	if (in->initdata_digest.n == 0)
		return;
	if (user_data.n > REPORT_DATA && in->report_data.n <= REPORT_DATA) {
		tee_fit_digest(
			in->initdata_digest, expected + REPORT_DATA, user_data.n - REPORT_DATA);
		(void)check_bytes(c, DENY_INITDATA_MISMATCH, "initdata",
			bytes_of(expected + REPORT_DATA, user_data.n - REPORT_DATA),
			bytes_of(user_data.p + REPORT_DATA, user_data.n - REPORT_DATA));
	} else {
		check_fail(c, DENY_INITDATA_MISMATCH, "initdata",
			"its digest behind the runtime data", "none: nothing binds it");
	}
}

static void check_bound(
	const struct tee_verify_input *in, const struct evidence *e, struct checks *c)
{
	uint8_t data[SE_USER_DATA_MAX] = { 0 };
	size_t n = e->measured.user_data.n;

	if (n > sizeof(data))
		return; /* the measurement has failed for that already */
	tee_fit_digest(in->report_data, data, n);
	check_initdata(in, e->measured.user_data, data, c);
	if (in->report_data.n == 0) {
		check_skip(c, "user data", "no value given to compare with");
	} else if (in->report_data.n > n) {
		check_fail(c, DENY_EVIDENCE_REPORT_DATA, "user data", "as long as what was given",
			"shorter");
	} else {
		(void)check_bytes(c, DENY_EVIDENCE_REPORT_DATA, "user data", bytes_of(data, n),
			e->measured.user_data);
	}
	(void)check_bytes_if_given(
		c, DENY_MEASUREMENT, "image: tag", tee_policy_of(in)->measurement, e->measured.tag);
}

static size_t failures(const struct checks *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->v[i].verdict == CHECK_FAILED;
	return n;
}

struct hosts { /* PHKHs of host keys whose documents were found good */
	uint8_t phkh[SE_SLOTS_MAX][SE_PHKH_SIZE];
	size_t n;
	bool given;
};

/* A broker's store has documents of many hosts, old ones too: there only the good ones count, and
 * the request was made for no others. A person is told what is wrong with those he gave. */
static RESULT check_hkd(const struct tee_verify_input *in, const struct x509 *cert,
	struct checks *c, bool *ret_good)
{
	AUTO(checks_freep) struct checks *apart = NULL;
	size_t before = failures(c);

	if (in->state.n > 0) {
		TRY(checks_new(&apart));
		TRY(se_check_hkd(in, cert, apart));
		*ret_good = !failed(checks_end(apart));
		return OK;
	}
	TRY(se_check_hkd(in, cert, c));
	*ret_good = failures(c) == before;
	return OK;
}

static RESULT check_documents(
	const struct tee_verify_input *in, struct checks *c, struct hosts *hosts)
{
	for (size_t i = 0; in->collateral && i < in->collateral->n; i++) {
		const struct x509 *cert = in->collateral->v[i]->cert;
		AUTO(key_freep) struct key *key = NULL;
		bool good = false;
		if (!cert || !se_is_hkd(cert) || hosts->n == SE_SLOTS_MAX)
			continue;
		hosts->given = true;
		TRY(check_hkd(in, cert, c, &good));
		if (!good)
			continue;
		TRY(x509_public_key(cert, &key));
		TRY(se_phkh(key, hosts->phkh[hosts->n++]));
	}
	return OK;
}

static void check_host(
	const struct hosts *hosts, const char *what, struct bytes phkh, struct checks *c)
{
	char got[2 * SE_PHKH_SIZE + 1];
	bool found = false;

	if (phkh.n == 0 || !hosts->given) {
		check_skip(c, what,
			phkh.n == 0 ? "the request does not ask for it"
				    : "no host key document given to compare with");
		return;
	}
	for (size_t i = 0; i < hosts->n; i++)
		found = found || bytes_equal(BYTES_OF(hosts->phkh[i]), phkh);
	hex_to(phkh, got);
	(void)check_that(c, found, DENY_SE_HOST_KEY, what, "a verified host key document's", got);
}

static void add_claims(const struct tee_verify_input *in, const struct evidence *e,
	const struct se_additional *a, struct claims *c)
{
	const struct {
		const char *name;
		struct bytes v;
	} hex[] = {
		{ "se.cuid", e->measured.cuid },
		{ "se.tag", e->measured.tag },
		{ "se.pld", e->measured.pld },
		{ "se.ald", e->measured.ald },
		{ "se.tld", e->measured.tld },
		{ "se.user_data", e->measured.user_data },
		{ "se.image_phkh", a->image_phkh },
		{ "se.attestation_phkh", a->attestation_phkh },
		{ "se.secret_store_hash", a->secret_store_hash },
		{ "se.firmware_state", a->firmware_state },
	};

	for (size_t i = 0; i < ARRAY_LEN(hex); i++)
		if (hex[i].v.n > 0)
			claims_hex(c, hex[i].name, hex[i].v);
	claims_u64(c, "se.version", 1);
	claims_flag(c, "se", "simulated", false);
	claims_flag(c, "se", "debug", false);
	if (e->measured.user_data.n > REPORT_DATA)
		claims_hex(c, "init_data",
			tee_initdata_shown(in, bytes_of(e->measured.user_data.p + REPORT_DATA,
						       e->measured.user_data.n - REPORT_DATA)));
	claims_hex(c, "report_data", e->measured.user_data);
}

static RESULT check_all(const struct tee_verify_input *in, struct evidence *e, struct checks *c,
	struct se_additional *ret_additional)
{
	struct se_header header = { 0 };
	struct hosts hosts = { 0 };
	bool given;

	TRY(take_header(in, &header, &given));
	TRY(in->evidence ? read_json(in, e, c) : read_exchange(in, e, c));
	if (!in->evidence && given)
		tags_of(&header, &e->measured);
	else if (in->evidence)
		check_header(&e->measured, &header, given, c);
	TRY(se_additional_parse(e->measured.additional, e->flags, ret_additional));
	TRY(check_measurement(e, c));
	check_bound(in, e, c);
	TRY(check_documents(in, c, &hosts));
	check_host(&hosts, "image: encrypted for this host", ret_additional->image_phkh, c);
	check_host(&hosts, "request: answered by this host", ret_additional->attestation_phkh, c);
	return OK;
}

static RESULT se_verify(
	const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims)
{
	AUTO(evidence_done) struct evidence e = { 0 };
	AUTO(claims_done) struct claims claims = { 0 };
	struct se_additional additional;

	TRY(check_all(in, &e, checks, &additional));
	TRY(checks_end(checks));
	add_claims(in, &e, &additional, &claims);
	return claims_take(&claims, ret_claims);
}

static bool se_recognise(const struct tee_verify_input *in)
{
	static const char exchange[] = "pvattest";

	if (in->evidence)
		return json_get(in->evidence, "image_hdr_tags") && json_get(in->evidence, "cuid");
	return in->raw.n > strlen(exchange) &&
	       bytes_equal(bytes_of(in->raw.p, strlen(exchange)), bytes_str(exchange));
}

static const struct tee_verify_ops se_verify_ops = {
	.challenge = se_select_digest,
	.nonce = se_nonce,
	.verify = se_verify,
	.recognise = se_recognise,
};

const struct tee tee_se = {
	.platform = "se",
	.kbs_name = "se",
	.verify = &se_verify_ops,
	.challenge_in_nonce = true,
	.runtime_digest = DIGEST_SHA512,
};
