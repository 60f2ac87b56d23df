#include "sev/snp_internal.h"
#include "tdx/evidence.h"
#include "tdx/tdx.h"

#include <stdio.h>

#include <base/encode.h>
#include <tee/needs.h>

enum {
	TURIN_HWID = 8
};

static bool brings_vek(const struct x509_list *certs)
{
	for (size_t i = 0; i < certs->n; i++)
		if (snp_is_vek(certs->v[i]))
			return true;
	return false;
}

static RESULT snp_needs(const struct tee_verify_input *in, struct tee_needs *n)
{
	AUTO(snp_evidence_done) struct snp_evidence e = { 0 };
	char hwid[2 * SNP_CHIP_ID_SIZE + 1], fmc[16] = "";
	struct snp_report r;

	TRY(in->evidence ? snp_evidence_json(in->evidence, NULL, &e)
			 : snp_evidence_raw(in->raw, NULL, &e));
	TRY(snp_report_parse(buf_bytes(&e.report), &r));
	if (r.product == SNP_UNKNOWN)
		return err_new(ERR_UNSUPPORTED, "a report of version %u does not say its product",
			r.version);
	(void)snprintf(n->amd_product, sizeof(n->amd_product), "%s", snp_product_name(r.product));
	if (brings_vek(&e.certs) || bytes_is_zero(BYTES_OF(r.chip_id)))
		return OK;
	bool turin = r.product == SNP_TURIN;
	const struct snp_tcb *t = &r.reported_tcb;
	hex_to(bytes_of(r.chip_id, turin ? TURIN_HWID : SNP_CHIP_ID_SIZE), hwid);
	if (turin)
		(void)snprintf(fmc, sizeof(fmc), "fmcSPL=%02u&", t->fmc);
	(void)snprintf(n->vcek, sizeof(n->vcek),
		"%s/%s?%sblSPL=%02u&teeSPL=%02u&snpSPL=%02u&ucodeSPL=%02u", n->amd_product, hwid,
		fmc, t->bootloader, t->tee, t->snp, t->microcode);
	return OK;
}

static RESULT fmspc_of(const struct x509_list *certs, struct tee_needs *n)
{
	struct pck_info p;

	for (size_t i = 0; i < certs->n; i++)
		if (!failed(pck_info_parse(certs->v[i], &p))) {
			hex_to(BYTES_OF(p.fmspc), n->fmspc);
			return OK;
		}
	return err_new(ERR_UNSUPPORTED, "the quote brings no PCK certificate");
}

static RESULT quote_needs(struct bytes quote, struct tee_needs *n)
{
	AUTO(x509_list_done) struct x509_list certs = { 0 };
	struct tdx_quote q;

	TRY(tdx_quote_parse(quote, &q));
	n->tdx = q.body_type != TDX_BODY_SGX;
	struct bytes pem = q.cert_data;
	while (pem.n > 0 && pem.p[pem.n - 1] == '\0')
		pem.n--;
	TRY(x509_list_parse(pem, &certs));
	return fmspc_of(&certs, n);
}

RESULT tee_needs_of(const struct tee_verify_input *in, struct tee_needs *ret_needs)
{
	const struct tee *t = tee_recognise(in);
	struct tee_needs n = { 0 };

	if (!t)
		return err_new(ERR_FORMAT, "evidence of no platform known here");
	if (str_equal(t->platform, "snp")) {
		TRY(snp_needs(in, &n));
	} else if (str_equal(t->platform, "tdx") || str_equal(t->platform, "sgx")) {
		AUTO(tdx_evidence_done) struct tdx_evidence e = { 0 };
		TRY(tdx_evidence_decode(in, &e));
		TRY(quote_needs(e.quote, &n));
	} else {
		return err_new(ERR_UNSUPPORTED,
			"platform %s: nothing is published per machine for it", t->platform);
	}
	*ret_needs = n;
	return OK;
}
