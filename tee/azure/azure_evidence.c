#include "azure/azure.h"

#include <stdio.h>

#include <base/encode.h>

enum {
	SIGNATURE_MAX = 2048,
	MESSAGE_MAX = 4096,
	VCEK_MAX = 32 * 1024,
	TD_QUOTE_MAX = 64 * 1024,
	VERSION_MAX = 2,
};

void azure_evidence_done(struct azure_evidence *e)
{
	buf_done(&e->hcl);
	buf_done(&e->signature);
	buf_done(&e->message);
	buf_done(&e->vcek);
	buf_done(&e->td_quote);
}

/* ---- JSON ---- */
static struct err bytes_of_numbers(const struct json *list, const char *what, struct buf *out)
{
	for (size_t i = 0; i < json_count(list); i++) {
		uint64_t v;

		if (!json_u64(json_at(list, i), &v) || v > UINT8_MAX)
			return err_new(ERR_FORMAT, "%s: item %zu is no byte", what, i);
		buf_u8(out, v);
	}
	return buf_end(out, what);
}

/* Version 0 has lists of numbers, later ones have text. */
static struct err get_hex(const struct json *v, const char *what, struct buf *out)
{
	const char *text = json_string(v);

	if (text)
		return hex_decode(bytes_str(text), what, out);
	if (v && json_type(v) == JSON_ARRAY)
		return bytes_of_numbers(v, what, out);
	return err_new(ERR_FORMAT, "%s: missing, or of another type", what);
}

/* Some guests pad base64url. */
static struct err get_base64(const struct json *v, const char *what, struct buf *out)
{
	const char *text = json_string(v);

	if (!text)
		return get_hex(v, what, out);
	struct bytes b = bytes_str(text);
	for (int i = 0; i < 2 && b.n > 0 && b.p[b.n - 1] == '='; i++)
		b.n--;
	return base64_decode(BASE64_URL_NO_PAD, b, what, out);
}

static struct err get_pcrs(const struct json *list, struct pcrs *ret_pcrs)
{
	char what[32];

	if (json_count(list) != TPM_PCRS || json_type(list) != JSON_ARRAY)
		return err_new(ERR_FORMAT, "tpm_quote.pcrs: not a list of %d values", TPM_PCRS);
	for (unsigned i = 0; i < TPM_PCRS; i++) {
		AUTO(buf_done) struct buf value = BUF_INIT(DIGEST_MAX);

		(void)snprintf(what, sizeof(what), "tpm_quote.pcrs[%u]", i);
		TRY(get_hex(json_at(list, i), what, &value));
		TRY(pcrs_set(ret_pcrs, TPM_ALG_SHA256, i, buf_bytes(&value)));
	}
	return OK;
}

static struct err get_quote(const struct json *quote, struct azure_evidence *e)
{
	TRY(get_hex(json_get(quote, "signature"), "tpm_quote.signature", &e->signature));
	TRY(get_hex(json_get(quote, "message"), "tpm_quote.message", &e->message));
	TRY(get_pcrs(json_get(quote, "pcrs"), &e->pcrs));
	e->has_quote = e->has_pcrs = true;
	return OK;
}

static const struct json *either(const struct json *j, const char *a, const char *b)
{
	const struct json *v = json_get(j, a);

	return v ? v : json_get(j, b);
}

/* Some services put what kind it is around the evidence. */
static const struct json *unwrapped(const struct json *j)
{
	const struct json *inner = json_get(j, "evidence");

	return inner && json_type(inner) == JSON_OBJECT ? inner : j;
}

static struct err get_vcek(const struct json *v, struct azure_evidence *e)
{
	const char *text = json_string(v);

	if (!v || json_type(v) == JSON_NULL)
		return OK;
	if (!text || !str_starts(text, "-----BEGIN"))
		return get_base64(v, "vcek", &e->vcek);
	buf_puts(&e->vcek, text);
	return buf_end(&e->vcek, "vcek");
}

static struct err decode_json(const struct json *j, struct azure_evidence *e)
{
	const struct json *version = json_get(j, "version");
	const struct json *td_quote = json_get(j, "td_quote");

	if (version && (!json_u64(version, &e->version) || e->version > VERSION_MAX))
		return err_new(
			ERR_UNSUPPORTED, "evidence: version is none of 0 to %d", VERSION_MAX);
	TRY(get_base64(either(j, "hcl_report", "report"), "hcl_report", &e->hcl));
	TRY(get_quote(either(j, "tpm_quote", "quote"), e));
	TRY(get_vcek(json_get(j, "vcek"), e));
	return td_quote ? get_base64(td_quote, "td_quote", &e->td_quote) : OK;
}

/* ---- files ---- */
static struct err put(struct buf *to, struct bytes from, const char *what)
{
	buf_put(to, from);
	return buf_end(to, what);
}

static struct err take_json_quote(struct bytes file, struct azure_evidence *e)
{
	AUTO(json_freep) struct json *j = NULL;

	TRY(json_parse(file, &j));
	return get_quote(j, e);
}

static struct err take_bincode(struct bytes file, struct azure_evidence *e)
{
	struct vtpm_files f = { 0 };

	TRY(vtpm_bincode_parse(file, &f));
	TRY(put(&e->message, f.quotes[0].message, "quote"));
	TRY(put(&e->signature, f.quotes[0].signature, "quote"));
	e->pcrs = f.pcrs[0];
	e->has_quote = e->has_pcrs = true;
	return OK;
}

/* TPMS_ATTEST, with its signature and the registers in files of their own. */
static struct err take_attest(
	const struct tee_verify_input *in, struct bytes file, struct azure_evidence *e)
{
	struct bytes pcrs = tee_part(in, "pcrs");
	struct tpm2_quote q;

	TRY(put(&e->message, file, "quote"));
	TRY(put(&e->signature, tee_part(in, "signature"), "signature"));
	e->has_quote = true;
	if (pcrs.n == 0 || failed(tpm2_quote_parse(file, &q)))
		return OK;
	e->has_pcrs = true;
	return pcrs_parse(pcrs, &q, &e->pcrs);
}

static struct err decode_files(const struct tee_verify_input *in, struct azure_evidence *e)
{
	struct bytes quote = tee_part(in, "quote");

	TRY(put(&e->hcl, in->raw, "HCL report"));
	TRY(put(&e->vcek, tee_part(in, "vcek"), "vcek"));
	TRY(put(&e->td_quote, tee_part(in, "td-quote"), "td-quote"));
	if (quote.n == 0)
		return OK;
	if (quote.p[0] == '{')
		return take_json_quote(quote, e);
	return vtpm_is_bincode(quote) ? take_bincode(quote, e) : take_attest(in, quote, e);
}

static struct azure_evidence empty(void)
{
	return (struct azure_evidence){
		.hcl.max = HCL_REPORT_MAX,
		.signature.max = SIGNATURE_MAX,
		.message.max = MESSAGE_MAX,
		.vcek.max = VCEK_MAX,
		.td_quote.max = TD_QUOTE_MAX,
	};
}

RESULT azure_evidence_decode(const struct tee_verify_input *in, struct azure_evidence *ret_evidence)
{
	AUTO(azure_evidence_done) struct azure_evidence e = empty();

	TRY(in->evidence ? decode_json(unwrapped(in->evidence), &e) : decode_files(in, &e));
	*ret_evidence = e;
	e = (struct azure_evidence){ 0 };
	return OK;
}

bool azure_evidence_looks(const struct tee_verify_input *in, uint32_t report_type)
{
	AUTO(buf_done) struct buf hcl = BUF_INIT(HCL_REPORT_MAX);
	struct bytes raw = in->raw;
	struct hcl_report r;

	if (in->evidence) {
		const struct json *j = unwrapped(in->evidence);
		const struct json *report = either(j, "hcl_report", "report");

		if (!report || !either(j, "tpm_quote", "quote") ||
			failed(get_base64(report, "hcl_report", &hcl)))
			return false;
		raw = buf_bytes(&hcl);
	}
	return hcl_report_looks(raw) && !failed(hcl_report_parse(raw, &r)) &&
	       r.report_type == report_type;
}
