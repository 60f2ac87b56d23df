/*
 * SEV and SEV-ES: a platform is judged by its chain of certificates, a launch by the measurement
 * that its firmware made with a key which only that platform could know (AMD 55766, 6.5.1). Both
 * before the guest gets its secret: it can bind nothing itself.
 */
#include "platforms.h"
#include "sev/sev_evidence.h"

#include <stdio.h>

#include <tee/denials.h>

enum {
	MEASURE_CONTEXT = 4, /* first octet of what is measured */
	ROW_MAX = 64,
};

/* Borrowed: the evidence's and the collateral's. */
struct known {
	struct sev_cert v[2 * SEV_CERTS_MAX];
	size_t n;
};

static void gather(
	const struct tee_verify_input *in, const struct sev_evidence *e, struct known *ret)
{
	for (size_t i = 0; i < e->n_certs; i++)
		ret->v[ret->n++] = e->certs[i];
	for (size_t i = 0; in->collateral && i < in->collateral->n; i++) {
		const struct collateral_item *item = in->collateral->v[i];
		struct sev_cert c;
		struct bytes rest;
		if (item->kind == COLLATERAL_SEV_CERT && ret->n < ARRAY_LEN(ret->v) &&
			!failed(sev_cert_parse(buf_bytes(&item->bytes), &c, &rest)))
			ret->v[ret->n++] = c;
	}
}

/* Of several of that usage (ASKs of product lines) the one that signed `of`; else the first. */
static const struct sev_cert *find(const struct known *k, uint32_t usage, const struct sev_cert *of)
{
	const struct sev_cert *first = NULL;

	for (size_t i = 0; i < k->n; i++) {
		if (k->v[i].usage != usage)
			continue;
		if (of && !failed(sev_cert_signed_by(of, &k->v[i])))
			return &k->v[i];
		first = first ? first : &k->v[i];
	}
	return first;
}

/* ---- chain ---- */

/* One link, and the certificate above; NULL when that is missing. */
static const struct sev_cert *check_link(
	const struct known *k, const struct sev_cert *cert, uint32_t usage, struct checks *c)
{
	const struct sev_cert *issuer = find(k, usage, cert);
	char what[ROW_MAX];

	(void)snprintf(what, sizeof(what), "%s: signed by the %s", sev_usage_name(cert->usage),
		sev_usage_name(usage));
	if (!issuer)
		check_fail(c, DENY_COLLATERAL_MISSING, what, sev_usage_name(usage), "none at hand");
	else
		(void)check_result(c, sev_cert_signed_by(cert, issuer), DENY_SEV_SIGNATURE, what);
	return issuer;
}

/* The operator's roots replace AMD's. */
static const char *root_of(const struct tee_anchors *a, struct bytes ark)
{
	bool replaced = false;

	for (size_t i = 0; a && i < a->n_vendor_other; i++) {
		if (!sev_cert_is(a->vendor_other[i]))
			continue;
		replaced = true;
		if (bytes_equal(a->vendor_other[i], ark))
			return "the root given";
	}
	return replaced ? NULL : sev_root_product(ark);
}

static void check_root(const struct tee_verify_input *in, const struct sev_cert *ark,
	struct checks *c, const char **ret_product)
{
	const char *product = root_of(in->anchors, ark->raw);

	(void)check_result(c, sev_cert_signed_by(ark, ark), DENY_SEV_SIGNATURE, "ARK: self-signed");
	(void)check_that(c, product != NULL, DENY_SEV_CHAIN, "ARK: trusted", "a root of AMD",
		product ? product : "another");
	*ret_product = product;
}

static void check_chain(const struct tee_verify_input *in, const struct known *k, struct checks *c,
	const char **ret_product)
{
	const struct sev_cert *pdh = find(k, SEV_PDH, NULL);
	const struct sev_cert *pek = pdh ? check_link(k, pdh, SEV_PEK, c) : NULL;
	const struct sev_cert *oca = pek ? check_link(k, pek, SEV_OCA, c) : NULL;
	const struct sev_cert *cek = pek ? check_link(k, pek, SEV_CEK, c) : NULL;
	const struct sev_cert *ask = cek ? check_link(k, cek, SEV_ASK, c) : NULL;
	const struct sev_cert *ark = ask ? check_link(k, ask, SEV_ARK, c) : NULL;

	if (!pdh)
		check_fail(c, DENY_COLLATERAL_MISSING, "platform's chain", "PDH", "none at hand");
	if (oca)
		(void)check_link(k, oca, SEV_OCA, c);
	if (ark)
		check_root(in, ark, c, ret_product);
}

/* ---- launch ---- */

static RESULT measure(const struct sev_evidence *e, struct bytes tik, struct bytes digest,
	struct digest_value *ret_mac)
{
	AUTO(buf_done) struct buf data = BUF_INIT(128);

	buf_u8(&data, MEASURE_CONTEXT);
	buf_u8(&data, e->api_major);
	buf_u8(&data, e->api_minor);
	buf_u8(&data, e->build);
	buf_le32(&data, e->policy);
	buf_put(&data, digest);
	buf_put(&data, BYTES_OF(e->nonce));
	TRY(buf_end(&data, "launch measurement"));
	return hmac(DIGEST_SHA256, tik, buf_bytes(&data), ret_mac);
}

static RESULT check_measure(
	const struct tee_verify_input *in, const struct sev_evidence *e, struct checks *c)
{
	static const char what[] = "launch measurement";
	struct bytes tik = tee_part(in, "tik"), digest = tee_policy_of(in)->measurement;
	struct digest_value mac;

	if (tik.n == 0 || digest.n == 0) { /* then nobody vouches for any of it */
		check_fail(c, DENY_SEV_LAUNCH, what, "transport key (tik) and launch digest",
			tik.n == 0 ? "no key given" : "no digest given");
		return OK;
	}
	if (tik.n != SEV_TIK || digest.n != SEV_DIGEST)
		return err_new(ERR_USAGE, "SEV: transport key of %d bytes and digest of %d wanted",
			SEV_TIK, SEV_DIGEST);
	TRY(measure(e, tik, digest, &mac));
	(void)check_that(c, bytes_equal(digest_bytes(&mac), BYTES_OF(e->measure)), DENY_SEV_LAUNCH,
		what, NULL, NULL);
	return OK;
}

static RESULT check_launch(
	const struct tee_verify_input *in, const struct sev_evidence *e, struct checks *c)
{
	bool nodbg = e->policy >> SEV_POLICY_NODBG & 1;
	bool allowed = tee_policy_of(in)->allow_debug;

	if (!e->launched) {
		check_skip(c, "launch measurement", "only the platform's certificates were given");
		return OK;
	}
	TRY(check_measure(in, e, c));
	(void)check_that(c, nodbg || allowed, DENY_DEBUG, "guest policy: debug",
		allowed ? "allowed by the policy" : "no", nodbg ? "no" : "yes");
	return OK;
}

/* Neither exists for SEV: asked for, they are refused. */
static void check_bound(const struct tee_verify_input *in, struct checks *c)
{
	if (in->report_data.n > 0)
		check_fail(c, DENY_EVIDENCE_REPORT_DATA, "report_data", "bound by the guest",
			"SEV guests can bind nothing");
	if (in->initdata_digest.n > 0)
		check_fail(c, DENY_INITDATA_MISMATCH, "initdata", "bound at launch",
			"SEV has no place for it");
}

/* ---- claims ---- */

static RESULT add_claims(const struct tee_verify_input *in, const struct sev_evidence *e,
	const char *product, struct claims *ret_claims)
{
	static const struct {
		const char *name;
		unsigned bit;
	} bits[] = {
		{ "sev.policy_nodbg", SEV_POLICY_NODBG },
		{ "sev.policy_noks", SEV_POLICY_NOKS },
		{ "sev.policy_es", SEV_POLICY_ES },
		{ "sev.policy_nosend", SEV_POLICY_NOSEND },
		{ "sev.policy_domain", SEV_POLICY_DOMAIN },
		{ "sev.policy_sev", SEV_POLICY_SEV },
	};
	AUTO(claims_done) struct claims c = { 0 };
	bool debug = e->launched && !(e->policy >> SEV_POLICY_NODBG & 1);

	if (product)
		claims_str(&c, "sev.product", product);
	if (e->launched) {
		claims_u64(&c, "sev.api_major", e->api_major);
		claims_u64(&c, "sev.api_minor", e->api_minor);
		claims_u64(&c, "sev.build", e->build);
		for (size_t i = 0; i < ARRAY_LEN(bits); i++)
			claims_bool(&c, bits[i].name, e->policy >> bits[i].bit & 1);
	}
	if (e->launched)
		claims_hex(&c, "sev.measurement", tee_policy_of(in)->measurement);
	claims_flag(&c, "sev", "debug", debug);
	claims_flag(&c, "sev", "simulated", false);
	return claims_take(&c, ret_claims);
}

static RESULT sev_verify(
	const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims)
{
	AUTO(sev_evidence_done) struct sev_evidence e = { 0 };
	const char *product = NULL;
	struct known k = { 0 };

	TRY(in->evidence ? sev_evidence_json(in->evidence, &e) : sev_evidence_raw(in->raw, &e));
	gather(in, &e, &k);
	if (k.n > 0)
		check_chain(in, &k, checks, &product);
	else
		check_skip(checks, "platform's chain", "no certificates given");
	TRY(check_launch(in, &e, checks));
	check_bound(in, checks);
	TRY(checks_end(checks));
	return add_claims(in, &e, product, ret_claims);
}

static bool sev_recognise(const struct tee_verify_input *in)
{
	if (in->evidence)
		return json_get(in->evidence, "api-major") && json_get(in->evidence, "build-id") &&
		       json_get(in->evidence, "data");
	return sev_cert_is(in->raw);
}

static const struct tee_verify_ops sev_verify_ops = {
	.verify = sev_verify,
	.recognise = sev_recognise,
};

const struct tee tee_sev = {
	.platform = "sev",
	.kbs_name = "sev",
	.verify = &sev_verify_ops,
};
