/*
 * Evidence -> claims -> appraisal against reference values -> EAR token, and the checks of a token.
 * One verdict path for broker and command line.
 */
#pragma once

#include <crypto/jose.h>
#include <tee/tee.h>

/* ---- runtime data: what report_data is the digest of (both sides) ---- */
/* Of JCS {"additional-evidence":A,"nonce":N,"tee-pubkey":JWK}; jwk is jwk_print() output;
 * alg is tee_runtime_digest(). */
RESULT runtime_data_digest(enum digest_alg alg, const char *nonce, struct bytes jwk,
	const char *additional_evidence, struct digest_value *ret_digest);

/* ---- reference values: id -> accepted values ---- */
struct reference_values;
RESULT reference_new(struct reference_values **ret_refs);
void reference_freep(struct reference_values **r);
/* {"version":1,"reference_values":{"vtpm.kernel":["<hex>",...],...}}: merged into what is there. */
RESULT reference_import(struct reference_values *r, struct bytes json);
/* The inner object of the same. */
RESULT reference_merge(struct reference_values *r, const struct json *ids);
RESULT reference_set(struct reference_values *r, const char *id, const struct json *value);
bool reference_has(const struct reference_values *r, const char *id, const char *value);
/* First accepted value, for messages; NULL: the id is unknown. */
const char *reference_first(const struct reference_values *r, const char *id);
RESULT reference_print(const struct reference_values *r, struct buf *out);

/* ---- appraisal ---- */
enum ar4si { /* trust vector members, in the order of the draft */
	AR4SI_INSTANCE_IDENTITY,
	AR4SI_CONFIGURATION,
	AR4SI_EXECUTABLES,
	AR4SI_FILE_SYSTEM,
	AR4SI_HARDWARE,
	AR4SI_RUNTIME_OPAQUE,
	AR4SI_STORAGE_OPAQUE,
	AR4SI_SOURCED_DATA,
	AR4SI_N
};

enum {
	APPRAISAL_FINDINGS_MAX = 16
};

struct appraisal {
	int8_t vector[AR4SI_N];
	const char *status; /* "affirming", "warning", "contraindicated", "none" */
	/* What kept it from affirming, most important first. */
	struct denial findings[APPRAISAL_FINDINGS_MAX];
	size_t n_findings;
};

struct appraise_input {
	const struct tee *tee;
	const struct claims *claims;
	const struct reference_values *refs;
	struct bytes initdata_digest; /* bound by the evidence; n = 0: none */
	bool without_initdata;	      /* configuration is judged without it */
};
/* Never fails: what is unknown becomes a finding. */
void appraise(const struct appraise_input *in, struct appraisal *ret_appraisal);
struct attestation_input {
	const struct tee *tee;
	const struct json *evidence; /* primary evidence */
	struct bytes report_data;
	struct bytes initdata; /* TOML text as sent; n = 0: none */
	struct bytes state;    /* of the tee's challenge() */
	const struct tee_anchors *anchors;
	const struct collateral *collateral; /* may be NULL */
	const struct tee_policy *policy;     /* NULL: the strictest */
	const struct reference_values *refs;
	int64_t now;
};

struct attestation_result {
	const struct tee *tee;
	struct claims claims; /* includes "simulated", "debug", "init_data", "report_data" */
	struct appraisal appraisal;
};

/* Verification failures are errors; appraisal shortfalls are findings in the result. */
RESULT attestation_verify(const struct attestation_input *in, struct attestation_result *ret);
void attestation_result_done(struct attestation_result *r);

/* ---- EAR token (spec: trustee 3.1), ES256 ---- */
struct ear_config {
	const struct key *key;			/* P-256, private */
	const struct x509_list *chain;		/* leaf first; may be NULL */
	const char *issuer, *developer, *build; /* NULL: defaults */
	int64_t lifetime_s;
};
struct ear_input {
	const struct attestation_result *result;
	const struct json *runtime_data; /* as sent: nonce, tee-pubkey, additional-evidence */
	struct bytes initdata;		 /* TOML text; n = 0: none */
	int64_t now;
};
RESULT ear_make(const struct ear_config *c, const struct ear_input *in, struct buf *token);

struct ear_check {
	const struct x509_list *anchors; /* end the chain of the header's "x5c"; may be NULL */
	const struct key *const *keys;	 /* signers known by themselves; may be NULL */
	size_t n_keys;
	const char *issuer; /* NULL: any */
	int64_t now;	    /* "exp" is demanded, with a leeway of 60 s */
};
/*
 * Signature, signer and times of a token somebody else may have made. Who signed is never taken
 * from the token alone: the "jwk" of the header must be one of `keys`, or the key of its "x5c"
 * leaf, whose chain ends in `anchors`. ERR_UNVERIFIED carries a denial; the caller frees the
 * claims.
 */
RESULT ear_verify(struct bytes token, const struct ear_check *check, struct json **ret_claims);
/* The guest's key in verified claims: "tee-pubkey" of submod cpu0's runtime_data_claims. */
RESULT ear_tee_key(const struct json *claims, struct key **ret_key);
