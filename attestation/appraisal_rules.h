/* Rules that compare claims with reference values, for the platforms' tables. */
#pragma once

#include "appraisal.h"

#include <tee/denials.h>

/* Values of AR4SI (draft-ietf-rats-ar4si, 2.3.2 and 2.3.4) that are used here. */
enum {
	TRUSTWORTHY_INSTANCE = 2,
	UNRECOGNIZED_INSTANCE = 97,
	APPROVED_CONFIG = 2,
	NO_CONFIG_VULNERABILITIES = 3,
	UNAVAILABLE_CONFIG = 36,
	APPROVED_BOOT = 3,
	UNRECOGNIZED_RUNTIME = 33,
	GENUINE_HARDWARE = 2,
	UNRECOGNIZED_HARDWARE = 97,
};

/* One claim that must be among the reference values of one id, or, without an id, equal `value`. */
struct rule {
	const char *claim, *id, *value;
	enum tee_denial denial;
};

/* Each returns whether the claim is known; what is not becomes a finding. */
bool appraise_rule(const struct appraise_input *in, const struct rule *k, struct appraisal *a);
bool appraise_rules(
	const struct appraise_input *in, const struct rule *rules, size_t n, struct appraisal *a);
/* Likewise without findings. */
bool rules_hold(const struct appraise_input *in, const struct rule *rules, size_t n);
void appraisal_find(struct appraisal *a, enum tee_denial d, const char *field, const char *expected,
	const char *actual);
bool claim_is_true(const struct claims *c, const char *name);

/* Platforms that are tables alone; nothing for others. */
void appraise_platform(const struct appraise_input *in, struct appraisal *a);
/* False when nothing of the platform could hold its digest: then only the guest's word stands for
 * it, and the configuration is judged by the platform's own claims. */
bool platform_binds_initdata(const struct tee *tee);
