#include "appraisal.h"

#include <stdio.h>
#include <string.h>

#include <base/encode.h>
#include <tee/denials.h>

/* Values of AR4SI (draft-ietf-rats-ar4si, 2.3.2 and 2.3.4) that are used here. */
enum {
	TRUSTWORTHY_INSTANCE = 2,
	UNRECOGNIZED_INSTANCE = 97,
	APPROVED_CONFIG = 2,
	UNAVAILABLE_CONFIG = 36,
	APPROVED_BOOT = 3,
	UNRECOGNIZED_RUNTIME = 33,
	GENUINE_HARDWARE = 2,
	UNRECOGNIZED_HARDWARE = 97,
	TIER_NONE_MAX = 1,
	TIER_AFFIRMING_MAX = 31,
	TIER_WARNING_MAX = 95,
};

static void finding(struct appraisal *a, enum tee_denial d, const char *field, const char *expected,
	const char *actual)
{
	if (a->n_findings == APPRAISAL_FINDINGS_MAX)
		return;
	struct denial *f = &a->findings[a->n_findings++];
	(void)snprintf(f->code, sizeof(f->code), "%s", tee_denial_code(d));
	(void)snprintf(f->field, sizeof(f->field), "%s", field);
	(void)snprintf(f->expected, sizeof(f->expected), "%s", expected ? expected : "");
	(void)snprintf(f->actual, sizeof(f->actual), "%s", actual ? actual : "");
}

/* One claim that must be among the reference values of one id. */
struct rule {
	const char *claim, *id;
	enum tee_denial denial;
};

static bool list_known(const struct appraise_input *in, const struct claim *c, const char *id,
	const char **ret_unknown)
{
	for (size_t i = 0; i < c->list.n; i++)
		if (!reference_has(in->refs, id, c->list.v[i])) {
			*ret_unknown = c->list.v[i];
			return false;
		}
	return c->list.n > 0;
}

static bool check_one(const struct appraise_input *in, const struct rule *k, struct appraisal *a)
{
	const struct claim *c = claims_get(in->claims, k->claim);
	const char *first = reference_first(in->refs, k->id);
	const char *actual = c ? claim_text(c) : "not measured";
	bool known = false;

	if (c && c->type == CLAIM_LIST)
		known = list_known(in, c, k->id, &actual);
	else if (c)
		known = reference_has(in->refs, k->id, claim_text(c));
	if (!known)
		finding(a, k->denial, k->claim, first ? first : "a reference value", actual);
	return known;
}

static bool check_all(
	const struct appraise_input *in, const struct rule *checks, size_t n, struct appraisal *a)
{
	bool all = true;

	for (size_t i = 0; i < n; i++)
		all = check_one(in, &checks[i], a) && all;
	return all;
}

static bool claim_is_true(const struct claims *c, const char *name)
{
	const struct claim *v = claims_get(c, name);

	return v && v->type == CLAIM_BOOL && v->u;
}

static void appraise_vtpm(const struct appraise_input *in, struct appraisal *a)
{
	static const struct rule boot[] = {
		{ "tpm.crtm", "vtpm.crtm", DENY_VTPM_CRTM_UNKNOWN },
		{ "tpm.firmware", "vtpm.firmware", DENY_VTPM_FIRMWARE_UNKNOWN },
		{ "tpm.kernel", "vtpm.kernel", DENY_VTPM_KERNEL_UNKNOWN },
		{ "tpm.cmdline_digest", "vtpm.cmdline", DENY_VTPM_CMDLINE_UNKNOWN },
		{ "tpm.initrd", "vtpm.initrd", DENY_VTPM_INITRD_UNKNOWN },
	};
	bool trusted = claim_is_true(in->claims, "tpm.ak_trusted");

	/* A key that no TPM vouches for can sign any registers: nothing else counts then. */
	if (!trusted)
		finding(a, DENY_VTPM_AK_UNTRUSTED, "tpm.ak_trusted", "true", "false");
	if (!claims_get(in->claims, "tpm.kernel"))
		finding(a, DENY_VTPM_EVENT_LOG_MISSING, "event_log", "a measured boot", "none");
	bool known = check_all(in, boot, ARRAY_LEN(boot), a) && trusted;
	a->vector[AR4SI_INSTANCE_IDENTITY] = trusted ? TRUSTWORTHY_INSTANCE : UNRECOGNIZED_INSTANCE;
	a->vector[AR4SI_HARDWARE] = trusted ? GENUINE_HARDWARE : UNRECOGNIZED_HARDWARE;
	a->vector[AR4SI_EXECUTABLES] = known ? APPROVED_BOOT : UNRECOGNIZED_RUNTIME;
}

static void appraise_sample(const struct appraise_input *in, struct appraisal *a)
{
	static const struct rule launch = { "sample.launch_digest", "launch_digest",
		DENY_SAMPLE_LAUNCH_UNKNOWN };
	static const struct rule svn = { "sample.svn", "svn", DENY_SAMPLE_SVN_UNKNOWN };

	a->vector[AR4SI_EXECUTABLES] =
		check_one(in, &launch, a) ? APPROVED_BOOT : UNRECOGNIZED_RUNTIME;
	a->vector[AR4SI_HARDWARE] =
		check_one(in, &svn, a) ? GENUINE_HARDWARE : UNRECOGNIZED_HARDWARE;
}

static void appraise_initdata(const struct appraise_input *in, struct appraisal *a)
{
	char hex[2 * DIGEST_MAX + 1] = "";

	hex_to(in->initdata_digest, hex);
	if (in->initdata_digest.n > 0 && reference_has(in->refs, "initdata", hex)) {
		a->vector[AR4SI_CONFIGURATION] = APPROVED_CONFIG;
		return;
	}
	a->vector[AR4SI_CONFIGURATION] = UNAVAILABLE_CONFIG;
	const char *first = reference_first(in->refs, "initdata");
	if (in->initdata_digest.n > 0)
		finding(a, DENY_INITDATA_UNKNOWN, "init_data", first ? first : "a reference value",
			hex);
	else
		finding(a, DENY_INITDATA_MISSING, "init_data", first ? first : "a reference value",
			"none sent");
}

/* draft-ietf-rats-ar4si 2.3.2: tiers of one value; negative ones mirror the positive. */
static int tier(int8_t value)
{
	int v = value < 0 ? -value - 1 : value;

	if (v <= TIER_NONE_MAX && value >= -1)
		return 0;
	if (v <= TIER_AFFIRMING_MAX)
		return 1;
	return v <= TIER_WARNING_MAX ? 2 : 3;
}

const char *ar4si_status(const int8_t vector[static AR4SI_N])
{
	static const char *const names[] = { "none", "affirming", "warning", "contraindicated" };
	int worst = 0;

	for (size_t i = 0; i < AR4SI_N; i++)
		if (tier(vector[i]) > worst)
			worst = tier(vector[i]);
	return names[worst];
}

void appraise(const struct appraise_input *in, struct appraisal *ret_appraisal)
{
	static const struct {
		const char *platform;
		void (*fn)(const struct appraise_input *in, struct appraisal *a);
	} appraisers[] = {
		{ "vtpm", appraise_vtpm },
		{ "sample", appraise_sample },
	};
	struct appraisal a = { .vector = { [AR4SI_EXECUTABLES] = UNRECOGNIZED_RUNTIME,
				       [AR4SI_HARDWARE] = UNRECOGNIZED_HARDWARE } };

	for (size_t i = 0; i < ARRAY_LEN(appraisers); i++)
		if (str_equal(appraisers[i].platform, in->tee->platform))
			appraisers[i].fn(in, &a);
	appraise_initdata(in, &a);
	a.status = ar4si_status(a.vector);
	*ret_appraisal = a;
}
