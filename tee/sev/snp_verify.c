/* The verdict over an SNP report: spec SNP firmware ABI 1.55, and AMD 57230 for the certificates.
 */
#include "platforms.h"
#include "sev/snp_internal.h"

#include <stdio.h>
#include <string.h>

enum {
	NUMBER_SIZE = 48,
	TEXT_MAX = 128,
	ALGO_ECDSA_P384_SHA384 = 1,
	VERSION_CPUID = 3,
};

/* ---- the certificate of the key that signed ---- */

struct candidates {
	const struct x509 *v[X509_CERTS_MAX];
	size_t n;
};

static bool valid_at(const struct x509 *c, int64_t now)
{
	return x509_not_before(c) <= now && now <= x509_not_after(c);
}

/* Better: one that fits the report; of those, one of its time (AMD issues them anew). */
static int rank(const struct snp_vek *vek, const struct snp_report *report, bool vlek, int64_t now)
{
	if (vek->vlek != vlek)
		return 0;
	if (!snp_vek_fits(vek, report))
		return 1;
	return valid_at(vek->cert, now) ? 3 : 2;
}

struct choice {
	struct snp_vek vek;
	int rank;
	bool malformed; /* a certificate that claims to be one could not be read */
};

static void consider(const struct x509 *cert, const struct tee_verify_input *in,
	const struct snp_report *report, struct choice *best)
{
	bool vlek =
		(report->key_info >> SNP_KEY_SIGNING_SHIFT & SNP_KEY_SIGNING_MASK) == SNP_KEY_VLEK;
	struct snp_vek vek;

	if (!snp_is_vek(cert))
		return;
	if (failed(snp_vek_parse(cert, &vek))) {
		best->malformed = true;
		return;
	}
	int r = rank(&vek, report, vlek, in->now);
	if (!best->vek.cert || r > best->rank) {
		best->vek = vek;
		best->rank = r;
	}
}

static bool choose_vek(const struct tee_verify_input *in, const struct snp_report *report,
	const struct x509_list *certs, struct checks *c, struct snp_vek *ret_vek)
{
	struct choice best = { 0 };

	for (size_t i = 0; certs && i < certs->n; i++)
		consider(certs->v[i], in, report, &best);
	for (size_t i = 0; in->collateral && i < in->collateral->n; i++)
		if (in->collateral->v[i]->cert)
			consider(in->collateral->v[i]->cert, in, report, &best);
	if (best.vek.cert) {
		*ret_vek = best.vek;
		return true;
	}
	if (best.malformed)
		check_fail(c, DENY_SNP_CERTIFICATE, "certificate of the report's key",
			"AMD's extensions", err_text());
	else
		check_fail(c, DENY_COLLATERAL_MISSING, "certificate of the report's key",
			"a VCEK or VLEK certificate", "none at hand");
	return false;
}

/* ---- chain ---- */

/* Borrowed and own certificates that may stand between. */
struct between {
	struct x509_list own; /* built in */
	struct x509_list all; /* views */
};

static const struct tee_anchors *anchors_of(const struct tee_verify_input *in)
{
	static const struct tee_anchors none = { 0 };

	return in->anchors ? in->anchors : &none;
}

static void between_done(struct between *b)
{
	x509_list_done(&b->own);
}

static void add_views(struct between *b, const struct x509_list *from)
{
	for (size_t i = 0; from && i < from->n && b->all.n < X509_CERTS_MAX; i++)
		b->all.v[b->all.n++] = from->v[i];
}

static RESULT gather(const struct tee_verify_input *in, const struct snp_vek *vek,
	const struct x509_list *certs, struct between *ret)
{
	struct x509_list issuers;

	collateral_issuers(in->collateral, vek->cert, &issuers);
	TRY(snp_builtin_signer(vek->product, vek->vlek, &ret->own));
	/* Of two of one name the first counts: AMD's latest, unless another root takes its place.
	 */
	if (anchors_of(in)->vendor.n == 0)
		add_views(ret, &ret->own);
	add_views(ret, certs);
	add_views(ret, &issuers);
	if (anchors_of(in)->vendor.n > 0)
		add_views(ret, &ret->own);
	return OK;
}

/* A chain from the report's key to a root. */
struct chain {
	struct x509_list builtin; /* own */
	struct x509_list path;	  /* views: VEK, its signer, root */
	bool simulated;
};

static void chain_done(struct chain *c)
{
	x509_list_done(&c->builtin);
}

/* The root that was built in, or those that take its place; then those of simulations. */
static RESULT verify_chain(const struct tee_verify_input *in, const struct snp_vek *vek,
	const struct between *between, struct chain *ret)
{
	struct x509_verify v = { .leaf = vek->cert,
		.untrusted = &between->all,
		.now = in->now,
		.memo = collateral_memo(in->collateral) };
	const struct tee_anchors *a = anchors_of(in);

	if (a->vendor.n > 0) {
		v.anchors = &a->vendor;
	} else {
		TRY(snp_builtin_root(vek->product, &ret->builtin));
		v.anchors = &ret->builtin;
	}
	struct err e = x509_verify_chain(&v, &ret->path);
	if (!failed(e) || a->software.n == 0)
		return e;
	v.anchors = &a->software;
	TRY(x509_verify_chain(&v, &ret->path));
	ret->simulated = true;
	return OK;
}

static void check_signer_revoked(const struct tee_verify_input *in, const struct snp_vek *vek,
	const struct x509_list *path, struct checks *c)
{
	const char *what = vek->vlek ? "ASVK: not revoked" : "ASK: not revoked";

	for (size_t i = 1; i + 1 < path->n; i++)
		check_revocation(in, c, path->v[i], path->v[i + 1], what);
	if (path->n <= 2) /* the anchor itself signed: nobody lists it */
		check_skip(c, what, "the certificate's issuer is itself trusted");
}

static RESULT check_chain(const struct tee_verify_input *in, const struct snp_vek *vek,
	const struct x509_list *certs, struct checks *c, bool *ret_simulated)
{
	AUTO(between_done) struct between between = { 0 };
	AUTO(chain_done) struct chain chain = { 0 };
	char what[TEXT_MAX];

	TRY(gather(in, vek, certs, &between));
	(void)snprintf(what, sizeof(what), "%s: chain to %s", vek->vlek ? "VLEK" : "VCEK",
		anchors_of(in)->vendor.n > 0 ? "the root given" : "AMD's root");
	struct err e = verify_chain(in, vek, &between, &chain);
	if (!check_result(c, e, DENY_SNP_CERTIFICATE, what))
		return OK;
	*ret_simulated = chain.simulated;
	check_signer_revoked(in, vek, &chain.path, c);
	return OK;
}

/* ---- report against certificate ---- */

static void check_number(
	struct checks *c, enum tee_denial d, const char *what, unsigned expected, unsigned actual)
{
	char want[16], got[16];

	(void)snprintf(want, sizeof(want), "%u", expected);
	(void)snprintf(got, sizeof(got), "%u", actual);
	(void)check_that(c, expected == actual, d, what, want, got);
}

static void check_tcb(const struct snp_vek *vek, const struct snp_report *r, struct checks *c)
{
	const struct snp_tcb t = snp_tcb_of(r->reported_tcb.raw, vek->product);
	const struct {
		const char *what;
		uint8_t vek, report;
	} parts[] = {
		{ "reported TCB: bootloader", vek->bootloader, t.bootloader },
		{ "reported TCB: tee", vek->tee, t.tee },
		{ "reported TCB: snp", vek->snp, t.snp },
		{ "reported TCB: microcode", vek->microcode, t.microcode },
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		check_number(
			c, DENY_SNP_TCB_MISMATCH, parts[i].what, parts[i].vek, parts[i].report);
	if (vek->has_fmc || t.has_fmc)
		check_number(c, DENY_SNP_TCB_MISMATCH, "reported TCB: fmc", vek->fmc, t.fmc);
}

static void check_chip(const struct snp_vek *vek, const struct snp_report *r, struct checks *c)
{
	uint8_t want[SNP_CHIP_ID_SIZE] = { 0 };

	if (vek->vlek) {
		check_skip(c, "chip id", "a VLEK is a provider's, not a chip's");
		return;
	}
	if (r->key_info & SNP_KEY_MASK_CHIP) {
		check_skip(c, "chip id", "the host masks it");
		return;
	}
	memcpy(want, vek->hwid, vek->hwid_n);
	(void)check_bytes(c, DENY_SNP_CHIP_ID, "chip id", BYTES_OF(want), BYTES_OF(r->chip_id));
}

static void check_product(const struct snp_vek *vek, const struct snp_report *r, struct checks *c)
{
	(void)check_that(c, r->product != SNP_UNKNOWN && r->product == vek->product,
		DENY_SNP_PRODUCT, "product", snp_product_name(vek->product),
		snp_product_name(r->product));
}

static void check_kind(const struct snp_vek *vek, const struct snp_report *r, struct checks *c)
{
	static const char *const names[] = { "VCEK", "VLEK", "2", "3", "4", "5", "6", "none" };
	unsigned signing = r->key_info >> SNP_KEY_SIGNING_SHIFT & SNP_KEY_SIGNING_MASK;

	(void)check_that(c, signing == (vek->vlek ? SNP_KEY_VLEK : SNP_KEY_VCEK), DENY_SNP_KEY_KIND,
		"signing key", vek->vlek ? "VLEK" : "VCEK", names[signing]);
}

/* Little-endian numbers, as firmware writes them, to r || s. */
static void raw_signature(const struct snp_report *r, uint8_t to[static 2 * NUMBER_SIZE])
{
	for (size_t i = 0; i < NUMBER_SIZE; i++) {
		to[i] = r->r.p[NUMBER_SIZE - 1 - i];
		to[NUMBER_SIZE + i] = r->s.p[NUMBER_SIZE - 1 - i];
	}
}

static RESULT verify_signature(const struct snp_vek *vek, const struct snp_report *r)
{
	AUTO(key_freep) struct key *key = NULL;
	AUTO(buf_done) struct buf der = BUF_INIT(4 * NUMBER_SIZE);
	uint8_t raw[2 * NUMBER_SIZE];

	if (r->signature_algo != ALGO_ECDSA_P384_SHA384)
		return err_new(ERR_FORMAT, "SIGNATURE_ALGO is %u", r->signature_algo);
	TRY(x509_public_key(vek->cert, &key));
	if (key_type(key) != KEY_P384)
		return err_new(ERR_FORMAT, "the certificate's key is not on P-384");
	raw_signature(r, raw);
	TRY(ecdsa_raw_to_der(BYTES_OF(raw), &der));
	return key_verify(key, SIG_ECDSA_SHA384, r->signed_bytes, buf_bytes(&der));
}

/* ---- what the report says about itself ---- */

static bool at_most(const struct snp_tcb *a, const struct snp_tcb *b)
{
	return a->fmc <= b->fmc && a->bootloader <= b->bootloader && a->tee <= b->tee &&
	       a->snp <= b->snp && a->microcode <= b->microcode;
}

static void tcb_text(const struct snp_tcb *t, char to[static TEXT_MAX])
{
	char fmc[16] = "";

	if (t->has_fmc)
		(void)snprintf(fmc, sizeof(fmc), "fmc %u, ", t->fmc);
	(void)snprintf(to, TEXT_MAX, "%sbootloader %u, tee %u, snp %u, microcode %u", fmc,
		t->bootloader, t->tee, t->snp, t->microcode);
}

static bool same_version(const struct snp_version *a, const struct snp_version *b)
{
	return a->major == b->major && a->minor == b->minor && a->build == b->build;
}

static void check_order(const struct snp_report *r, struct checks *c)
{
	const struct snp_tcb *current = &r->current_tcb, *committed = &r->committed_tcb;
	char low[TEXT_MAX], high[TEXT_MAX];

	tcb_text(current, high);
	tcb_text(&r->reported_tcb, low);
	(void)check_that(c, at_most(&r->reported_tcb, current), DENY_SNP_TCB_ORDER,
		"reported TCB is at most the current", high, low);
	tcb_text(committed, low);
	(void)check_that(c, at_most(committed, current), DENY_SNP_TCB_ORDER,
		"committed TCB is at most the current", high, low);
	if (committed->raw != current->raw || !same_version(&r->committed, &r->current))
		check_skip(c, "firmware is committed", "provisional: the host may still go back");
}

static void check_policy(
	const struct tee_verify_input *in, const struct snp_report *r, struct checks *c)
{
	const struct tee_policy *p = tee_policy_of(in);
	bool debug = r->policy >> SNP_POLICY_DEBUG & 1;
	char want[32], got[32];

	bool one = r->policy >> SNP_POLICY_MUST_BE_ONE & 1;
	(void)check_that(
		c, one, DENY_SNP_POLICY, "guest policy: reserved bit 17", "1", one ? "1" : "0");
	/* what newer firmware might allow the host by them is not known */
	(void)snprintf(got, sizeof(got), "0x%llx",
		(unsigned long long)(r->policy >> (SNP_POLICY_PAGE_SWAP_DIS + 1)));
	(void)check_that(c, r->policy >> (SNP_POLICY_PAGE_SWAP_DIS + 1) == 0, DENY_SNP_POLICY,
		"guest policy: reserved bits 26 to 63", "0x0", got);
	(void)check_that(c, !debug || p->allow_debug, DENY_DEBUG, "guest policy: debug",
		p->allow_debug ? "allowed by the policy" : "no", debug ? "yes" : "no");
	(void)snprintf(want, sizeof(want), "at most %u", p->vmpl);
	if (r->vmpl == SNP_VMPL_HOST)
		(void)snprintf(got, sizeof(got), "the host");
	else
		(void)snprintf(got, sizeof(got), "%u", r->vmpl);
	(void)check_that(c, r->vmpl <= p->vmpl, DENY_SNP_VMPL, "VMPL", want, got);
}

static RESULT min_part(const char *rule, const struct snp_tcb *t, uint8_t *ret_part)
{
	const struct {
		const char *name;
		uint8_t v;
	} parts[] = {
		{ "fmc=", t->fmc },
		{ "bootloader=", t->bootloader },
		{ "tee=", t->tee },
		{ "snp=", t->snp },
		{ "microcode=", t->microcode },
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (str_starts(rule, parts[i].name)) {
			*ret_part = parts[i].v;
			return OK;
		}
	return err_new(ERR_USAGE,
		"minimum TCB '%.64s': known are fmc, bootloader, tee, snp, "
		"microcode",
		rule);
}

static RESULT check_minimum(
	const struct tee_verify_input *in, const struct snp_report *r, struct checks *c)
{
	const struct strv *rules = &tee_policy_of(in)->min_tcb;

	for (size_t i = 0; i < rules->n; i++) {
		const char *number = strchr(rules->v[i], '=');
		char what[TEXT_MAX], got[16];
		uint64_t want;
		uint8_t part;
		TRY(min_part(rules->v[i], &r->reported_tcb, &part));
		struct err e = str_to_u64(number + 1, UINT8_MAX, "minimum TCB", &want);
		if (failed(e)) /* the policy is wrong, not the evidence */
			return err_new(ERR_USAGE, "minimum TCB '%.64s': not 0 to 255", rules->v[i]);
		(void)snprintf(what, sizeof(what), "minimum TCB: %.*s", (int)(number - rules->v[i]),
			rules->v[i]);
		(void)snprintf(got, sizeof(got), "%u", part);
		(void)check_that(c, part >= want, DENY_TCB_MINIMUM, what, number + 1, got);
	}
	return OK;
}

/* What only the certificate knows. */
static void adopt(const struct snp_vek *vek, struct snp_report *r)
{
	if (r->product == SNP_UNKNOWN && r->version < VERSION_CPUID)
		snp_report_set_product(r, vek->product);
	memcpy(r->csp_id, vek->csp_id, sizeof(r->csp_id));
}

static RESULT check_by_vek(const struct tee_verify_input *in, const struct snp_vek *vek,
	struct snp_report *report, const struct x509_list *certs, struct checks *checks,
	bool *ret_simulated)
{
	adopt(vek, report);
	check_kind(vek, report, checks);
	check_product(vek, report, checks);
	TRY(check_chain(in, vek, certs, checks, ret_simulated));
	check_tcb(vek, report, checks);
	check_chip(vek, report, checks);
	(void)check_result(checks, verify_signature(vek, report), DENY_SNP_SIGNATURE,
		vek->vlek ? "report: signed by the VLEK" : "report: signed by the VCEK");
	return OK;
}

RESULT snp_check_report(const struct tee_verify_input *in, struct snp_report *report,
	const struct x509_list *certs, struct checks *checks, bool *ret_simulated)
{
	bool simulated = false;
	struct snp_vek vek;

	if (choose_vek(in, report, certs, checks, &vek))
		TRY(check_by_vek(in, &vek, report, certs, checks, &simulated));
	check_order(report, checks);
	check_policy(in, report, checks);
	TRY(check_minimum(in, report, checks));
	*ret_simulated = simulated;
	return OK;
}

/* ---- the platform ---- */

static void check_bound(
	const struct tee_verify_input *in, const struct snp_report *r, struct checks *c)
{
	uint8_t host_data[sizeof(r->host_data)];

	check_report_data(in, c, "REPORT_DATA", BYTES_OF(r->report_data));
	(void)check_bytes_if_given(c, DENY_MEASUREMENT, "MEASUREMENT",
		tee_policy_of(in)->measurement, BYTES_OF(r->measurement));
	tee_fit_digest(in->initdata_digest, host_data, sizeof(host_data));
	if (in->initdata_digest.n > 0)
		(void)check_bytes(c, DENY_INITDATA_MISMATCH, "HOST_DATA: initdata",
			BYTES_OF(host_data), BYTES_OF(r->host_data));
	else
		check_skip(c, "HOST_DATA: initdata", "none given to compare with");
}

static RESULT add_claims(const struct tee_verify_input *in, const struct snp_report *r,
	bool simulated, struct claims *ret_claims)
{
	AUTO(claims_done) struct claims claims = { 0 };
	bool debug = r->policy >> SNP_POLICY_DEBUG & 1;

	snp_report_claims(r, "snp", &claims);
	claims_flag(&claims, "snp", "simulated", simulated);
	claims_bool(&claims, "debug", debug);
	claims_hex(&claims, "report_data", BYTES_OF(r->report_data));
	claims_hex(&claims, "init_data", tee_initdata_shown(in, BYTES_OF(r->host_data)));
	return claims_take(&claims, ret_claims);
}

static RESULT snp_verify(
	const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims)
{
	AUTO(snp_evidence_done) struct snp_evidence e = { 0 };
	const struct x509_memo *memo = collateral_memo(in->collateral);
	struct snp_report report;
	bool simulated = false;

	TRY(in->evidence ? snp_evidence_json(in->evidence, memo, &e)
			 : snp_evidence_raw(in->raw, memo, &e));
	TRY(snp_report_parse(buf_bytes(&e.report), &report));
	TRY(snp_check_report(in, &report, &e.certs, checks, &simulated));
	check_bound(in, &report, checks);
	TRY(checks_end(checks));
	return add_claims(in, &report, simulated, ret_claims);
}

static bool snp_recognise(const struct tee_verify_input *in)
{
	if (in->evidence)
		return json_get(in->evidence, "attestation_report") &&
		       json_pointer(in->evidence, "/attestation_report/measurement");
	return snp_evidence_is_raw(in->raw);
}

static const struct tee_verify_ops snp_verify_ops = {
	.verify = snp_verify,
	.recognise = snp_recognise,
};

const struct tee tee_snp = {
	.platform = "snp",
	.kbs_name = "snp",
	.verify = &snp_verify_ops,
};
