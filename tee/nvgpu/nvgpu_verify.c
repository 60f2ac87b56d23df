#include "nvgpu.h"
#include "platforms.h"

#include <stdio.h>

#include <base/encode.h>

enum {
	LABEL_SIZE = 80,
	OCTET_STRING = 0x04,
	LEAVES_MAX = 64 /* certificates tried as the device's */
};

/* One device while it is looked at. */
struct look {
	const struct tee_verify_input *in;
	struct checks *checks;
	const struct nvgpu_device *device;
	const struct spdm_report *report;
	const struct x509_list *roots;
	char prefix[24]; /* "device 3: " when there are several */
	bool simulated;
};

static const char *label(const struct look *l, const char *what, char to[static LABEL_SIZE])
{
	(void)snprintf(to, LABEL_SIZE, "%s%s", l->prefix, what);
	return to;
}

/* ---- the device's certificate ---- */
/* TCG DICE: the firmware's digest is the last member of the extension, an OCTET STRING. */
static struct err certificate_fwid(const struct x509 *cert, uint8_t to[static NVGPU_FWID_SIZE])
{
	AUTO(buf_done) struct buf value = BUF_INIT(4096);

	TRY(x509_extension(cert, "2.23.133.5.4.1", &value));
	const uint8_t *end = value.p + value.n;
	if (value.n < NVGPU_FWID_SIZE + 2 || end[-NVGPU_FWID_SIZE - 1] != NVGPU_FWID_SIZE ||
		end[-NVGPU_FWID_SIZE - 2] != OCTET_STRING)
		return err_new(ERR_FORMAT, "extension 2.23.133.5.4.1");
	memcpy(to, end - NVGPU_FWID_SIZE, NVGPU_FWID_SIZE);
	return OK;
}

static bool has_fwid(const struct x509 *cert, struct bytes fwid)
{
	uint8_t own[NVGPU_FWID_SIZE];

	return !failed(certificate_fwid(cert, own)) && bytes_equal(BYTES_OF(own), fwid);
}

/* With the evidence it is the first; among other certificates the one of the reported firmware. */
static const struct x509 *find_leaf(const struct look *l)
{
	const struct collateral *c = l->in->collateral;
	struct bytes fwid = spdm_opaque_value(l->report, NVGPU_FWID);
	unsigned tried = 0;

	if (l->device->certs.n > 0)
		return l->device->certs.v[0];
	for (size_t i = 0; c && i < c->n && tried < LEAVES_MAX; i++) {
		if (c->v[i]->kind != COLLATERAL_CERT)
			continue;
		tried++;
		if (has_fwid(c->v[i]->cert, fwid))
			return c->v[i]->cert;
	}
	return NULL;
}

static struct err verify_chain(const struct look *l, const struct x509 *leaf,
	const struct x509_list *anchors, struct x509_list *ret_chain)
{
	struct x509_list others = { 0 }; /* borrowed */
	const struct x509_list *untrusted = &l->device->certs;

	if (untrusted->n == 0 && l->in->collateral) {
		collateral_issuers(l->in->collateral, leaf, &others);
		untrusted = &others;
	}
	return x509_verify_chain(&(struct x509_verify){ .leaf = leaf,
					 .untrusted = untrusted,
					 .anchors = anchors,
					 .now = l->in->now },
		ret_chain);
}

static bool has_list_of(const struct collateral *c, const struct x509 *issuer)
{
	for (size_t i = 0; c && i < c->n; i++)
		if (c->v[i]->kind == COLLATERAL_CRL && x509_crl_names_issuer(c->v[i]->crl, issuer))
			return true;
	return false;
}

/* NVIDIA answers by OCSP, online; a list that the operator has all the same is heeded. */
static void check_revoked(const struct look *l, const struct x509_list *chain)
{
	char what[LABEL_SIZE];
	bool any = false;

	(void)label(l, "revocation", what);
	for (size_t i = 0; i + 1 < chain->n; i++)
		if (has_list_of(l->in->collateral, chain->v[i + 1])) {
			check_revocation(l->in, l->checks, chain->v[i], chain->v[i + 1], what);
			any = true;
		}
	if (!any)
		check_skip(l->checks, what, "NVIDIA tells it by OCSP alone, online");
}

static void check_chain(struct look *l, const struct x509 *leaf)
{
	const struct tee_anchors *anchors = l->in->anchors;
	struct x509_list chain = { 0 }; /* borrowed */
	char what[LABEL_SIZE];

	(void)label(l, "certificate chain", what);
	if (anchors && anchors->software.n > 0 &&
		!failed(verify_chain(l, leaf, &anchors->software, &chain))) {
		check_pass(l->checks, what, "a simulated device's");
		l->simulated = true;
	} else if (!check_result(l->checks, verify_chain(l, leaf, l->roots, &chain),
			   DENY_NVGPU_CHAIN, what)) {
		return;
	}
	check_revoked(l, &chain);
}

/* The key was made for one firmware and lives in it: DICE. The report names the firmware that runs.
 */
static void check_fwid(const struct look *l, const struct x509 *leaf)
{
	struct bytes reported = spdm_opaque_value(l->report, NVGPU_FWID);
	uint8_t own[NVGPU_FWID_SIZE];
	char what[LABEL_SIZE];
	struct err e = certificate_fwid(leaf, own);

	(void)label(l, "firmware (FWID): the certificate's is the report's", what);
	if (failed(e))
		(void)check_result(l->checks, e, DENY_NVGPU_FWID, what);
	else
		(void)check_bytes(l->checks, DENY_NVGPU_FWID, what, BYTES_OF(own), reported);
}

/* Over request and response, so that the nonce of the request is signed too. */
static struct err signature(const struct look *l, const struct x509 *leaf)
{
	AUTO(key_freep) struct key *key = NULL;
	AUTO(buf_done) struct buf der = BUF_INIT(256);

	TRY(x509_public_key(leaf, &key));
	if (key_type(key) != KEY_P384)
		return err_new(ERR_UNVERIFIED, "the device's key is not of P-384");
	TRY(ecdsa_raw_to_der(l->report->signature, &der));
	return key_verify(key, SIG_ECDSA_SHA384, l->report->signed_bytes, buf_bytes(&der));
}

/* ---- what the report says ---- */
/* Trustee's guest gives the device the first 32 bytes of report_data as nonce. */
static void check_nonce(const struct look *l)
{
	uint8_t want[SPDM_NONCE_SIZE];
	char what[LABEL_SIZE];

	(void)label(l, "report_data: nonce of the request", what);
	if (l->in->report_data.n == 0) {
		check_skip(l->checks, what, "no value given to compare with");
		return;
	}
	tee_fit_digest(l->in->report_data, want, sizeof(want));
	(void)check_bytes(l->checks, DENY_EVIDENCE_REPORT_DATA, what, BYTES_OF(want),
		l->report->request_nonce);
}

/* What the trust in a device depends on most; Trustee refuses reports without them as well. */
static void check_versions(const struct look *l)
{
	char what[LABEL_SIZE];
	bool both = spdm_opaque_value(l->report, NVGPU_DRIVER_VERSION).n > 0 &&
		    spdm_opaque_value(l->report, NVGPU_VBIOS_VERSION).n > 0;

	(void)check_that(l->checks, both, DENY_NVGPU_VERSIONS,
		label(l, "driver and vBIOS version", what), "both in the report",
		both ? "both in the report" : "missing");
}

/* No RIM is at hand, so measurements are claims; their record as a whole can be demanded. */
static struct err check_measurements(const struct look *l)
{
	struct bytes want = tee_policy_of(l->in)->measurement;
	struct digest_value d;
	char what[LABEL_SIZE];

	TRY(digest(DIGEST_SHA384, l->report->record, &d));
	(void)check_bytes_if_given(l->checks, DENY_MEASUREMENT,
		label(l, "SHA-384 of the measurement record", what), want, digest_bytes(&d));
	return OK;
}

static struct err look_at(struct look *l)
{
	const struct x509 *leaf = find_leaf(l);
	char what[LABEL_SIZE];

	if (leaf) {
		check_chain(l, leaf);
		check_fwid(l, leaf);
		(void)check_result(l->checks, signature(l, leaf), DENY_NVGPU_SIGNATURE,
			label(l, "report: signed by the device", what));
	} else {
		check_fail(l->checks, DENY_COLLATERAL_MISSING,
			label(l, "certificate of the device", what),
			"with the evidence or in the collateral", NULL);
	}
	check_nonce(l);
	check_versions(l);
	(void)check_that(l->checks, spdm_indices_differ(l->report), DENY_EVIDENCE_MALFORMED,
		label(l, "measurements: an index each", what), NULL, NULL);
	return check_measurements(l);
}

/* ---- the row ---- */
struct verdict {
	struct claims claims;
	struct x509_list builtin;
	const struct x509_list *roots;
	bool simulated;
};

static void verdict_done(struct verdict *v)
{
	claims_done(&v->claims);
	x509_list_done(&v->builtin);
}

static struct err parse_device(
	const struct nvgpu_evidence *e, size_t i, struct spdm_report *ret_report)
{
	struct err parsed = spdm_report_parse(buf_bytes(&e->v[i].report), ret_report);

	return failed(parsed) && e->n > 1 ? err_add(parsed, "device %zu", i) : parsed;
}

static struct err look_at_device(const struct tee_verify_input *in, const struct nvgpu_evidence *e,
	size_t i, struct checks *checks, struct verdict *v)
{
	struct spdm_report report;
	struct look l = {
		.in = in, .checks = checks, .device = &e->v[i], .report = &report, .roots = v->roots
	};

	if (e->n > 1)
		(void)snprintf(l.prefix, sizeof(l.prefix), "device %zu: ", i);
	TRY(parse_device(e, i, &report));
	TRY(look_at(&l));
	v->simulated = v->simulated || l.simulated;
	return OK;
}

/* One device is "nvidia"; several are parts of it, named as Trustee names its submodules. */
static struct err add_claims(const struct nvgpu_evidence *e, bool simulated, struct claims *c)
{
	for (size_t i = 0; i < e->n; i++) {
		struct spdm_report report;
		char prefix[40] = "nvidia.";

		if (e->n > 1)
			(void)snprintf(prefix, sizeof(prefix), "nvidia.gpu%zu.", i);
		TRY(parse_device(e, i, &report));
		TRY(nvgpu_claims(prefix, &e->v[i], &report, c));
		if (i == 0)
			claims_hex(c, "report_data", report.request_nonce);
	}
	claims_flag(c, "nvidia", "simulated", simulated);
	/* Said of the protocol: a check not done tells that measurements alone show it. */
	claims_flag(c, "nvidia", "debug", false);
	return claims_end(c);
}

static struct err read_evidence(const struct tee_verify_input *in, struct nvgpu_evidence *e)
{
	struct bytes chain = tee_part(in, "certificates");

	if (in->evidence)
		return nvgpu_evidence_decode(in->evidence, e);
	TRY(nvgpu_evidence_parse(in->raw, e));
	return chain.n > 0 ? x509_list_parse(chain, &e->v[0].certs) : OK;
}

static struct err verify(
	const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims)
{
	AUTO(nvgpu_evidence_done) struct nvgpu_evidence e = { 0 };
	AUTO(verdict_done) struct verdict v = { 0 };

	TRY(read_evidence(in, &e));
	TRY(x509_list_parse(bytes_str(nvgpu_root_pem), &v.builtin));
	v.roots = in->anchors && in->anchors->vendor.n > 0 ? &in->anchors->vendor : &v.builtin;
	for (size_t i = 0; i < e.n; i++)
		TRY(look_at_device(in, &e, i, checks, &v));
	check_skip(checks, "debug mode",
		"seen in the measurements alone: compare them with NVIDIA's (RIM)");
	if (in->initdata_digest.n > 0)
		check_skip(checks, "initdata", "a device's report has no place for it");
	TRY(checks_end(checks));
	TRY(add_claims(&e, v.simulated, &v.claims));
	*ret_claims = v.claims;
	v.claims = (struct claims){ 0 };
	return OK;
}

static bool recognise(const struct tee_verify_input *in)
{
	if (!in->evidence)
		return nvgpu_evidence_is(in->raw);
	return json_get(in->evidence, "device_evidence_list") != NULL;
}

static const struct tee_verify_ops nvgpu_verify_ops = {
	.verify = verify,
	.recognise = recognise,
};

const struct tee tee_nvgpu = {
	.platform = "nvgpu",
	.kbs_name = "nvidia",
	.verify = &nvgpu_verify_ops,
};
