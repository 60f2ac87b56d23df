#include "appraisal_rules.h"

#include <stdio.h>
#include <string.h>

#include <base/encode.h>
#include <tee/denials.h>

enum {
	TIER_NONE_MAX = 1,
	TIER_AFFIRMING_MAX = 31,
	TIER_WARNING_MAX = 95,
};

/* Guests of Trustee's own client send no log: then register 11 stands for what was booted. */
static bool boot_known(const struct appraise_input *in, bool enrolled, struct appraisal *a)
{
	static const struct rule register_11 = { "tpm.pcr11", "tpm_pcr11", NULL,
		DENY_VTPM_EVENT_LOG_MISSING };
	static const struct rule boot[] = {
		{ "tpm.crtm", "vtpm.crtm", NULL, DENY_VTPM_CRTM_UNKNOWN },
		{ "tpm.firmware", "vtpm.firmware", NULL, DENY_VTPM_FIRMWARE_UNKNOWN },
		{ "tpm.kernel", "vtpm.kernel", NULL, DENY_VTPM_KERNEL_UNKNOWN },
		{ "tpm.cmdline_digest", "vtpm.cmdline", NULL, DENY_VTPM_CMDLINE_UNKNOWN },
		{ "tpm.initrd", "vtpm.initrd", NULL, DENY_VTPM_INITRD_UNKNOWN },
	};

	if (claims_get(in->claims, "tpm.kernel"))
		return appraise_rules(in, boot, ARRAY_LEN(boot), a);
	if (enrolled && rules_hold(in, &register_11, 1))
		return true;
	appraisal_find(a, DENY_VTPM_EVENT_LOG_MISSING, "event_log", "a measured boot", "none");
	return appraise_rules(in, boot, ARRAY_LEN(boot), a);
}

/* A key is trusted when a TPM of a trusted maker vouches for it, or the operator himself. */
static void appraise_vtpm(const struct appraise_input *in, struct appraisal *a)
{
	static const struct rule enrolment = { "tpm.ak_public", "trusted_aks", NULL,
		DENY_VTPM_AK_UNTRUSTED };
	bool enrolled = rules_hold(in, &enrolment, 1);
	bool trusted = enrolled || claim_is_true(in->claims, "tpm.ak_trusted");

	/* A key that nobody vouches for can sign any registers: nothing else counts then. */
	if (!trusted)
		appraisal_find(a, DENY_VTPM_AK_UNTRUSTED, "tpm.ak_trusted", "true", "false");
	bool known = boot_known(in, enrolled, a) && trusted;
	a->vector[AR4SI_INSTANCE_IDENTITY] = trusted ? TRUSTWORTHY_INSTANCE : UNRECOGNIZED_INSTANCE;
	a->vector[AR4SI_HARDWARE] = trusted ? GENUINE_HARDWARE : UNRECOGNIZED_HARDWARE;
	a->vector[AR4SI_EXECUTABLES] = known ? APPROVED_BOOT : UNRECOGNIZED_RUNTIME;
}

static void appraise_sample(const struct appraise_input *in, struct appraisal *a)
{
	static const struct rule launch = { "sample.launch_digest", "launch_digest", NULL,
		DENY_SAMPLE_LAUNCH_UNKNOWN };
	static const struct rule svn = { "sample.svn", "svn", NULL, DENY_SAMPLE_SVN_UNKNOWN };

	a->vector[AR4SI_EXECUTABLES] =
		appraise_rule(in, &launch, a) ? APPROVED_BOOT : UNRECOGNIZED_RUNTIME;
	a->vector[AR4SI_HARDWARE] =
		appraise_rule(in, &svn, a) ? GENUINE_HARDWARE : UNRECOGNIZED_HARDWARE;
}

static void appraise_initdata(const struct appraise_input *in, struct appraisal *a)
{
	char hex[2 * DIGEST_MAX + 1] = "";

	hex_to(in->initdata_digest, hex);
	if (in->initdata_digest.n > 0 && reference_has(in->refs, "initdata", hex)) {
		if (a->vector[AR4SI_CONFIGURATION] == 0)
			a->vector[AR4SI_CONFIGURATION] = APPROVED_CONFIG;
		return;
	}
	a->vector[AR4SI_CONFIGURATION] = UNAVAILABLE_CONFIG;
	const char *first = reference_first(in->refs, "initdata");
	if (in->initdata_digest.n > 0)
		appraisal_find(a, DENY_INITDATA_UNKNOWN, "init_data",
			first ? first : "a reference value", hex);
	else
		appraisal_find(a, DENY_INITDATA_MISSING, "init_data",
			first ? first : "a reference value", "none sent");
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
	appraise_platform(in, &a);
	if (!in->without_initdata && platform_binds_initdata(in->tee))
		appraise_initdata(in, &a);
	a.status = ar4si_status(a.vector);
	*ret_appraisal = a;
}
