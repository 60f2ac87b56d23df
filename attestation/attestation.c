#include "appraisal.h"

#include <string.h>

#include <tee/denials.h>

/* Evidence of a guest that cannot be parsed is refused like evidence that is wrong. */
static struct err as_refusal(struct err e)
{
	return e.code == ERR_FORMAT || e.code == ERR_LIMIT
		       ? tee_deny_because(e, DENY_EVIDENCE_MALFORMED, "evidence")
		       : e;
}

static struct err verify(const struct attestation_input *in, struct attestation_result *r)
{
	struct digest_value initdata = { 0 };

	if (!in->tee || !in->tee->verify)
		return tee_deny(DENY_PLATFORM_UNSUPPORTED, "tee", "a platform with a verifier",
			in->tee ? in->tee->platform : "none");
	if (in->initdata.n > 0)
		TRY(initdata_bound_digest(in->initdata, &initdata));
	struct tee_verify_input v = {
		.evidence = in->evidence,
		.collateral = in->collateral,
		.report_data = in->report_data,
		.initdata_digest = digest_bytes(&initdata),
		.state = in->state,
		.anchors = in->anchors,
		.policy = in->policy,
		.now = in->now,
	};
	if (in->report_data.n == 0)
		return err_new(ERR_STATE, "attestation without report data");
	TRY(as_refusal(tee_verify(in->tee, &v, &r->claims)));
	r->tee = in->tee;
	appraise(&(struct appraise_input){ .tee = in->tee,
			 .claims = &r->claims,
			 .refs = in->refs,
			 .initdata_digest = v.initdata_digest },
		&r->appraisal);
	return OK;
}

RESULT attestation_verify(const struct attestation_input *in, struct attestation_result *ret)
{
	AUTO(attestation_result_done) struct attestation_result r = { 0 };

	TRY(verify(in, &r));
	*ret = r;
	r = (struct attestation_result){ 0 };
	return OK;
}

void attestation_result_done(struct attestation_result *r)
{
	claims_done(&r->claims);
	*r = (struct attestation_result){ 0 };
}
