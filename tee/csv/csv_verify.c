#include "csv.h"
#include "eventlog_json.h"
#include "platforms.h"

#include <stdio.h>

#include <tee/eventlog.h>

enum {
	CANDIDATES_MAX = 64, /* certificates tried for one place in the chain */
	LOG_REGISTERS_FIRST = 1
};

struct chain {
	struct csv_cert hsk, cek, pek;
	bool has_hsk, has_cek;
};

/* ---- finding certificates: the evidence, files beside it, the collateral ---- */
struct search {
	uint32_t usage;
	const struct csv_cert *subject; /* which the certificate shall have signed */
	unsigned tried;
	bool found, fits;
	struct csv_cert cert;
};

/* The first one of the wanted kind that fits; else the first of the kind, whose check tells why. */
static void consider(struct search *s, struct bytes file)
{
	struct csv_cert c;

	if (s->fits || s->tried == CANDIDATES_MAX || failed(csv_cert_parse(file, &c)) ||
		c.usage != s->usage || c.is_ca != (s->usage == CSV_HSK))
		return;
	s->tried++;
	bool fits = !failed(csv_cert_signed_by(s->subject, &c));
	if (fits || !s->found)
		s->cert = c;
	s->found = true;
	s->fits = fits;
}

/* HSK and CEK behind one another, as Hygon's server sends them, or one of them. */
static void consider_file(struct search *s, struct bytes file)
{
	if (file.n == CSV_CA_CERT_SIZE + CSV_CERT_SIZE) {
		consider(s, bytes_of(file.p, CSV_CA_CERT_SIZE));
		consider(s, bytes_of(file.p + CSV_CA_CERT_SIZE, CSV_CERT_SIZE));
	} else {
		consider(s, file);
	}
}

/* Certificates that the guest sends are not mixed with others: what it sends is judged. */
static bool find(const struct tee_verify_input *in, struct bytes own, uint32_t usage,
	const struct csv_cert *subject, struct csv_cert *ret)
{
	struct search s = { .usage = usage, .subject = subject };

	if (own.n > 0)
		consider(&s, own);
	else
		consider_file(&s, tee_part(in, "certificates"));
	for (size_t i = 0; own.n == 0 && in->collateral && i < in->collateral->n; i++)
		if (in->collateral->v[i]->kind == COLLATERAL_CSV_CERT)
			consider(&s, buf_bytes(&in->collateral->v[i]->bytes));
	if (s.found)
		*ret = s.cert;
	return s.found;
}

/* ---- the chain ---- */
/* Its own signature shows that a root was copied whole. */
static struct err signed_by_root(const struct csv_cert *hsk, struct bytes file)
{
	struct csv_cert hrk;

	TRY(csv_cert_parse(file, &hrk));
	if (!hrk.is_ca || hrk.usage != CSV_HRK)
		return err_new(ERR_FORMAT, "no root");
	TRY(csv_cert_signed_by(&hrk, &hrk));
	return csv_cert_signed_by(hsk, &hrk);
}

static bool is_root(struct bytes file)
{
	struct csv_cert c;

	return !failed(csv_cert_parse(file, &c)) && c.is_ca && c.usage == CSV_HRK;
}

/* A root of Hygon's form among the operator's replaces the one built in. */
static struct err signed_by_trusted_root(
	const struct csv_cert *hsk, const struct tee_anchors *anchors)
{
	struct err e = OK;
	bool replaced = false;

	for (size_t i = 0; anchors && i < anchors->n_vendor_other; i++) {
		if (!is_root(anchors->vendor_other[i]))
			continue;
		replaced = true;
		e = signed_by_root(hsk, anchors->vendor_other[i]);
		if (!failed(e) || e.code == ERR_NOMEM)
			return e;
	}
	return replaced ? e : signed_by_root(hsk, BYTES_OF(csv_hrk));
}

/* Hygon's certificates have neither dates nor revocation lists. */
static void check_chain(const struct tee_verify_input *in, const struct csv_evidence *e,
	struct chain *chain, struct checks *checks)
{
	chain->has_cek = find(in, buf_bytes(&e->cek), CSV_CEK, &chain->pek, &chain->cek);
	if (chain->has_cek)
		chain->has_hsk = find(in, buf_bytes(&e->hsk), CSV_HSK, &chain->cek, &chain->hsk);
	if (chain->has_hsk) {
		(void)check_result(checks, signed_by_trusted_root(&chain->hsk, in->anchors),
			DENY_CSV_SIGNATURE, "HSK: signed by a trusted HRK");
		(void)check_result(checks, csv_cert_signed_by(&chain->cek, &chain->hsk),
			DENY_CSV_SIGNATURE, "CEK: signed by HSK");
	} else {
		check_fail(checks, DENY_COLLATERAL_MISSING, "HSK and CEK of this processor",
			"in the evidence or the collateral",
			e->serial[0] ? e->serial : "serial number unknown");
	}
	if (chain->has_cek)
		(void)check_result(checks, csv_cert_signed_by(&chain->pek, &chain->cek),
			DENY_CSV_SIGNATURE, "PEK: signed by CEK");
}

/* ---- the report ---- */
static void check_report(
	const struct csv_report *r, const struct csv_cert *pek, struct checks *checks)
{
	char shown[64];

	(void)check_result(checks, csv_cert_verifies(pek, r->signed_bytes, r->r, r->s),
		DENY_CSV_SIGNATURE, "report: signed by PEK");
	(void)snprintf(shown, sizeof(shown), "%s, algorithm %u", csv_usage_name(r->sig_usage),
		r->sig_algo);
	(void)check_that(checks, r->sig_usage == CSV_PEK && r->sig_algo == CSV_ALGO_SM2,
		DENY_CSV_CHAIN, "report: kind of signature", "PEK, algorithm 4", shown);
}

/*
 * The anonce that masks a report of version 1 is not signed. Whoever changes it changes all fields
 * by one pattern of four bytes: the measurement and report_data with the policy, so that a policy
 * bit means something as far as these two are compared.
 */
static void check_values(
	const struct tee_verify_input *in, const struct csv_report *r, struct checks *checks)
{
	const struct tee_policy *policy = tee_policy_of(in);
	bool nodbg = (r->policy & CSV_POLICY_NODBG) != 0;

	(void)check_that(checks, nodbg || policy->allow_debug, DENY_DEBUG, "policy: NODBG", "set",
		nodbg ? "set" : "not set");
	check_report_data(in, checks, "report_data", BYTES_OF(r->report_data));
	if (in->initdata_digest.n > 0)
		check_skip(checks, "initdata",
			"CSV reports have no place for it: nothing vouches for the initdata");
	(void)check_bytes_if_given(checks, DENY_MEASUREMENT, "launch measurement",
		policy->measurement, BYTES_OF(r->measure));
}

static void check_register(
	const struct eventlog *log, const struct csv_report *r, uint32_t i, struct checks *checks)
{
	struct digest_value d;
	char what[40];

	(void)snprintf(what, sizeof(what), "event log: RTMR%u", i);
	struct err e = eventlog_replay(log, DIGEST_SM3, i, &d);
	if (failed(e))
		(void)check_result(checks, e, DENY_CSV_EVENT_LOG, what);
	else
		(void)check_bytes(checks, DENY_CSV_EVENT_LOG, what, r->rtmr[i], digest_bytes(&d));
}

/* Events of other registers would be believed without proof. */
static bool indices_fit(const struct eventlog *log, struct checks *checks)
{
	char shown[64];

	for (size_t i = 0; i < log->n; i++) {
		const struct event *e = &log->v[i];

		if (e->type == EV_NO_ACTION ||
			(e->pcr >= LOG_REGISTERS_FIRST && e->pcr < CSV_RTMRS))
			continue;
		(void)snprintf(shown, sizeof(shown), "event %zu is of register %u", i + 1, e->pcr);
		check_fail(checks, DENY_CSV_EVENT_LOG, "event log", "registers 1 to 4", shown);
		return false;
	}
	return true;
}

static struct bytes event_log(const struct tee_verify_input *in, const struct csv_evidence *e)
{
	return e->event_log.n > 0 ? buf_bytes(&e->event_log) : tee_part(in, "event-log");
}

/* The log stays empty when there is nothing to compare it with. */
static void check_event_log(
	struct bytes bytes, const struct csv_report *r, struct eventlog *log, struct checks *checks)
{
	if (bytes.n == 0)
		return;
	if (r->version == 1) {
		check_skip(checks, "event log", "reports of version 1 have no registers");
		return;
	}
	struct err parsed = eventlog_parse(bytes, EVENTLOG_PADDED, log);
	if (failed(parsed)) {
		(void)check_result(checks, parsed, DENY_CSV_EVENT_LOG, "event log");
		return;
	}
	if (!indices_fit(log, checks))
		return;
	for (uint32_t i = LOG_REGISTERS_FIRST; i < CSV_RTMRS; i++)
		check_register(log, r, i, checks);
}

/* ---- the row ---- */
static void add_verdicts(const struct csv_report *r, struct claims *c)
{
	bool debug = (r->policy & CSV_POLICY_NODBG) == 0;

	/* There is no place for a root that is trusted for simulation. */
	claims_flag(c, "csv", "simulated", false);
	claims_flag(c, "csv", "debug", debug);
	claims_hex(c, "report_data", BYTES_OF(r->report_data));
}

static struct err verify(
	const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims)
{
	AUTO(csv_evidence_done) struct csv_evidence e = { 0 };
	AUTO(eventlog_done) struct eventlog log = { 0 };
	AUTO(claims_done) struct claims c = { 0 };
	struct chain chain = { 0 };
	struct csv_report r;

	TRY(in->evidence ? csv_evidence_decode(in->evidence, &e) : csv_evidence_parse(in->raw, &e));
	TRY(csv_report_parse(buf_bytes(&e.data), e.version, &r));
	TRY(csv_cert_parse(buf_bytes(&e.pek), &chain.pek));
	if (chain.pek.is_ca || chain.pek.usage != CSV_PEK)
		return err_new(ERR_FORMAT, "CSV evidence: pek: a key of kind %s",
			csv_usage_name(chain.pek.usage));
	check_chain(in, &e, &chain, checks);
	check_report(&r, &chain.pek, checks);
	check_values(in, &r, checks);
	check_event_log(event_log(in, &e), &r, &log, checks);
	TRY(checks_end(checks));

	csv_claims(&e, &r, &c);
	if (log.n > 0)
		claims_event_log(&c, "csv.uefi_event_logs", &log, DIGEST_SM3);
	add_verdicts(&r, &c);
	return claims_take(&c, ret_claims);
}

static bool recognise(const struct tee_verify_input *in)
{
	if (!in->evidence)
		return csv_evidence_is(in->raw);
	return json_pointer(in->evidence, "/cert_chain/pek") != NULL;
}

static const struct tee_verify_ops csv_verify_ops = {
	.verify = verify,
	.recognise = recognise,
};

const struct tee tee_csv = {
	.platform = "csv",
	.kbs_name = "csv",
	.verify = &csv_verify_ops,
};
