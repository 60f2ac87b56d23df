/*
 * Release policy: which attested guest gets which resource. TOML, default deny:
 *
 *   version = 1
 *   [[rule]]
 *   resources = ["default/key/app"]   # three segments; an asterisk ends a segment and stands for
 * its rest tail platforms = ["vtpm"] simulated = true                  # accept software roots of
 * trust; default false debug = false                     # accept guests whose memory can be read;
 * default false executables = "reference"         # firmware, kernel, command line, initrd; or
 * "any" initdata = "reference"            # or "any", or a list of digests claims = { "tpm.pcr14" =
 * "00..." }  # further claims that must be equal
 */
#pragma once

#include <attestation/attestation.h>

struct policy;

/* ERR_FORMAT names the rule and the member. */
RESULT policy_parse(struct bytes toml, struct policy **ret_policy);
void policy_freep(struct policy **p);
/* The one in force until an operator sets another: every resource, every platform, real roots only,
 * no debug, everything in reference values. */
RESULT policy_default(struct policy **ret_policy);

struct policy_input {
	const char *path;	  /* "repo/type/tag" */
	const struct json *token; /* claims of the verified EAR token */
	const struct reference_values *refs;
	/* What kept the appraisal from affirming; NULL when the token came from elsewhere. */
	const struct appraisal *appraisal;
};

/*
 * OK when one rule for the path accepts; else ERR_DENIED with the denial of the rule that got
 * furthest: the first claim that differs, expected and actual.
 */
RESULT policy_evaluate(const struct policy *p, const struct policy_input *in);
