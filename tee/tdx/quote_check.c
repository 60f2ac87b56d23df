/* Judging a quote: Intel TDX DCAP quote verification library, without the TCB's level. */
#include "tdx/quote_internal.h"

#include <base/auto.h>

enum {
	KEY_HALF = 32,
	DER_SIGNATURE_MAX = 128,
	ROOT_KEY_MAX = 1024,
};

/* Intel's quoting enclaves: 939a7233-f79c-4ca9-940a-0db3957f0607. */
static const uint8_t intel_qe_vendor[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94,
	0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };

void tdx_verified_done(struct tdx_verified *v)
{
	tdx_tcb_result_done(&v->tcb);
}

static const char *body_name(enum tdx_body_type type)
{
	switch (type) {
	case TDX_BODY_SGX:
		return "report of an enclave";
	case TDX_BODY_TD_10:
		return "report of a TD 1.0";
	case TDX_BODY_TD_15:
		break;
	}
	return "report of a TD 1.5";
}

static void check_header(const struct tdx_quote *q, struct checks *checks)
{
	bool tdx = q->tee_type == TDX_TEE_TDX;

	(void)check_that(checks, tdx == (q->body_type != TDX_BODY_SGX), DENY_TDX_QUOTE_TYPE,
		"quote: TEE type and body", tdx ? "report of a TD" : "report of an enclave",
		body_name(q->body_type));
	(void)check_bytes(checks, DENY_TDX_QE_VENDOR, "quote: vendor of the quoting enclave",
		BYTES_OF(intel_qe_vendor), q->qe_vendor_id);
}

static RESULT verify_raw(const struct key *key, struct bytes message, struct bytes raw)
{
	AUTO(buf_done) struct buf der = BUF_INIT(DER_SIGNATURE_MAX);

	TRY(ecdsa_raw_to_der(raw, &der));
	return key_verify(key, SIG_ECDSA_SHA256, message, buf_bytes(&der));
}

static RESULT verify_quote(const struct tdx_quote *q)
{
	AUTO(key_freep) struct key *key = NULL;
	struct bytes x = bytes_of(q->attestation_key.p, KEY_HALF);
	struct bytes y = bytes_of(q->attestation_key.p + KEY_HALF, KEY_HALF);

	TRY(key_from_ec_point(KEY_P256, x, y, &key));
	return verify_raw(key, q->signed_bytes, q->signature);
}

static RESULT verify_qe(const struct x509 *pck, const struct tdx_quote *q)
{
	AUTO(key_freep) struct key *key = NULL;

	TRY(x509_public_key(pck, &key));
	return verify_raw(key, q->qe.raw, q->qe_signature);
}

/* The QE vouches for its key by the digest of it in the report data. */
static RESULT check_binding(const struct tdx_quote *q, struct checks *checks)
{
	uint8_t want[sizeof(q->qe.report_data)] = { 0 };
	struct digest_value d;

	TRY(digest2(DIGEST_SHA256, q->attestation_key, q->qe_auth_data, &d));
	memcpy(want, d.v, d.n);
	(void)check_bytes(checks, DENY_TDX_QE_BINDING, "QE report: digest of the attestation key",
		BYTES_OF(want), BYTES_OF(q->qe.report_data));
	return OK;
}

static RESULT check_signatures(
	const struct tdx_quote *q, const struct tdx_chain *chain, struct checks *checks)
{
	static const char qe[] = "QE report: signed by the PCK";

	if (chain->pck)
		(void)check_result(checks, verify_qe(chain->pck, q), DENY_TDX_SIGNATURE, qe);
	else
		check_skip(checks, qe, "no trusted PCK certificate");
	TRY(check_binding(q, checks));
	(void)check_result(checks, verify_quote(q), DENY_TDX_SIGNATURE,
		"quote: signed by the attestation key");
	return OK;
}

static RESULT check_tcb(const struct tee_verify_input *in, const struct tdx_chain *chain,
	struct checks *checks, struct tdx_verified *v)
{
	const struct tdx_quote *q = &v->quote;
	const struct tdx_tcb_input tcb = {
		.pck = &v->pck,
		.tdx = q->body_type != TDX_BODY_SGX,
		.td_15 = q->body_type == TDX_BODY_TD_15,
		.tee_tcb_svn = q->td.tee_tcb_svn,
		.tee_tcb_svn2 = q->td.tee_tcb_svn2,
		.mrsigner_seam = q->td.mrsigner_seam,
		.seam_attributes = q->td.seam_attributes,
		.qe_miscselect = q->qe.miscselect,
		.qe_attributes = q->qe.attributes,
		.qe_mr_signer = q->qe.mr_signer,
		.qe_isv_prod_id = q->qe.isv_prod_id,
		.qe_isv_svn = q->qe.isv_svn,
		.root = chain->root,
	};

	return tdx_check_tcb(in, &tcb, checks, &v->tcb);
}

static RESULT root_key_id(const struct x509 *root, uint8_t to[static TDX_ROOT_KEY_ID])
{
	AUTO(buf_done) struct buf point = BUF_INIT(ROOT_KEY_MAX);
	struct digest_value d;

	TRY(x509_key_bits(root, &point));
	TRY(digest(DIGEST_SHA384, buf_bytes(&point), &d));
	memcpy(to, d.v, TDX_ROOT_KEY_ID);
	return OK;
}

/* The dates told are over all that the verdict rests on, as in Intel's library. */
static void note_dates(const struct tdx_chain *chain, struct tdx_tcb_result *r)
{
	const struct x509 *certs[] = { chain->pck, chain->ca, chain->root };

	for (size_t i = 0; i < ARRAY_LEN(certs); i++) {
		int64_t from = x509_not_before(certs[i]), to = x509_not_after(certs[i]);
		if (r->earliest_issue == 0 || from < r->earliest_issue)
			r->earliest_issue = from;
		if (from > r->latest_issue)
			r->latest_issue = from;
		if (r->earliest_expiration == 0 || to < r->earliest_expiration)
			r->earliest_expiration = to;
	}
}

/* What the PCK certificate says of the machine. */
static RESULT check_machine(const struct tee_verify_input *in, const struct tdx_chain *chain,
	struct checks *checks, struct tdx_verified *v)
{
	static const char extension[] = "PCK certificate: SGX extension", tcb[] = "TCB level";
	bool known = chain->pck && check_result(checks, pck_info_parse(chain->pck, &v->pck),
					   DENY_TDX_PCK_MALFORMED, extension);

	tdx_check_min_tcb(tee_policy_of(in), &v->quote, known ? &v->pck : NULL, checks);
	if (!known) {
		check_skip(checks, tcb, "no trusted PCK certificate");
		return OK;
	}
	v->simulated = chain->simulated;
	TRY(root_key_id(chain->root, v->root_key_id));
	TRY(check_tcb(in, chain, checks, v));
	note_dates(chain, &v->tcb);
	return OK;
}

static RESULT check_all(const struct tee_verify_input *in, struct checks *checks,
	struct tdx_chain *chain, struct tdx_verified *v)
{
	check_header(&v->quote, checks);
	TRY(tdx_check_chain(in, &v->quote, checks, chain));
	TRY(check_signatures(&v->quote, chain, checks));
	tdx_check_attributes(in, &v->quote, checks);
	return check_machine(in, chain, checks, v);
}

RESULT tdx_check_quote(const struct tee_verify_input *in, struct bytes quote, struct checks *checks,
	struct tdx_verified *ret_verified)
{
	AUTO(tdx_chain_done) struct tdx_chain chain = { 0 };
	/* Nothing that was not evaluated looks up to date. */
	struct tdx_verified v = { .tcb.status = TCB_NOT_SUPPORTED };

	TRY(tdx_quote_parse(quote, &v.quote));
	TRY(tdx_min_tcb_known(tee_policy_of(in), v.quote.body_type != TDX_BODY_SGX));
	struct err e = check_all(in, checks, &chain, &v);
	if (failed(e)) {
		tdx_verified_done(&v);
		return e;
	}
	*ret_verified = v;
	return OK;
}
