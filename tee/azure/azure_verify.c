#include "azure/azure.h"
#include "platforms.h"
#include "sev/snp.h"
#include "tdx/tdreport.h"

#include <stdio.h>

#include <base/encode.h>

/* The report inside, once judged. */
struct azure_hardware {
	bool known; /* report_data was read */
	uint8_t report_data[64];
	bool simulated, debug;
	struct snp_report snp;
	struct tdx_verified tdx;
};

struct kind {
	const char *prefix;
	uint32_t report_type;
	/* What the processor vouches for: rows, and its report_data. ERR_FORMAT: not parsed. */
	RESULT(*check_hardware)
	(const struct tee_verify_input *in, struct azure_evidence *e, const struct hcl_report *hcl,
		struct checks *checks, struct azure_hardware *ret_hardware);
};

static void hardware_done(struct azure_hardware *h)
{
	tdx_verified_done(&h->tdx);
}

/* ---- SNP ---- */
static RESULT check_snp(const struct tee_verify_input *in, struct azure_evidence *e,
	const struct hcl_report *hcl, struct checks *checks, struct azure_hardware *h)
{
	AUTO(x509_list_done) struct x509_list certs = { 0 };

	TRY(snp_report_parse(hcl->hardware, &h->snp));
	if (e->vcek.n > 0)
		TRY(vtpm_cert_parse(buf_bytes(&e->vcek), &certs));
	TRY(snp_check_report(in, &h->snp, &certs, checks, &h->simulated));
	(void)check_bytes_if_given(checks, DENY_MEASUREMENT, "report: measurement",
		tee_policy_of(in)->measurement, BYTES_OF(h->snp.measurement));
	memcpy(h->report_data, h->snp.report_data, sizeof(h->report_data));
	h->debug = h->snp.policy >> SNP_POLICY_DEBUG & 1;
	h->known = true;
	return OK;
}

static bool ends_with(const char *name, const char *member)
{
	const char *dot = strchr(name, '.');

	return dot && str_equal(dot + 1, member);
}

/* Trustee has strings here, whatever the value. */
static struct err snp_claims(
	const struct kind *k, const struct azure_hardware *h, struct claims *out)
{
	AUTO(buf_done) struct buf measurement = BUF_INIT(128);
	AUTO(claims_done) struct claims typed = { 0 };
	char name[96];

	snp_report_claims(&h->snp, k->prefix, &typed);
	TRY(claims_end(&typed));
	base64_encode(BASE64_STD, BYTES_OF(h->snp.measurement), &measurement);
	TRY(buf_end(&measurement, "measurement"));
	(void)snprintf(name, sizeof(name), "%s.measurement", k->prefix);
	claims_str(out, name, buf_cstr(&measurement));
	for (size_t i = 0; i < typed.n; i++) {
		const struct claim *c = &typed.v[i];

		if (!ends_with(c->name, "measurement") && !ends_with(c->name, "chip_id") &&
			!ends_with(c->name, "debug"))
			claims_str(out, c->name, claim_text(c));
	}
	return OK;
}

/* ---- TDX ---- */
/* Its MAC means nothing here; it must tell the same story as the quote. */
static void check_tdreport(
	const struct hcl_report *hcl, const struct azure_hardware *h, struct checks *checks)
{
	struct tdreport r;

	struct err e = tdreport_parse(bytes_of(hcl->hardware.p, TDREPORT_SIZE), &r);
	if (!check_result(checks, e, DENY_EVIDENCE_MALFORMED, "TDREPORT"))
		return;
	if (!vtpm_step(checks, tdreport_check(&r, checks), "TDREPORT: hashes"))
		return;
	(void)check_bytes(checks, DENY_AZURE_TDREPORT, "TDREPORT: report_data of the TD quote",
		BYTES_OF(h->report_data), BYTES_OF(r.report_data));
	(void)check_bytes(checks, DENY_AZURE_TDREPORT, "TDREPORT: MRTD of the TD quote",
		BYTES_OF(h->tdx.quote.td.mr_td), BYTES_OF(r.td.mr_td));
	(void)check_that(checks,
		bytes_is_zero(bytes_of(
			hcl->hardware.p + TDREPORT_SIZE, HCL_HARDWARE_SIZE - TDREPORT_SIZE)),
		DENY_EVIDENCE_MALFORMED, "TDREPORT: nothing after it", NULL, NULL);
}

static RESULT check_tdx(const struct tee_verify_input *in, struct azure_evidence *e,
	const struct hcl_report *hcl, struct checks *checks, struct azure_hardware *h)
{
	if (e->td_quote.n == 0) {
		check_fail(checks, DENY_COLLATERAL_MISSING, "TD quote",
			"the quote of the TDREPORT in the HCL report", "none given");
		return OK;
	}
	TRY(tdx_check_quote(in, buf_bytes(&e->td_quote), checks, &h->tdx));
	bool td = h->tdx.quote.body_type != TDX_BODY_SGX;
	if (!check_that(checks, td, DENY_TDX_QUOTE_TYPE, "TD quote: of a TD", "TDX",
		    td ? "TDX" : "SGX"))
		return OK;
	memcpy(h->report_data, h->tdx.quote.td.report_data, sizeof(h->report_data));
	h->debug = tdx_quote_debug(&h->tdx.quote);
	h->simulated = h->tdx.simulated;
	h->known = true;
	(void)check_bytes_if_given(checks, DENY_MEASUREMENT, "TD quote: MRTD",
		tee_policy_of(in)->measurement, BYTES_OF(h->tdx.quote.td.mr_td));
	check_tdreport(hcl, h, checks);
	return OK;
}

/* ---- what both have ---- */
static void check_binding(
	const struct hcl_report *hcl, const struct azure_hardware *h, struct checks *checks)
{
	static const char what[] = "report_data: digest of the runtime data";
	uint8_t want[sizeof(h->report_data)];
	struct digest_value d;

	if (!h->known) {
		check_skip(checks, what, "no report of the processor to compare with");
		return;
	}
	struct err e = hcl_runtime_digest(hcl, &d);
	if (failed(e)) {
		(void)check_result(checks, e, DENY_AZURE_BINDING, what);
		return;
	}
	tee_fit_digest(digest_bytes(&d), want, sizeof(want));
	(void)check_bytes(
		checks, DENY_AZURE_BINDING, what, BYTES_OF(want), BYTES_OF(h->report_data));
}

/* From version 2 on the guest also asks for its digest in the runtime data; without a TPM quote
 * nothing else is fresh. */
static void check_user_data(const struct tee_verify_input *in, const struct azure_evidence *e,
	const struct hcl_runtime *r, struct checks *checks)
{
	static const char what[] = "runtime data: user-data";
	uint8_t want[HCL_USER_DATA];

	if (in->report_data.n == 0) {
		check_skip(checks, what, "no value given to compare with");
	} else if (e->has_quote && e->version < 2) {
		check_skip(checks, what, "the quote holds it; user-data only from version 2 on");
	} else if (!r->has_user_data || in->report_data.n > sizeof(want)) {
		check_fail(checks, DENY_EVIDENCE_REPORT_DATA, what, "64 bytes",
			r->has_user_data ? "more were given to compare with" : "none");
	} else {
		tee_fit_digest(in->report_data, want, sizeof(want));
		(void)check_bytes(checks, DENY_EVIDENCE_REPORT_DATA, what, BYTES_OF(want),
			BYTES_OF(r->user_data));
	}
}

static void check_quote(const struct tee_verify_input *in, const struct azure_evidence *e,
	const struct hcl_runtime *r, struct checks *checks, struct vtpm_quoted *q)
{
	const struct vtpm_shown_quote shown = {
		.name = "tpm_quote",
		.message = buf_bytes(&e->message),
		.signature = buf_bytes(&e->signature),
		.pcrs = e->has_pcrs ? &e->pcrs : NULL,
		.nonce = in->report_data.n > 0 ? in->report_data : BYTES_NONE,
		.sha256_alone = true,
	};

	if (e->has_quote)
		vtpm_check_quote(&shown, r->ak, checks, q);
	else
		check_skip(checks, "tpm_quote", "none given: no register is proved");
	if (in->initdata_digest.n > 0)
		vtpm_check_initdata(in->initdata_digest, q, checks);
	else
		check_skip(checks, "initdata: PCR 8", "no initdata given");
	if (tee_part(in, "event-log").n > 0)
		vtpm_check_log(tee_part(in, "event-log"), q, checks);
}

static void put_hex(const struct kind *k, const char *name, struct bytes v, struct claims *c)
{
	char full[64];

	(void)snprintf(full, sizeof(full), "%s.%s", k->prefix, name);
	claims_hex(c, full, v);
}

static struct err add_claims(const struct tee_verify_input *in, const struct kind *k,
	const struct azure_evidence *e, const struct azure_hardware *h, const struct hcl_runtime *r,
	const struct vtpm_quoted *q, struct claims *c)
{
	struct bytes report_data =
		e->has_quote ? q->quote.extra_data : bytes_of(r->user_data, sizeof(r->user_data));
	char prefix[64];

	if (k->report_type == HCL_SNP)
		TRY(snp_claims(k, h, c));
	else
		tdx_quote_claims(&h->tdx, k->prefix, c);
	claims_flag(c, k->prefix, "simulated", h->simulated);
	claims_flag(c, k->prefix, "debug", h->debug);
	put_hex(k, "report_data", report_data, c);
	claims_hex(c, "report_data", report_data);
	if (q->pcrs >> VTPM_INITDATA_PCR & 1)
		put_hex(k, "init_data", BYTES_OF(q->pcr[VTPM_INITDATA_PCR]), c);
	if (in->initdata_digest.n > 0)
		claims_hex(c, "init_data", in->initdata_digest);
	(void)snprintf(prefix, sizeof(prefix), "%s.tpm", k->prefix);
	if (e->has_quote)
		vtpm_quote_claims(q, prefix, c);
	return claims_end(c);
}

static RESULT verify(const struct tee_verify_input *in, const struct kind *k, struct checks *checks,
	struct claims *ret_claims)
{
	AUTO(azure_evidence_done) struct azure_evidence e = { 0 };
	AUTO(hcl_runtime_done) struct hcl_runtime runtime = { 0 };
	AUTO(hardware_done) struct azure_hardware hardware = { 0 };
	AUTO(claims_done) struct claims claims = { 0 };
	struct vtpm_quoted quoted = { 0 };
	struct hcl_report hcl;

	TRY(azure_evidence_decode(in, &e));
	TRY(hcl_report_parse(buf_bytes(&e.hcl), &hcl));
	if (hcl.report_type != k->report_type)
		return err_new(ERR_FORMAT, "HCL report: report type %u at offset 0x4c8 is %s",
			hcl.report_type, hcl_type_name(hcl.report_type));
	TRY(k->check_hardware(in, &e, &hcl, checks, &hardware));
	check_binding(&hcl, &hardware, checks);
	if (check_result(checks, hcl_runtime_parse(hcl.runtime_data, &runtime),
		    DENY_EVIDENCE_MALFORMED, "runtime data")) {
		check_user_data(in, &e, &runtime, checks);
		check_quote(in, &e, &runtime, checks, &quoted);
	}
	TRY(checks_end(checks));
	TRY(add_claims(in, k, &e, &hardware, &runtime, &quoted, &claims));
	*ret_claims = claims;
	claims = (struct claims){ 0 };
	return OK;
}

static const struct kind snp_kind = {
	.prefix = "az-snp-vtpm",
	.report_type = HCL_SNP,
	.check_hardware = check_snp,
};
static const struct kind tdx_kind = {
	.prefix = "az-tdx-vtpm",
	.report_type = HCL_TDX,
	.check_hardware = check_tdx,
};

static RESULT verify_snp(
	const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims)
{
	return verify(in, &snp_kind, checks, ret_claims);
}

static RESULT verify_tdx(
	const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims)
{
	return verify(in, &tdx_kind, checks, ret_claims);
}

static bool recognise_snp(const struct tee_verify_input *in)
{
	return azure_evidence_looks(in, HCL_SNP);
}

static bool recognise_tdx(const struct tee_verify_input *in)
{
	return azure_evidence_looks(in, HCL_TDX);
}

static const struct tee_verify_ops snp_ops = { .verify = verify_snp, .recognise = recognise_snp };
static const struct tee_verify_ops tdx_ops = { .verify = verify_tdx, .recognise = recognise_tdx };

const struct tee tee_az_snp_vtpm = {
	.platform = "az-snp-vtpm",
	.kbs_name = "az-snp-vtpm",
	.verify = &snp_ops,
};

const struct tee tee_az_tdx_vtpm = {
	.platform = "az-tdx-vtpm",
	.kbs_name = "az-tdx-vtpm",
	.verify = &tdx_ops,
};
