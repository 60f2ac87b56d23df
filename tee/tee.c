#include "platforms.h"

#include <string.h>

#include <base/auto.h>
#include <tee/denials.h>
#include <tee/fields.h>
#include <tee/tee.h>

static const struct tee *const tees[] = {
	&tee_vtpm,
	&tee_az_snp_vtpm,
	&tee_az_tdx_vtpm,
	&tee_cca,
	&tee_csv,
	&tee_nvgpu,
	&tee_sample,
	&tee_sev,
	&tee_snp,
	&tee_se,
	&tee_tdx,
	&tee_sgx,
};

static const struct tee_format *const formats[] = {
	azure_formats,
	cca_formats,
	csv_formats,
	nvgpu_formats,
	sev_formats,
	snp_formats,
	tdx_formats,
	se_formats,
	NULL,
	vtpm_formats,
	collateral_formats,
};
static const struct tee_code *const codes[] = {
	snp_codes,
	tdx_codes,
	se_codes,
	NULL,
};

const struct tee *tee_at(size_t i)
{
	return i < ARRAY_LEN(tees) ? tees[i] : NULL;
}

const struct tee *tee_recognise(const struct tee_verify_input *in)
{
	for (size_t i = 0; i < ARRAY_LEN(tees); i++) {
		const struct tee_verify_ops *v = tees[i]->verify;
		if (v && v->recognise && v->recognise(in))
			return tees[i];
	}
	return NULL;
}

struct bytes tee_part(const struct tee_verify_input *in, const char *name)
{
	for (size_t i = 0; i < in->n_parts; i++)
		if (str_equal(in->parts[i].name, name))
			return in->parts[i].v;
	return BYTES_NONE;
}

struct bytes tee_initdata_shown(const struct tee_verify_input *in, struct bytes held)
{
	return in->initdata_digest.n > 0 ? in->initdata_digest : held;
}

const struct tee_policy *tee_policy_of(const struct tee_verify_input *in)
{
	static const struct tee_policy strictest = { 0 };

	return in->policy ? in->policy : &strictest;
}

const struct tee_format *tee_format_at(size_t i)
{
	for (size_t t = 0; t < ARRAY_LEN(formats); t++)
		for (const struct tee_format *f = formats[t]; f && f->name; f++)
			if (i-- == 0)
				return f;
	return NULL;
}

size_t tee_explain(uint64_t code, struct fields *out)
{
	size_t n = 0;

	for (size_t t = 0; t < ARRAY_LEN(codes); t++)
		for (const struct tee_code *k = codes[t]; k && k->text; k++) {
			if (k->code != code)
				continue;
			fields_str(out, FIELDS_NO_OFFSET, 0, k->from, k->text, NULL);
			n++;
		}
	return n + tpm_rc_explain(code, out);
}

const struct tee *tee_by_platform(const char *platform)
{
	for (size_t i = 0; i < ARRAY_LEN(tees); i++)
		if (str_equal(tees[i]->platform, platform))
			return tees[i];
	return NULL;
}

const struct tee *tee_by_kbs_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(tees); i++)
		if (str_equal(tees[i]->kbs_name, name))
			return tees[i];
	return NULL;
}

enum digest_alg tee_runtime_digest(const struct tee *t)
{
	return t->runtime_digest ? t->runtime_digest : DIGEST_SHA384;
}

RESULT tee_verify(const struct tee *t, const struct tee_verify_input *in, struct claims *ret_claims)
{
	AUTO(checks_freep) struct checks *checks = NULL;

	TRY(checks_new(&checks));
	return t->verify->verify(in, checks, ret_claims);
}

void tee_fit_digest(struct bytes from, uint8_t *to, size_t n)
{
	size_t copy = from.n < n ? from.n : n;

	memset(to, 0, n);
	if (copy > 0)
		memcpy(to, from.p, copy);
}

const char *tee_denial_code(enum tee_denial d)
{
	static const char *const denial_codes[] = {
#define X(name, code) [name] = (code),
		TEE_DENIALS(X)
#undef X
	};

	return denial_codes[d];
}

struct err tee_deny(enum tee_denial d, const char *field, const char *expected, const char *actual)
{
	return err_deny(ERR_UNVERIFIED, tee_denial_code(d), field, expected, actual);
}

struct err tee_deny_because(struct err e, enum tee_denial d, const char *field)
{
	if (!failed(e) || e.code == ERR_NOMEM || e.code == ERR_SYS)
		return e;
	return tee_deny(d, field, NULL, err_text());
}
