#include "azure/azure.h"
#include "azure/imds.h"
#include "platforms.h"
#include "tdx/tdreport.h"
#include "vtpm/vtpm_guest.h"

#include <stdlib.h>
#include <time.h>

#include <base/clock.h>
#include <base/encode.h>
#include <base/reader.h>

/* Where the paravisor keeps its things in the vTPM (Azure guest attestation). */
#define HCL_REPORT_NV 0x01400001u
#define USER_DATA_NV  0x01400002u
#define AK_HANDLE     0x81000003u

enum {
	TIMEOUT_MS = 10000, /* the paravisor makes a new report in about three seconds */
	POLL_MS = 100,
	CERT_MAX = 32 * 1024,
	TD_QUOTE_MAX = 64 * 1024,
	EVIDENCE_VERSION = 2,
};

struct tee_guest {
	const struct tee *tee;
	uint32_t report_type;
	struct vtpm_tpm *tpm;
	char *url;
	struct imds imds;
	const struct imds_ops *service; /* NULL: this program only binds */
};

/* ---- the HCL report ---- */
struct held_report {
	struct buf bytes;
	struct hcl_report hcl; /* views into bytes */
	struct hcl_runtime runtime;
};

static void held_report_done(struct held_report *h)
{
	buf_done(&h->bytes);
	hcl_runtime_done(&h->runtime);
}

static struct err read_report(struct vtpm_tpm *t, struct held_report *ret)
{
	AUTO(held_report_done) struct held_report h = { .bytes.max = HCL_REPORT_MAX };

	TRY(vtpm_tpm_nv_read(t, HCL_REPORT_NV, &h.bytes));
	struct err e = hcl_report_parse(buf_bytes(&h.bytes), &h.hcl);
	if (!failed(e))
		e = hcl_runtime_parse(h.hcl.runtime_data, &h.runtime);
	if (failed(e))
		return err_add(e, "HCL report in NV index 0x%08x", HCL_REPORT_NV);
	*ret = h;
	h = (struct held_report){ 0 };
	return OK;
}

/* A new report is there when it holds what was written beside it. */
static struct err renew_report(
	const struct tee_guest *g, struct bytes report_data, struct held_report *ret)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	unsigned timeout_ms = g->imds.timeout_ms ? g->imds.timeout_ms : TIMEOUT_MS;
	uint64_t until = clock_monotonic_ms() + timeout_ms;
	uint8_t want[HCL_USER_DATA];

	if (report_data.n > sizeof(want))
		return err_new(ERR_LIMIT, "report_data of %zu bytes, at most %zu", report_data.n,
			sizeof(want));
	tee_fit_digest(report_data, want, sizeof(want));
	TRY(vtpm_tpm_nv_write(g->tpm, USER_DATA_NV, BYTES_OF(want)));
	for (;;) {
		AUTO(held_report_done) struct held_report h = { 0 };

		TRY(read_report(g->tpm, &h));
		if (h.runtime.has_user_data &&
			bytes_equal(BYTES_OF(h.runtime.user_data), BYTES_OF(want))) {
			*ret = h;
			h = (struct held_report){ 0 };
			return OK;
		}
		if (clock_monotonic_ms() > until)
			return err_new(ERR_TIMEOUT,
				"HCL report in NV index 0x%08x: its user-data is %s %u ms after "
				"NV index 0x%08x was written",
				HCL_REPORT_NV, h.runtime.has_user_data ? "another one" : "missing",
				timeout_ms, USER_DATA_NV);
		(void)nanosleep(&pause, NULL);
	}
}

/* ---- quote ---- */
/* The report vouches for one key; a quote by another would be refused far away from here. */
static struct err check_ak(struct vtpm_tpm *t, const struct key *vouched_for)
{
	AUTO(buf_done) struct buf pub = BUF_INIT(VTPM_PUBLIC_MAX);
	AUTO(key_freep) struct key *own = NULL;
	struct tpm2_public ak;

	TRY(vtpm_tpm_ak_public(t, &pub));
	TRY(tpm2_public_parse(buf_bytes(&pub), &ak));
	TRY(tpm2_public_key(&ak, &own));
	if (!key_equal(own, vouched_for))
		return err_new(ERR_PEER,
			"AK at handle 0x%08x: not the key HCLAkPub of the HCL report", AK_HANDLE);
	return OK;
}

/* Trustee has the bytes of an RSASSA signature with SHA-256 alone. */
static struct err rsa_bytes(struct bytes tpmt_signature, struct bytes *ret)
{
	struct tpm2_signature s;

	TRY(tpm2_signature_parse(tpmt_signature, &s));
	if (s.scheme != TPM_ALG_RSASSA || s.hash != TPM_ALG_SHA256)
		return err_new(ERR_UNSUPPORTED,
			"AK at handle 0x%08x: signs by scheme 0x%04x, hash 0x%04x, not by RSASSA "
			"with SHA-256",
			AK_HANDLE, s.scheme, s.hash);
	*ret = s.rsa;
	return OK;
}

static struct err put_quote(struct vtpm_tpm *t, struct bytes report_data, struct json_writer *w)
{
	AUTO(vtpm_guest_quote_done) struct vtpm_guest_quoted q = VTPM_GUEST_QUOTED_INIT;
	struct bytes signature;

	TRY(vtpm_guest_quote(t, report_data, &q));
	TRY(rsa_bytes(buf_bytes(&q.signature), &signature));
	jw_key(w, "tpm_quote");
	jw_object(w);
	jw_khex(w, "signature", signature);
	jw_khex(w, "message", buf_bytes(&q.attest));
	vtpm_guest_put_pcrs(&q, w);
	jw_object_end(w);
	return OK;
}

/* ---- evidence ---- */
/* Trustee's decoder wants the padding. */
static struct err put_padded(struct json_writer *w, const char *name, struct bytes b)
{
	AUTO(buf_done) struct buf text = BUF_INIT(2 * TD_QUOTE_MAX);

	base64_encode(BASE64_URL_NO_PAD, b, &text);
	while (text.n % 4 != 0)
		buf_u8(&text, '=');
	TRY(buf_end(&text, name));
	jw_key(w, name);
	jw_bytes_str(w, buf_bytes(&text));
	return OK;
}

static struct err put_hardware(
	const struct tee_guest *g, const struct hcl_report *hcl, struct json_writer *w)
{
	AUTO(buf_done) struct buf vcek = BUF_INIT(CERT_MAX), quote = BUF_INIT(TD_QUOTE_MAX);

	if (!g->service)
		return err_new(ERR_UNSUPPORTED, "this program does not ask the metadata service");
	if (g->report_type == HCL_SNP) {
		TRY(g->service->vcek(&g->imds, &vcek));
		return put_padded(w, "vcek", buf_bytes(&vcek));
	}
	TRY(g->service->td_quote(&g->imds, bytes_of(hcl->hardware.p, TDREPORT_SIZE), &quote));
	return put_padded(w, "td_quote", buf_bytes(&quote));
}

static struct err azure_evidence(struct tee_guest *g, struct bytes report_data,
	const struct json *challenge_extra, struct buf *ret_json)
{
	AUTO(held_report_done) struct held_report h = { 0 };
	struct json_writer w = jw_of(ret_json);

	(void)challenge_extra;
	TRY(renew_report(g, report_data, &h));
	TRY(check_ak(g->tpm, h.runtime.ak));
	jw_object(&w);
	jw_ku64(&w, "version", EVIDENCE_VERSION);
	TRY(put_quote(g->tpm, report_data, &w));
	TRY(put_padded(&w, "hcl_report", buf_bytes(&h.bytes)));
	TRY(put_hardware(g, &h.hcl, &w));
	jw_object_end(&w);
	return buf_end(ret_json, "Azure evidence");
}

/* ---- driver ---- */
static bool detect(const struct tee_guest_config *c, uint32_t report_type)
{
	AUTO(held_report_done) struct held_report h = { 0 };
	AUTO(vtpm_tpm_freep) struct vtpm_tpm *t = NULL;

	return vtpm_guest_has_tpm(c) && !failed(vtpm_guest_open(c, &t)) &&
	       !failed(read_report(t, &h)) && h.hcl.report_type == report_type;
}

static bool snp_detect(const struct tee_guest_config *c)
{
	return detect(c, HCL_SNP);
}

static bool tdx_detect(const struct tee_guest_config *c)
{
	return detect(c, HCL_TDX);
}

static void azure_close(struct tee_guest *g)
{
	if (!g)
		return;
	vtpm_tpm_free(g->tpm);
	free(g->url);
	free(g);
}

static void closep(struct tee_guest **g)
{
	azure_close(*g);
}

static struct err check_type(struct vtpm_tpm *t, uint32_t report_type)
{
	AUTO(held_report_done) struct held_report h = { 0 };

	TRY(read_report(t, &h));
	if (h.hcl.report_type != report_type)
		return err_new(ERR_UNSUPPORTED, "HCL report in NV index 0x%08x: of %s, not of %s",
			HCL_REPORT_NV, hcl_type_name(h.hcl.report_type),
			hcl_type_name(report_type));
	return OK;
}

static struct err azure_open(const struct tee_guest_config *c, const struct tee *tee,
	uint32_t report_type, struct tee_guest **ret_guest)
{
	AUTO(closep) struct tee_guest *g = calloc(1, sizeof(*g));

	if (!g)
		return err_new(ERR_NOMEM, "%s", tee->platform);
	g->tee = tee;
	g->report_type = report_type;
	if (c->imds)
		TRY(str_dup(c->imds, &g->url));
	g->imds = (struct imds){ .url = g->url, .timeout_ms = c->azure_timeout_ms };
	g->service = c->imds_ops;
	TRY(vtpm_guest_open(c, &g->tpm));
	TRY(check_type(g->tpm, report_type));
	TRY(vtpm_tpm_use_ak(g->tpm, AK_HANDLE));
	*ret_guest = TAKE(g);
	return OK;
}

static struct err snp_open(const struct tee_guest_config *c, struct tee_guest **ret_guest)
{
	return azure_open(c, &tee_az_snp_vtpm, HCL_SNP, ret_guest);
}

static struct err tdx_open(const struct tee_guest_config *c, struct tee_guest **ret_guest)
{
	return azure_open(c, &tee_az_tdx_vtpm, HCL_TDX, ret_guest);
}

/* Verifiers compare PCR 8 with an extension by exactly this digest (trustee 4.4). */
static struct err azure_bind_initdata(struct tee_guest *g, const struct digest_value *initdata)
{
	if (initdata && initdata->n != VTPM_PCR_SIZE)
		return err_new(ERR_UNSUPPORTED,
			"initdata: its digest has %zu bytes, PCR %d of an Azure guest takes %d: "
			"set algorithm = \"sha256\" in it",
			initdata->n, VTPM_INITDATA_PCR, VTPM_PCR_SIZE);
	return vtpm_guest_bind(g->tpm, initdata ? digest_bytes(initdata) : BYTES_NONE);
}

static struct err azure_extend(
	struct tee_guest *g, unsigned index, const struct digest_value *digest_of_event)
{
	return vtpm_guest_extend(g->tpm, index, digest_of_event);
}

const struct tee_guest_ops az_snp_vtpm_guest_ops = {
	.detect = snp_detect,
	.open = snp_open,
	.close = azure_close,
	.bind_initdata = azure_bind_initdata,
	.evidence = azure_evidence,
	.extend = azure_extend,
};

const struct tee_guest_ops az_tdx_vtpm_guest_ops = {
	.detect = tdx_detect,
	.open = tdx_open,
	.close = azure_close,
	.bind_initdata = azure_bind_initdata,
	.evidence = azure_evidence,
	.extend = azure_extend,
};
