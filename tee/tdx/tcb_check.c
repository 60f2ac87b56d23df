/* TCB info and QE identity as evidence needs them: found, signed, of now, of this machine. */
#include "collateral.h"
#include "tdx/tcb_info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <base/clock.h>
#include <base/encode.h>

enum {
	TEXT_MAX = 160,
	SIGNATURE_SIZE = 64,
	FMSPC_HEX = 12,
};

/* What the rows share. */
struct tcb_job {
	const struct tee_verify_input *in;
	const struct tdx_tcb_input *tcb;
	struct checks *checks;
	const struct x509 *signing; /* the TCB signing certificate; NULL: none is trusted */
	struct tcb_info info;
	struct qe_identity qe;
	struct tdx_tcb_result result;
};

static void job_done(struct tcb_job *j)
{
	tcb_info_done(&j->info);
	qe_identity_done(&j->qe);
	tdx_tcb_result_done(&j->result);
}

void tdx_tcb_result_done(struct tdx_tcb_result *r)
{
	strv_done(&r->advisory_ids);
	*r = (struct tdx_tcb_result){ 0 };
}

/* ---- who signs ---- */

/* Of several, one that is valid now: Intel renewed the certificate and kept the key. */
static const struct x509 *find_signing(const struct tcb_job *j)
{
	const struct x509 *any = NULL;

	for (size_t i = 0; j->in->collateral && i < j->in->collateral->n; i++) {
		const struct collateral_item *item = j->in->collateral->v[i];
		const struct x509 *cert = item->cert;
		if (!cert || !strstr(item->subject, "CN=Intel SGX TCB Signing"))
			continue;
		if (x509_not_before(cert) <= j->in->now && j->in->now <= x509_not_after(cert))
			return cert;
		any = cert;
	}
	return any;
}

/* The same root that certified the machine. */
static RESULT verify_signing(const struct tcb_job *j, const struct x509 *cert)
{
	AUTO(x509_freep) struct x509 *root = NULL;

	TRY(x509_copy(j->tcb->root, &root));
	const struct x509_list anchors = { .v = { root }, .n = 1 };
	const struct x509_verify v = { .leaf = cert,
		.anchors = &anchors,
		.now = j->in->now,
		.memo = collateral_memo(j->in->collateral) };
	return x509_verify(&v);
}

static void note_dates(struct tcb_job *j, int64_t issue, int64_t next)
{
	struct tdx_tcb_result *r = &j->result;

	if (r->earliest_issue == 0 || issue < r->earliest_issue)
		r->earliest_issue = issue;
	if (issue > r->latest_issue)
		r->latest_issue = issue;
	if (r->earliest_expiration == 0 || next < r->earliest_expiration)
		r->earliest_expiration = next;
}

static RESULT check_signing(struct tcb_job *j)
{
	static const char chain[] = "TCB signing certificate: chain to the root";
	const struct x509 *cert = find_signing(j);

	if (!cert) {
		check_fail(j->checks, DENY_COLLATERAL_MISSING, chain, "CN=Intel SGX TCB Signing",
			"none at hand");
		return OK;
	}
	if (!check_result(j->checks, verify_signing(j, cert), DENY_TDX_TCB_SIGNATURE, chain))
		return OK;
	check_revocation(
		j->in, j->checks, cert, j->tcb->root, "TCB signing certificate: not revoked");
	note_dates(j, x509_not_before(cert), x509_not_after(cert));
	j->signing = cert;
	return OK;
}

/* ---- a signed object: which one, its signature, its dates ---- */

/* The JSON was checked when it was gathered: what is between the quotes is looked at alone. */
static RESULT read_signature(struct bytes object, struct buf *ret_der)
{
	uint8_t raw[SIGNATURE_SIZE];
	struct bytes text;

	TRY(json_member_text(object, "signature", &text));
	if (text.n < 2 || text.p[0] != '"')
		return err_new(ERR_FORMAT, "signature: not a string");
	TRY(hex_decode_fixed(bytes_of(text.p + 1, text.n - 2), "signature", raw, sizeof(raw)));
	return ecdsa_raw_to_der(BYTES_OF(raw), ret_der);
}

/* The bytes of an item never change, so that one look at their signature is enough. */
static RESULT verify_object(
	const struct tcb_job *j, const struct collateral_item *item, struct bytes text)
{
	struct collateral_item *remember = (struct collateral_item *)(uintptr_t)item;
	AUTO(buf_done) struct buf der = BUF_INIT(4 * SIGNATURE_SIZE);
	AUTO(key_freep) struct key *key = NULL;

	if (item->signer && x509_equal(item->signer, j->signing))
		return OK;
	TRY(x509_public_key(j->signing, &key));
	TRY(read_signature(buf_bytes(&item->bytes), &der));
	TRY(key_verify(key, SIG_ECDSA_SHA256, text, buf_bytes(&der)));
	x509_free(TAKE(remember->signer));
	return x509_copy(j->signing, &remember->signer);
}

static void check_dates(struct tcb_job *j, const char *name, int64_t issue, int64_t next)
{
	int64_t grace = tee_policy_of(j->in)->max_staleness_s;
	char what[TEXT_MAX], from[RFC3339_SIZE], to[RFC3339_SIZE], now[RFC3339_SIZE];
	char want[3 * RFC3339_SIZE];

	clock_format(issue, from);
	clock_format(next, to);
	clock_format(j->in->now, now);
	(void)snprintf(what, sizeof(what), "%s: of now", name);
	(void)snprintf(want, sizeof(want), "%s to %s", from, to);
	bool current = issue <= j->in->now && j->in->now <= next;
	bool stale = j->in->now > next && j->in->now - next <= grace;
	(void)check_that(j->checks, current || stale, DENY_TDX_COLLATERAL_TIME, what, want, now);
	j->result.expired = j->result.expired || stale;
	note_dates(j, issue, next);
}

static bool valid_at(const struct collateral_item *i, int64_t now)
{
	return i->not_before <= now && now <= i->not_after;
}

/* Better: of now, then of a later evaluation, which Intel publishes beside the one it asks for
 * already, then newer. */
static bool better(const struct collateral_item *a, const struct collateral_item *than, int64_t now)
{
	if (!than || valid_at(a, now) != valid_at(than, now))
		return !than || valid_at(a, now);
	if (a->eval_num != than->eval_num)
		return a->eval_num > than->eval_num;
	return a->not_before > than->not_before;
}

static const struct collateral_item *find_object(
	const struct tcb_job *j, enum collateral_kind kind, const char *subject)
{
	const struct collateral_item *best = NULL;

	for (size_t i = 0; j->in->collateral && i < j->in->collateral->n; i++) {
		const struct collateral_item *item = j->in->collateral->v[i];
		if (item->kind == kind && strcasecmp(item->subject, subject) == 0 &&
			better(item, best, j->in->now))
			best = item;
	}
	return best;
}

/* A set of another machine says more than that there is none. */
static void missing_info(const struct tcb_job *j, const char *subject)
{
	for (size_t i = 0; j->in->collateral && i < j->in->collateral->n; i++) {
		const struct collateral_item *item = j->in->collateral->v[i];
		if (item->kind != COLLATERAL_TCB_INFO)
			continue;
		check_fail(j->checks, DENY_TDX_FMSPC, "TCB info: of this machine (FMSPC)", subject,
			item->subject);
		return;
	}
	check_fail(j->checks, DENY_COLLATERAL_MISSING, "TCB info", subject, "none at hand");
}

static void check_signature(
	struct tcb_job *j, const struct collateral_item *item, struct bytes text, const char *what)
{
	if (j->signing)
		(void)check_result(
			j->checks, verify_object(j, item, text), DENY_TDX_TCB_SIGNATURE, what);
	else
		check_skip(j->checks, what, "no trusted TCB signing certificate");
}

static bool load_info(struct tcb_job *j)
{
	char fmspc[FMSPC_HEX + 1], subject[TEXT_MAX];
	struct bytes text;

	hex_to(BYTES_OF(j->tcb->pck->fmspc), fmspc);
	(void)snprintf(subject, sizeof(subject), "%s %s", j->tcb->tdx ? "TDX" : "SGX", fmspc);
	const struct collateral_item *item = find_object(j, COLLATERAL_TCB_INFO, subject);
	if (!item) {
		missing_info(j, subject);
		return false;
	}
	struct err e = json_member_text(buf_bytes(&item->bytes), "tcbInfo", &text);
	if (!failed(e))
		e = tcb_info_decode(json_get(item->json, "tcbInfo"), &j->info);
	if (!check_result(j->checks, e, DENY_TDX_COLLATERAL_MALFORMED, "TCB info: well-formed"))
		return false;
	check_signature(j, item, text, "TCB info: signed by Intel");
	check_dates(j, "TCB info", j->info.issue_date, j->info.next_update);
	(void)check_bytes(j->checks, DENY_TDX_FMSPC, "TCB info: FMSPC",
		BYTES_OF(j->tcb->pck->fmspc), BYTES_OF(j->info.fmspc));
	(void)check_bytes(j->checks, DENY_TDX_FMSPC, "TCB info: PCE-ID",
		BYTES_OF(j->tcb->pck->pce_id), BYTES_OF(j->info.pce_id));
	return true;
}

static bool load_identity(struct tcb_job *j)
{
	const char *id = j->tcb->tdx ? "TD_QE" : "QE";
	const struct collateral_item *item = find_object(j, COLLATERAL_QE_IDENTITY, id);
	struct bytes text;

	if (!item) {
		check_fail(j->checks, DENY_COLLATERAL_MISSING, "QE identity", id, "none at hand");
		return false;
	}
	struct err e = json_member_text(buf_bytes(&item->bytes), "enclaveIdentity", &text);
	if (!failed(e))
		e = qe_identity_decode(json_get(item->json, "enclaveIdentity"), &j->qe);
	if (!check_result(j->checks, e, DENY_TDX_COLLATERAL_MALFORMED, "QE identity: well-formed"))
		return false;
	check_signature(j, item, text, "QE identity: signed by Intel");
	check_dates(j, "QE identity", j->qe.issue_date, j->qe.next_update);
	return true;
}

/* ---- the quoting enclave and the TDX module are those that Intel names ---- */

static void masked(const uint8_t *v, const uint8_t *mask, size_t n, uint8_t *to)
{
	for (size_t i = 0; i < n; i++)
		to[i] = v[i] & mask[i];
}

static void check_number(struct checks *c, const char *what, uint32_t expected, uint32_t actual)
{
	char want[16], got[16];

	(void)snprintf(want, sizeof(want), "0x%x", expected);
	(void)snprintf(got, sizeof(got), "0x%x", actual);
	(void)check_that(c, expected == actual, DENY_TDX_QE_IDENTITY, what, want, got);
}

static void check_qe(struct tcb_job *j)
{
	uint8_t want[16], got[16];

	masked(j->qe.attributes, j->qe.attributes_mask, sizeof(want), want);
	masked(j->tcb->qe_attributes, j->qe.attributes_mask, sizeof(got), got);
	(void)check_bytes(j->checks, DENY_TDX_QE_IDENTITY, "QE: MRSIGNER", BYTES_OF(j->qe.mrsigner),
		bytes_of(j->tcb->qe_mr_signer, sizeof(j->qe.mrsigner)));
	(void)check_bytes(
		j->checks, DENY_TDX_QE_IDENTITY, "QE: ATTRIBUTES", BYTES_OF(want), BYTES_OF(got));
	check_number(j->checks, "QE: MISCSELECT", j->qe.miscselect & j->qe.miscselect_mask,
		j->tcb->qe_miscselect & j->qe.miscselect_mask);
	check_number(j->checks, "QE: ISVPRODID", j->qe.isvprodid, j->tcb->qe_isv_prod_id);
}

static void check_module(struct tcb_job *j)
{
	const struct tcb_module *m = tcb_module_of(&j->info, j->tcb->tee_tcb_svn[1]);
	uint8_t want[8], got[8];
	char name[32];

	(void)snprintf(name, sizeof(name), "TDX_%02X", j->tcb->tee_tcb_svn[1]);
	if (!check_that(j->checks, m != NULL, DENY_TDX_MODULE, "TDX module: known",
		    "one of the TCB info", name))
		return;
	masked(m->attributes, m->mask, sizeof(want), want);
	masked(j->tcb->seam_attributes, m->mask, sizeof(got), got);
	(void)check_bytes(j->checks, DENY_TDX_MODULE, "TDX module: MRSIGNERSEAM",
		BYTES_OF(m->mrsigner), bytes_of(j->tcb->mrsigner_seam, sizeof(m->mrsigner)));
	(void)check_bytes(j->checks, DENY_TDX_MODULE, "TDX module: SEAMATTRIBUTES", BYTES_OF(want),
		BYTES_OF(got));
	memset(want, 0, sizeof(want));
	(void)check_bytes(j->checks, DENY_TDX_MODULE, "TDX module: SEAMATTRIBUTES without the mask",
		BYTES_OF(want), bytes_of(j->tcb->seam_attributes, sizeof(want)));
	(void)snprintf(j->result.module_id, sizeof(j->result.module_id), "%.*s",
		(int)sizeof(j->result.module_id) - 1, m->id);
}

/* Judged only where a newer module would make a relaunch enough. */
static void fail_current_module(struct tcb_job *j)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "TDX_%02X", j->tcb->tee_tcb_svn2[1]);
	check_fail(j->checks, DENY_TDX_MODULE, "TDX module: the one that runs now is known",
		"one of the TCB info", name);
}

/* ---- status ---- */

static RESULT add_advisories(struct strv *to, const struct json *list)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const char *id = json_string(json_at(list, i));
		bool there = false;
		for (size_t k = 0; k < to->n; k++)
			there = there || str_equal(to->v[k], id);
		if (!there)
			TRY(strv_add(to, id));
	}
	return OK;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static RESULT union_advisories(const struct tcb_verdict *v, struct strv *to)
{
	if (v->matched)
		TRY(add_advisories(to, v->matched->advisories));
	if (v->module_level)
		TRY(add_advisories(to, v->module_level->advisories));
	if (v->qe_level)
		TRY(add_advisories(to, v->qe_level->advisories));
	if (to->n > 1)
		qsort(to->v, to->n, sizeof(to->v[0]), by_text);
	return OK;
}

/* Revoked and without a level are accepted by no policy. */
static bool accepted(const struct tee_policy *p, enum tcb_status s)
{
	if (s == TCB_UP_TO_DATE)
		return true;
	for (size_t i = 0; i < p->tcb_status.n && s < TCB_REVOKED; i++)
		if (str_equal(p->tcb_status.v[i], tcb_status_name(s)))
			return true;
	return false;
}

static void check_status(struct tcb_job *j, const struct tcb_verdict *v)
{
	const struct tee_policy *p = tee_policy_of(j->in);
	char got[TEXT_MAX];

	(void)snprintf(got, sizeof(got), "%s (level %s, %s %s, QE %s)", tcb_status_name(v->status),
		tcb_status_name(v->level), j->result.module_id[0] ? j->result.module_id : "module",
		tcb_status_name(v->module), tcb_status_name(v->qe));
	(void)check_that(j->checks, accepted(p, v->status), DENY_TDX_TCB_STATUS, "TCB status",
		p->tcb_status.n > 0 ? "UpToDate, or what the policy accepts" : "UpToDate", got);
}

static void note_crls(struct tcb_job *j)
{
	for (size_t i = 0; j->in->collateral && i < j->in->collateral->n; i++) {
		const struct collateral_item *item = j->in->collateral->v[i];
		if (item->kind != COLLATERAL_CRL)
			continue;
		bool root = x509_crl_names_issuer(item->crl, j->tcb->root);
		if (!root && !strstr(item->subject, "CN=Intel SGX PCK"))
			continue;
		uint64_t *to = root ? &j->result.root_ca_crl_num : &j->result.pck_crl_num;
		uint64_t n;
		if (x509_crl_number(item->crl, &n) && n > *to)
			*to = n;
		note_dates(j, item->not_before, item->not_after);
	}
}

static RESULT evaluate(struct tcb_job *j)
{
	struct tcb_verdict v;

	check_qe(j);
	if (j->tcb->tdx)
		check_module(j);
	tcb_evaluate(j->tcb, &j->info, &j->qe, &v);
	if (v.current_unknown)
		fail_current_module(j);
	check_status(j, &v);
	j->result.status = v.status;
	j->result.level = v.level;
	j->result.module = v.module;
	j->result.qe = v.qe;
	j->result.tcb_date = v.matched ? v.matched->date : 0;
	j->result.tcb_eval_num =
		j->info.eval_num < j->qe.eval_num ? j->info.eval_num : j->qe.eval_num;
	note_crls(j);
	return union_advisories(&v, &j->result.advisory_ids);
}

static RESULT run(struct tcb_job *j)
{
	j->result.status = TCB_NOT_SUPPORTED;
	TRY(check_signing(j));
	bool info = load_info(j);
	bool identity = load_identity(j);
	if (info && identity)
		return evaluate(j);
	check_skip(j->checks, "TCB status", "without TCB info and QE identity there is none");
	return OK;
}

RESULT tdx_check_tcb(const struct tee_verify_input *in, const struct tdx_tcb_input *tcb,
	struct checks *checks, struct tdx_tcb_result *ret_result)
{
	AUTO(job_done) struct tcb_job j = { .in = in, .tcb = tcb, .checks = checks };

	TRY(run(&j));
	*ret_result = j.result;
	j.result = (struct tdx_tcb_result){ 0 };
	return OK;
}
