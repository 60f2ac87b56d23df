/* The platforms tdx and sgx: a quote, and what the relying party expects of it. */
#include "eventlog_json.h"
#include "platforms.h"
#include "tdx/event_log.h"
#include "tdx/evidence.h"
#include "tdx/quote_internal.h"

#include <stdio.h>

struct kind { /* what differs between the two */
	const char *prefix;
	uint32_t tee_type;
	const char *config_name, *measurement_name;
};

static const struct kind tdx_kind = { "tdx", TDX_TEE_TDX, "initdata: mr_config_id",
	"measurement: mr_td" };
static const struct kind sgx_kind = { "sgx", TDX_TEE_SGX, "initdata: config_id",
	"measurement: mr_enclave" };

struct bound { /* what the evidence ties to the quote; views of it */
	struct bytes report_data, config_id, measurement;
};

static struct bound bound_of(const struct tdx_quote *q)
{
	if (q->body_type == TDX_BODY_SGX)
		return (struct bound){ BYTES_OF(q->sgx.report_data), BYTES_OF(q->sgx.config_id),
			BYTES_OF(q->sgx.mr_enclave) };
	return (struct bound){ BYTES_OF(q->td.report_data), BYTES_OF(q->td.mr_config_id),
		BYTES_OF(q->td.mr_td) };
}

static void check_initdata(const struct tee_verify_input *in, const struct kind *kind,
	struct bytes actual, struct checks *checks)
{
	uint8_t fitted[64];

	if (in->initdata_digest.n == 0) {
		check_skip(checks, kind->config_name, "no initdata given to compare with");
		return;
	}
	tee_fit_digest(in->initdata_digest, fitted, actual.n);
	(void)check_bytes(checks, DENY_INITDATA_MISMATCH, kind->config_name,
		bytes_of(fitted, actual.n), actual);
}

static void check_log(
	const struct tdx_evidence *e, const struct tdx_quote *q, struct checks *checks)
{
	if (e->ccel.n > 0)
		tdx_check_ccel(e->ccel, &q->td, checks);
	if (e->events)
		tdx_check_dstack_log(e->events, &q->td, checks);
	if (e->ccel.n == 0 && !e->events)
		check_skip(checks, "event log", "none given");
}

static void check_expected(const struct tee_verify_input *in, const struct kind *kind,
	const struct tdx_evidence *e, const struct tdx_quote *q, struct checks *checks)
{
	struct bound b = bound_of(q);

	(void)check_that(checks, q->tee_type == kind->tee_type, DENY_TDX_QUOTE_TYPE,
		"quote: TEE type", kind->tee_type == TDX_TEE_TDX ? "TDX" : "SGX",
		q->tee_type == TDX_TEE_TDX ? "TDX" : "SGX");
	check_report_data(in, checks, "report_data", b.report_data);
	check_initdata(in, kind, b.config_id, checks);
	(void)check_bytes_if_given(checks, DENY_MEASUREMENT, kind->measurement_name,
		tee_policy_of(in)->measurement, b.measurement);
	if (q->body_type != TDX_BODY_SGX)
		check_log(e, q, checks);
}

/* A log that was replayed against the quote. */
static RESULT claim_log(const struct tdx_evidence *e, const struct kind *kind, struct claims *c)
{
	AUTO(eventlog_done) struct eventlog log = { 0 };
	char name[32];

	TRY(eventlog_parse(e->ccel, EVENTLOG_PADDED, &log));
	(void)snprintf(name, sizeof(name), "%s.uefi_event_logs", kind->prefix);
	claims_event_log(c, name, &log, DIGEST_SHA384);
	return OK;
}

static RESULT make_claims(const struct tee_verify_input *in, const struct kind *kind,
	const struct tdx_evidence *e, const struct tdx_verified *v, struct claims *ret_claims)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct bound b = bound_of(&v->quote);

	tdx_quote_claims(v, kind->prefix, &c);
	if (e->ccel.n > 0 && v->quote.body_type != TDX_BODY_SGX)
		TRY(claim_log(e, kind, &c));
	claims_hex(&c, "report_data", b.report_data);
	claims_hex(&c, "init_data", tee_initdata_shown(in, b.config_id));
	claims_flag(&c, kind->prefix, "debug", tdx_quote_debug(&v->quote));
	claims_flag(&c, kind->prefix, "simulated", v->simulated);
	return claims_take(&c, ret_claims);
}

static RESULT verify(const struct tee_verify_input *in, const struct kind *kind,
	struct checks *checks, struct claims *ret_claims)
{
	AUTO(tdx_evidence_done) struct tdx_evidence e = { 0 };
	AUTO(tdx_verified_done) struct tdx_verified v = { 0 };

	TRY(tdx_evidence_decode(in, &e));
	TRY(tdx_check_quote(in, e.quote, checks, &v));
	check_expected(in, kind, &e, &v.quote, checks);
	TRY(checks_end(checks));
	return make_claims(in, kind, &e, &v, ret_claims);
}

static RESULT tdx_verify(
	const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims)
{
	return verify(in, &tdx_kind, checks, ret_claims);
}

static RESULT sgx_verify(
	const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims)
{
	return verify(in, &sgx_kind, checks, ret_claims);
}

static bool tdx_recognise(const struct tee_verify_input *in)
{
	uint32_t type;

	return tdx_evidence_peek(in, &type) && type == TDX_TEE_TDX;
}

static bool sgx_recognise(const struct tee_verify_input *in)
{
	uint32_t type;

	return tdx_evidence_peek(in, &type) && type == TDX_TEE_SGX;
}

static const struct tee_verify_ops tdx_ops = {
	.verify = tdx_verify,
	.recognise = tdx_recognise,
};

static const struct tee_verify_ops sgx_ops = {
	.verify = sgx_verify,
	.recognise = sgx_recognise,
};

const struct tee tee_tdx = {
	.platform = "tdx",
	.kbs_name = "tdx",
	.verify = &tdx_ops,
};

const struct tee tee_sgx = {
	.platform = "sgx",
	.kbs_name = "sgx",
	.verify = &sgx_ops,
};
