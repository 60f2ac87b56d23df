/* Whether the policy accepts an image: its rules against the signatures that can be found. */
#pragma once

#include <image-rs/image.h>
#include <image-rs/policy.h>
#include <image-rs/store.h>

enum {
	SIGNATURES_MAX = 32, /* looked at for one digest */
	SIGNATURE_MAX = 64 * 1024
};

struct signature_check {
	struct img_store *store;	   /* the image's repository */
	const struct img_reference *image; /* as asked for, never a mirror */
	const char
		*digests[2]; /* platform manifest and, if it came through one, index; else NULL */
	struct bytes sigstore_config;
	struct bytes ca_pem; /* of lookaside servers */
	const struct img_callbacks *callbacks;
};

/* What can be refused by the name alone, before anything is fetched. */
RESULT signature_early_check(const struct img_policy *policy, const struct img_reference *image);
/*
 * `policy` NULL: refused. "image.policy-reject", "image.unsigned", "image.signature-key",
 * "image.signature-digest", "image.signature-identity"; the text begins with "Image policy
 * rejected: Denied by policy: ".
 */
RESULT signature_check(const struct img_policy *policy, const struct signature_check *c);

/* One rule each. */
RESULT cosign_check(const struct img_rule *rule, const struct signature_check *c);
RESULT simple_signing_check(const struct img_rule *rule, const struct signature_check *c);

/* keyPath or keyData; `pem`: key data may be PEM text, else it is base64. */
RESULT signature_key_bytes(
	const struct img_rule *rule, bool pem, const struct signature_check *c, struct buf *out);
/*
 * The signed JSON of both kinds of signature: type, digest and identity against the image.
 * ERR_UNVERIFIED "image.signature-digest" or "image.signature-identity".
 */
RESULT signature_payload_check(struct bytes payload, const char *type, const struct img_rule *rule,
	const struct signature_check *c);

/* Of many refusals the one that came nearest to acceptance explains most. */
struct signature_verdict {
	struct err_saved worst;
	int rank; /* 0: nothing found */
};
void signature_note(struct signature_verdict *v, struct err e);
/* The noted refusal; without one "image.unsigned". */
struct err signature_refuse(
	const struct signature_verdict *v, const struct signature_check *c, const char *where);
