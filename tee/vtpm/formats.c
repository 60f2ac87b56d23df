/* Files that `sealpod inspect` knows by their bytes. */
#include "platforms.h"
#include "vtpm/describe.h"
#include "vtpm/vtpm_files.h"

#include <stdio.h>
#include <stdlib.h>

#include <base/reader.h>

#define TPM_GENERATED_VALUE 0xff544347u

static void files_freep(struct vtpm_files **f)
{
	if (!*f)
		return;
	vtpm_files_done(*f);
	free(*f);
}

static bool is_attest(struct bytes file)
{
	struct reader r = rd_of(file);
	uint32_t magic = rd_be32(&r);

	return rd_ok(&r) && magic == TPM_GENERATED_VALUE;
}

static bool is_signature(struct bytes file)
{
	struct tpm2_signature s;

	return !failed(tpm2_signature_parse(file, &s));
}

static bool is_public(struct bytes file)
{
	struct tpm2_public p;

	return !failed(tpm2_public_parse(file, &p)) || !failed(tpm2_public_area_parse(file, &p));
}

/* ---- register values ---- */
static void describe_pcrs(const struct pcrs *p, struct fields *out)
{
	char name[16];

	for (size_t i = 0; i < p->n; i++) {
		fields_group(out, FIELDS_NO_OFFSET, 0, digest_name(p->bank[i].alg));
		for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++) {
			if (!(p->bank[i].known >> pcr & 1))
				continue;
			(void)snprintf(name, sizeof(name), "PCR %u", pcr);
			fields_hex(out, FIELDS_NO_OFFSET, pcr_value(&p->bank[i], pcr), name, NULL);
		}
		fields_end(out);
	}
}

/* A file of zeroes has the form, and no value. */
static bool has_values(const struct pcrs *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->bank[i].known)
			return true;
	return false;
}

static bool is_pcr_file(struct bytes file)
{
	struct tpm2_quote none = { 0 };
	struct pcrs p;

	return pcrs_file_looks(file) && !failed(pcrs_parse(file, &none, &p)) && has_values(&p);
}

static RESULT describe_pcr_file(struct bytes file, struct fields *out)
{
	struct tpm2_quote none = { 0 };
	struct pcrs p;

	TRY(pcrs_parse(file, &none, &p));
	describe_pcrs(&p, out);
	return fields_finish(out);
}

/* ---- quotes with what belongs to them ---- */
static RESULT describe_part(const struct bytes *file, struct bytes part, const char *name,
	RESULT (*describe)(struct bytes in, struct fields *out), struct fields *out)
{
	if (part.n == 0)
		return OK;
	int64_t base = out->base, offset = part.p - file->p;

	fields_group(out, offset, part.n, name);
	out->base += offset;
	struct err e = describe(part, out);
	out->base = base;
	fields_end(out);
	return e;
}

static RESULT bare_signature(struct bytes in, struct fields *out)
{
	fields_hex(out, 0, in, "sig", NULL);
	return fields_finish(out);
}

static RESULT describe_quotes(struct bytes file, const struct vtpm_files *f, struct fields *out)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct vtpm_shown_quote *q = &f->quotes[i];

		TRY(describe_part(&file, q->message, q->name, tpm2_quote_describe, out));
		TRY(describe_part(&file, q->signature, "signature",
			is_signature(q->signature) ? tpm2_signature_describe : bare_signature,
			out));
		describe_pcrs(&f->pcrs[i], out);
	}
	if (f->has_area)
		TRY(describe_part(&file, f->area.area, "AK", tpm2_public_describe, out));
	return describe_part(&file, f->event_log, "event log", eventlog_describe, out);
}

static RESULT describe_files(struct bytes file,
	RESULT (*parse)(struct bytes in, struct vtpm_files *f), struct fields *out)
{
	AUTO(files_freep) struct vtpm_files *f = calloc(1, sizeof(*f));

	if (!f)
		return err_new(ERR_NOMEM, "quote");
	TRY(parse(file, f));
	return describe_quotes(file, f, out);
}

static RESULT describe_bincode(struct bytes file, struct fields *out)
{
	return describe_files(file, vtpm_bincode_parse, out);
}

static RESULT describe_attestation(struct bytes file, struct fields *out)
{
	return describe_files(file, vtpm_attestation_parse, out);
}

static bool is_attestation(struct bytes file)
{
	return vtpm_is_file(file) && !is_attest(file) && !vtpm_is_bincode(file);
}

/* ---- credentials ---- */
static bool is_credential(struct bytes file)
{
	struct bytes blob, secret;

	return !failed(tpm2_credential_file_parse(file, &blob, &secret));
}

static RESULT describe_credential(struct bytes file, struct fields *out)
{
	struct bytes blob, secret;

	TRY(tpm2_credential_file_parse(file, &blob, &secret));
	fields_hex(out, blob.p - file.p, blob, "credentialBlob", "for the object of one name");
	fields_hex(out, secret.p - file.p, secret, "secret", "seed for one EK");
	return fields_finish(out);
}

const struct tee_format vtpm_formats[] = {
	{ "TPM quote (TPMS_ATTEST)", is_attest, tpm2_quote_describe },
	{ "TPM quote of an Azure guest (bincode)", vtpm_is_bincode, describe_bincode },
	{ "TPM attestation of go-tpm-tools", is_attestation, describe_attestation },
	{ "PCR values of tpm2-tools", is_pcr_file, describe_pcr_file },
	{ "TPM credential of tpm2-tools", is_credential, describe_credential },
	{ "TCG event log", eventlog_looks, eventlog_describe },
	{ "TPM signature (TPMT_SIGNATURE)", is_signature, tpm2_signature_describe },
	{ "TPM public area (TPM2B_PUBLIC, TPMT_PUBLIC)", is_public, tpm2_public_describe },
	{ 0 },
};
