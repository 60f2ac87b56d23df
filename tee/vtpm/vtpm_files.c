#include "vtpm/vtpm_files.h"

#include <stdio.h>
#include <stdlib.h>

#include <base/encode.h>
#include <base/reader.h>

enum {
	SPKI_MAX = 4096,
	BINCODE_PART_MAX = 4096,
	X509_NAME_MAX = 256,
	PB_FIRST_TAG = 0x0a, /* field 1, length-delimited */
};

#define TPM_GENERATED_VALUE 0xff544347u

void vtpm_files_done(struct vtpm_files *f)
{
	key_free(f->ak);
	x509_list_done(&f->certs);
}

static void files_freep(struct vtpm_files **f)
{
	if (!*f)
		return;
	vtpm_files_done(*f);
	free(*f);
}

/* ---- what the files are ---- */
static bool is_attest(struct bytes raw)
{
	struct reader r = rd_of(raw);
	uint32_t magic = rd_be32(&r);

	return rd_ok(&r) && magic == TPM_GENERATED_VALUE;
}

/* u64 size, then that many bytes. */
static struct bytes rd_bincode(struct reader *r)
{
	uint64_t n = rd_le64(r);

	if (n > BINCODE_PART_MAX)
		r->bad = true;
	return rd_take(r, r->bad ? 0 : (size_t)n);
}

bool vtpm_is_bincode(struct bytes in)
{
	struct reader r = rd_of(in);

	(void)rd_bincode(&r);
	return is_attest(rd_bincode(&r));
}

RESULT vtpm_bincode_parse(struct bytes in, struct vtpm_files *f)
{
	struct reader r = rd_of(in);
	struct vtpm_shown_quote *q = &f->quotes[0];

	q->name = "tpm_quote";
	q->pcrs = &f->pcrs[0];
	q->signature = rd_bincode(&r);
	q->message = rd_bincode(&r);
	uint64_t n = rd_le64(&r);
	if (rd_ok(&r) && n > TPM_PCRS)
		return err_new(ERR_FORMAT, "quote: %llu PCR values", (unsigned long long)n);
	for (unsigned i = 0; i < n && rd_ok(&r); i++) {
		struct bytes v = rd_take(&r, VTPM_PCR_SIZE);
		if (rd_ok(&r))
			TRY(pcrs_set(&f->pcrs[0], TPM_ALG_SHA256, i, v));
	}
	TRY(rd_end(&r, "quote"));
	f->n = 1;
	return OK;
}

bool vtpm_is_file(struct bytes raw)
{
	struct reader r = rd_of(raw);

	if (is_attest(raw) || vtpm_is_bincode(raw))
		return true;
	/* An attestation's first field is the AK's TPMT_PUBLIC. */
	if (rd_u8(&r) != PB_FIRST_TAG)
		return false;
	while (rd_more(&r) && rd_u8(&r) & 0x80)
		;
	uint16_t type = rd_be16(&r);
	return rd_ok(&r) && (type == TPM_ALG_RSA || type == TPM_ALG_ECC);
}

RESULT vtpm_files_ak(struct vtpm_files *f, struct bytes ak)
{
	struct err e;

	key_free(f->ak);
	f->ak = NULL;
	f->has_area = !failed(tpm2_public_parse(ak, &f->area)) ||
		      !failed(tpm2_public_area_parse(ak, &f->area));
	if (f->has_area)
		e = tpm2_public_key(&f->area, &f->ak);
	else
		e = key_parse_public(ak, &f->ak);
	return failed(e) ? err_add(e, "AK") : OK;
}

static struct err take_tool_files(const struct tee_verify_input *in, struct vtpm_files *f)
{
	struct bytes pcrs = tee_part(in, "pcrs");
	struct tpm2_quote q = { 0 };

	f->quotes[0] = (struct vtpm_shown_quote){
		.name = "tpm_quote",
		.message = in->raw,
		.signature = tee_part(in, "signature"),
	};
	f->n = 1;
	if (f->quotes[0].signature.n == 0)
		return err_new(
			ERR_USAGE, "vtpm: the quote's signature is in another file: give it");
	if (pcrs.n == 0)
		return OK;
	f->quotes[0].pcrs = &f->pcrs[0];
	/* A message that is no quote fails its own row; its values have no order then. */
	if (failed(tpm2_quote_parse(in->raw, &q)))
		return OK;
	return pcrs_parse(pcrs, &q, &f->pcrs[0]);
}

static struct err take_quotes(const struct tee_verify_input *in, struct vtpm_files *f)
{
	if (is_attest(in->raw))
		return take_tool_files(in, f);
	if (vtpm_is_bincode(in->raw))
		return vtpm_bincode_parse(in->raw, f);
	if (vtpm_is_file(in->raw))
		return vtpm_attestation_parse(in->raw, f);
	return err_new(ERR_FORMAT, "evidence: no TPM quote (TPMS_ATTEST) and no file with one");
}

static struct err take_parts(const struct tee_verify_input *in, struct vtpm_files *f)
{
	struct bytes ak = tee_part(in, "ak"), cert = tee_part(in, "ak-cert");

	if (tee_part(in, "event-log").n > 0)
		f->event_log = tee_part(in, "event-log");
	if (ak.n > 0)
		TRY(vtpm_files_ak(f, ak));
	if (cert.n > 0) {
		x509_list_done(&f->certs);
		f->certs = (struct x509_list){ 0 };
		f->certs_inside = false;
		TRY(tee_deny_because(
			vtpm_cert_parse(cert, &f->certs), DENY_VTPM_AK_CERTIFICATE, "ak-cert"));
	}
	if (!f->ak && f->certs.n > 0)
		TRY(x509_public_key(f->certs.v[0], &f->ak));
	if (!f->ak)
		return err_new(ERR_USAGE, "vtpm: the key that signed the quote is not given");
	return OK;
}

/* ---- what they prove ---- */
static void merge(struct vtpm_quoted *all, const struct vtpm_quoted *q, struct checks *checks)
{
	for (size_t i = 0; i < q->banks.n; i++) {
		const struct pcr_bank *b = &q->banks.bank[i];

		for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++) {
			if (!(b->known >> pcr & 1))
				continue;
			struct err e = pcrs_set(&all->banks, b->hash, pcr, pcr_value(b, pcr));
			if (failed(e)) /* two quotes of one register: which one holds? */
				(void)check_result(
					checks, e, DENY_VTPM_PCR_SELECTION, "quotes: registers");
		}
	}
	if (q->pcrs != 0) {
		all->pcrs = q->pcrs;
		memcpy(all->pcr, q->pcr, sizeof(all->pcr));
	}
}

static void check_quotes(const struct tee_verify_input *in, struct vtpm_files *f,
	struct checks *checks, struct vtpm_quoted *all)
{
	for (size_t i = 0; i < f->n; i++) {
		struct vtpm_quoted q;

		if (in->report_data.n > 0)
			f->quotes[i].nonce = in->report_data;
		vtpm_check_quote(&f->quotes[i], f->ak, checks, &q);
		if (i == 0)
			*all = q;
		else
			merge(all, &q, checks);
	}
}

/* Genuine by itself; that the AK lives in the same TPM is shown by an activation only. */
static struct err check_ek(const struct tee_verify_input *in, struct checks *checks)
{
	AUTO(x509_list_done) struct x509_list certs = { 0 };
	struct bytes file = tee_part(in, "ek-cert");
	bool simulated;

	if (file.n == 0)
		return OK;
	TRY(tee_deny_because(vtpm_cert_parse(file, &certs), DENY_VTPM_EK_MALFORMED, "ek-cert"));
	const struct vtpm_cert_input c = {
		.what = "EK certificate", .leaf = certs.v[0], .others = &certs
	};
	(void)vtpm_check_cert(in, &c, checks, &simulated);
	return OK;
}

/* What says that the AK lives in a TPM, and in which. */
static bool check_ak(const struct tee_verify_input *in, const struct vtpm_files *f,
	struct checks *checks, bool *ret_simulated)
{
	struct x509_list others = { 0 };

	if (f->has_area)
		(void)vtpm_step(checks, vtpm_ak_attributes(&f->area), "ak_public.objectAttributes");
	else
		check_skip(checks, "ak_public.objectAttributes", "the key is not a TPM object");
	if (f->certs.n == 0) {
		check_skip(checks, "AK certificate", "none given: no TPM vouches for the key");
		return false;
	}
	for (size_t i = 1; i < f->certs.n; i++)
		others.v[others.n++] = f->certs.v[i]; /* borrowed */
	const struct vtpm_cert_input c = {
		.what = "AK certificate",
		.leaf = f->certs.v[0],
		.others = &others,
		.key = f->ak,
		.is_ak = true,
		.optional = f->certs_inside,
	};
	return vtpm_check_cert(in, &c, checks, ret_simulated);
}

static struct err add_claims(const struct tee_verify_input *in, const struct vtpm_files *f,
	const struct vtpm_quoted *q, bool trusted, bool simulated, struct claims *c)
{
	AUTO(buf_done) struct buf spki = BUF_INIT(SPKI_MAX), text = BUF_INIT(2 * SPKI_MAX);
	char name[X509_NAME_MAX];

	TRY(key_public_der(f->ak, &spki));
	base64_encode(BASE64_STD, buf_bytes(&spki), &text);
	TRY(buf_end(&text, "AK"));
	claims_str(c, "tpm.ak_public", buf_cstr(&text));
	vtpm_quote_claims(q, "tpm", c);
	claims_hex(c, "report_data", q->quote.extra_data);
	if (in->initdata_digest.n > 0)
		claims_hex(c, "init_data", in->initdata_digest);
	claims_bool(c, "tpm.ak_trusted", trusted);
	claims_flag(c, "tpm", "simulated", !trusted || simulated);
	claims_flag(c, "tpm", "debug", false);
	if (trusted) {
		x509_subject(f->certs.v[0], name, sizeof(name));
		claims_str(c, "tpm.ak_subject", name);
		x509_issuer(f->certs.v[0], name, sizeof(name));
		claims_str(c, "tpm.ak_issuer", name);
	}
	return claims_end(c);
}

RESULT vtpm_verify_files(
	const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims)
{
	AUTO(files_freep) struct vtpm_files *f = calloc(1, sizeof(*f));
	AUTO(claims_done) struct claims claims = { 0 };
	struct vtpm_quoted q = { 0 };
	bool simulated = false;

	if (!f)
		return err_new(ERR_NOMEM, "quote");
	TRY(take_quotes(in, f));
	TRY(take_parts(in, f));
	check_quotes(in, f, checks, &q);
	bool trusted = check_ak(in, f, checks, &simulated);
	TRY(check_ek(in, checks));
	if (in->initdata_digest.n > 0)
		vtpm_check_initdata(in->initdata_digest, &q, checks);
	else
		check_skip(checks, "initdata: PCR 8", "no initdata given");
	if (f->event_log.n > 0)
		vtpm_check_log(f->event_log, &q, checks);
	else
		check_skip(checks, "event_log", "none given");
	TRY(checks_end(checks));
	TRY(add_claims(in, f, &q, trusted, simulated, &claims));
	*ret_claims = claims;
	claims = (struct claims){ 0 };
	return OK;
}
