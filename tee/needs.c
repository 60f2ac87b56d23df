#include "sev/snp_internal.h"
#include "tdx/evidence.h"
#include "tdx/tdx.h"

#include <stdio.h>
#include <strings.h>

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

static enum snp_product product_of(const char *name)
{
	for (enum snp_product p = SNP_MILAN; p <= SNP_TURIN; p++)
		if (strcasecmp(snp_product_name(p), name) == 0)
			return p;
	return SNP_UNKNOWN;
}

RESULT tee_vcek_query(const struct tee_vcek *v, char to[static NEEDS_QUERY_MAX])
{
	enum snp_product product = product_of(v->product);
	size_t want = product == SNP_TURIN ? TURIN_HWID : SNP_CHIP_ID_SIZE;
	char hwid[2 * SNP_CHIP_ID_SIZE + 1], fmc[16] = "";

	if (product == SNP_UNKNOWN)
		return err_new(
			ERR_USAGE, "product '%.32s': known are Milan, Genoa, Turin", v->product);
	if (v->chip_id.n != want)
		return err_new(ERR_USAGE, "chip id of %zu bytes: %s has %zu", v->chip_id.n,
			snp_product_name(product), want);
	hex_to(v->chip_id, hwid);
	if (product == SNP_TURIN)
		(void)snprintf(fmc, sizeof(fmc), "fmcSPL=%02u&", v->fmc);
	(void)snprintf(to, NEEDS_QUERY_MAX,
		"%s/%s?%sblSPL=%02u&teeSPL=%02u&snpSPL=%02u&ucodeSPL=%02u",
		snp_product_name(product), hwid, fmc, v->bootloader, v->tee, v->snp, v->microcode);
	return OK;
}

static RESULT snp_needs(const struct tee_verify_input *in, struct tee_needs *n)
{
	AUTO(snp_evidence_done) struct snp_evidence e = { 0 };
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
	return tee_vcek_query(
		&(struct tee_vcek){
			.product = n->amd_product,
			.chip_id = bytes_of(r.chip_id, turin ? TURIN_HWID : SNP_CHIP_ID_SIZE),
			.fmc = t->fmc,
			.bootloader = t->bootloader,
			.tee = t->tee,
			.snp = t->snp,
			.microcode = t->microcode,
		},
		n->vcek);
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
