#include "verify_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/clock.h>

struct sealpod_verify *sealpod_verify_new(void)
{
	struct sealpod_verify *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->evidence = BUF_INIT(EVIDENCE_MAX);
	v->raw = BUF_INIT(EVIDENCE_MAX);
	v->report_data = BUF_INIT(REGISTER_MAX);
	v->measurement = BUF_INIT(REGISTER_MAX);
	v->initdata_digest = BUF_INIT(REGISTER_MAX);
	v->text = BUF_INIT(REPORT_MAX);
	v->report = BUF_INIT(REPORT_MAX);
	v->status = SEALPOD_ERROR;
	if (failed(checks_new(&v->checks)) || failed(collateral_new(&v->collateral))) {
		sealpod_verify_free(v);
		return NULL;
	}
	return v;
}

static void buffers_done(struct sealpod_verify *v)
{
	struct buf *all[] = { &v->evidence, &v->raw, &v->report_data, &v->measurement,
		&v->initdata_digest, &v->text, &v->report };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_done(all[i]);
	for (size_t i = 0; i < v->n_parts; i++) {
		/* A part may be a key. */
		if (v->parts[i].v.n > 0)
			bytes_wipe(v->parts[i].v.p, v->parts[i].v.n);
		buf_done(&v->parts[i].v);
		free(v->parts[i].name);
	}
	for (size_t i = 0; i < TEE_PARTS_MAX; i++)
		buf_done(&v->other_roots[i]);
}

void sealpod_verify_free(struct sealpod_verify *v)
{
	if (!v)
		return;
	buffers_done(v);
	json_free(v->json);
	collateral_freep(&v->collateral);
	x509_list_done(&v->anchors.hardware);
	x509_list_done(&v->anchors.software);
	x509_list_done(&v->anchors.vendor);
	strv_done(&v->policy.tcb_status);
	strv_done(&v->policy.min_tcb);
	verify_rules_done(&v->rules);
	reference_freep(&v->refs);
	checks_freep(&v->checks);
	claims_done(&v->claims);
	free(v);
}

static bool is_malformed(const struct denial *d)
{
	return d && str_ends(d->code, "malformed");
}

enum sealpod_status verify_status_of(struct err e)
{
	if (!failed(e))
		return SEALPOD_VERIFIED;
	if (e.code == ERR_FORMAT || e.code == ERR_LIMIT || e.code == ERR_UNSUPPORTED)
		return SEALPOD_MALFORMED;
	if (e.code == ERR_UNVERIFIED || e.code == ERR_DENIED)
		return is_malformed(err_denial()) ? SEALPOD_MALFORMED : SEALPOD_NOT_ACCEPTABLE;
	return SEALPOD_ERROR;
}

enum sealpod_status verify_keep(struct sealpod_verify *v, struct err e)
{
	(void)snprintf(v->error, sizeof(v->error), "%s", failed(e) ? err_text() : "");
	return verify_status_of(e);
}

enum sealpod_status sealpod_verify_set(
	struct sealpod_verify *v, const char *option, const char *value)
{
	return verify_keep(v, verify_set_option(v, option, value));
}

enum sealpod_status sealpod_verify_bytes(
	struct sealpod_verify *v, const char *role, const void *data, size_t n)
{
	return verify_keep(v, verify_add_bytes(v, role, bytes_of(data, n), role));
}

enum sealpod_status sealpod_verify_file(
	struct sealpod_verify *v, const char *role, const char *path)
{
	return verify_keep(v, verify_add_path(v, role, path));
}

static struct tee_verify_input input_of(struct sealpod_verify *v)
{
	struct tee_verify_input in = {
		.evidence = v->json,
		.raw = buf_bytes(&v->raw),
		.n_parts = v->n_parts,
		.collateral = v->collateral,
		.report_data = buf_bytes(&v->report_data),
		.initdata_digest = buf_bytes(&v->initdata_digest),
		.anchors = &v->anchors,
		.policy = &v->policy,
		.now = v->at,
	};

	v->policy.measurement = buf_bytes(&v->measurement);
	for (size_t i = 0; i < v->n_parts; i++)
		in.parts[i] = (struct tee_part){ .name = v->parts[i].name,
			.v = buf_bytes(&v->parts[i].v) };
	return in;
}

static RESULT choose_platform(struct sealpod_verify *v, const struct tee_verify_input *in)
{
	if (!v->tee)
		v->tee = tee_recognise(in);
	if (!v->tee)
		return err_new(ERR_FORMAT,
			"evidence: of no platform known here; name it, or look with inspect");
	if (!v->tee->verify)
		return tee_deny(DENY_PLATFORM_UNSUPPORTED, "platform", "one with a verifier",
			v->tee->platform);
	return OK;
}

/* What reference values say about genuine evidence: each finding is a failed check. */
static void check_references(struct sealpod_verify *v)
{
	appraise(&(struct appraise_input){ .tee = v->tee,
			 .claims = &v->claims,
			 .refs = v->refs,
			 .initdata_digest = buf_bytes(&v->initdata_digest),
			 .without_initdata = v->initdata_digest.n == 0 },
		&v->appraisal);
	v->appraised = true;
	for (size_t i = 0; i < v->appraisal.n_findings; i++) {
		const struct denial *d = &v->appraisal.findings[i];
		(void)check_result(v->checks,
			err_deny(ERR_UNVERIFIED, d->code, d->field, d->expected, d->actual),
			DENY_EVIDENCE_MALFORMED, "reference value");
	}
	if (v->appraisal.n_findings == 0)
		check_pass(v->checks, "reference values", v->appraisal.status);
}

static RESULT run(struct sealpod_verify *v)
{
	if (v->ran)
		return err_new(ERR_STATE, "this verification was run already");
	v->ran = true;
	if (v->evidence.n == 0)
		return err_new(ERR_USAGE, "no evidence is given");
	if (!v->at_given)
		v->at = clock_now();
	TRY(evidence_decode(buf_bytes(&v->evidence), &v->raw, &v->json, &v->form));
	const struct tee_verify_input in = input_of(v);
	TRY(choose_platform(v, &in));
	TRY(v->tee->verify->verify(&in, v->checks, &v->claims));
	verify_rules_check(&v->rules, &v->claims, v->checks);
	if (v->refs)
		check_references(v);
	return checks_end(v->checks);
}

enum sealpod_status sealpod_verify_run(struct sealpod_verify *v)
{
	v->status = verify_keep(v, run(v));
	return v->status;
}

const char *sealpod_verify_error(const struct sealpod_verify *v)
{
	return v->error;
}

size_t sealpod_verify_checks(const struct sealpod_verify *v)
{
	return v->checks->n;
}

bool sealpod_verify_check(const struct sealpod_verify *v, size_t i, struct sealpod_check *ret_check)
{
	if (i >= v->checks->n)
		return false;
	const struct check *c = &v->checks->v[i];
	const struct denial_hint *hint = denial_hint(c->d.code);
	*ret_check = (struct sealpod_check){
		.verdict = c->verdict == CHECK_PASSED	? SEALPOD_CHECK_PASSED
			   : c->verdict == CHECK_FAILED ? SEALPOD_CHECK_FAILED
							: SEALPOD_CHECK_NOT_DONE,
		.what = c->d.field,
		.expected = c->d.expected,
		.actual = c->d.actual,
		.code = c->d.code,
		.hint = hint ? hint->todo : "",
	};
	return true;
}
