#include "sev/sev_evidence.h"

#include <string.h>

#include <base/encode.h>

enum {
	CHAIN_MAX = 16 * 1024,
};

void sev_evidence_done(struct sev_evidence *e)
{
	buf_done(&e->bytes);
}

static RESULT split(struct sev_evidence *e)
{
	struct bytes rest = buf_bytes(&e->bytes);

	for (; rest.n > 0; e->n_certs++) {
		if (e->n_certs == SEV_CERTS_MAX)
			return err_new(ERR_FORMAT, "SEV certificates: more than %d", SEV_CERTS_MAX);
		struct err x = sev_cert_parse(rest, &e->certs[e->n_certs], &rest);
		if (failed(x))
			return err_add(x, "at 0x%zx", e->bytes.n - rest.n);
	}
	return OK;
}

RESULT sev_evidence_raw(struct bytes raw, struct sev_evidence *ret_evidence)
{
	AUTO(sev_evidence_done) struct sev_evidence e = { .bytes = BUF_INIT(CHAIN_MAX) };

	buf_put(&e.bytes, raw);
	TRY(buf_end(&e.bytes, "SEV certificates"));
	TRY(split(&e));
	if (e.n_certs == 0)
		return err_new(ERR_FORMAT, "SEV certificates: none");
	*ret_evidence = e;
	e = (struct sev_evidence){ 0 };
	return OK;
}

/* ---- JSON ---- */

static RESULT number(const struct json *j, const char *name, uint64_t max, uint64_t *ret_v)
{
	uint64_t v;

	if (!json_u64(json_get(j, name), &v) || v > max)
		return err_new(ERR_FORMAT, "SEV evidence: %s: no number up to %llu", name,
			(unsigned long long)max);
	*ret_v = v;
	return OK;
}

static RESULT read_launch(const struct json *j, struct sev_evidence *e)
{
	AUTO(buf_done) struct buf data = BUF_INIT(SEV_DIGEST + SEV_NONCE);
	uint64_t major, minor, build, policy;
	const char *text;

	TRY(number(j, "api-major", UINT8_MAX, &major));
	TRY(number(j, "api-minor", UINT8_MAX, &minor));
	TRY(number(j, "build-id", UINT8_MAX, &build));
	TRY(number(j, "policy", UINT32_MAX, &policy));
	TRY(json_need_string(j, "data", &text));
	TRY(base64_decode(BASE64_STD, bytes_str(text), "SEV evidence: data", &data));
	if (data.n != SEV_DIGEST + SEV_NONCE)
		return err_new(ERR_FORMAT, "SEV evidence: data: %zu bytes instead of %d", data.n,
			SEV_DIGEST + SEV_NONCE);
	memcpy(e->measure, data.p, SEV_DIGEST);
	memcpy(e->nonce, data.p + SEV_DIGEST, SEV_NONCE);
	e->api_major = (uint8_t)major;
	e->api_minor = (uint8_t)minor;
	e->build = (uint8_t)build;
	e->policy = (uint32_t)policy;
	e->launched = true;
	return OK;
}

static RESULT read_certs(const struct json *j, struct sev_evidence *e)
{
	static const char *const names[] = { "pdh", "cert-chain" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct json *m = json_get(j, names[i]);
		const char *text = json_string(m);
		if (!m)
			continue;
		if (!text)
			return err_new(ERR_FORMAT, "SEV evidence: %s: no text", names[i]);
		TRY(base64_decode(BASE64_STD, bytes_str(text), names[i], &e->bytes));
	}
	return split(e);
}

RESULT sev_evidence_json(const struct json *j, struct sev_evidence *ret_evidence)
{
	AUTO(sev_evidence_done) struct sev_evidence e = { .bytes = BUF_INIT(CHAIN_MAX) };

	TRY(read_certs(j, &e));
	TRY(read_launch(j, &e));
	*ret_evidence = e;
	e = (struct sev_evidence){ 0 };
	return OK;
}
