/* containers-policy.json(5), transport "docker": which signatures an image needs. */
#pragma once

#include <base/json.h>
#include <image-rs/reference.h>

enum {
	IMG_POLICY_MAX = 1024 * 1024
};

enum img_rule_type {
	IMG_RULE_REJECT,
	IMG_RULE_ACCEPT_ANYTHING, /* insecureAcceptAnything */
	IMG_RULE_SIGSTORE_SIGNED, /* cosign key signatures */
	IMG_RULE_SIGNED_BY	  /* GPG simple signing */
};

enum img_identity_type {
	IMG_MATCH_EXACT,
	IMG_MATCH_REPO_DIGEST_OR_EXACT,
	IMG_MATCH_REPOSITORY,
	IMG_EXACT_REFERENCE,
	IMG_EXACT_REPOSITORY,
	IMG_REMAP_IDENTITY
};

struct img_identity {
	enum img_identity_type type;
	char *a; /* dockerReference, dockerRepository, prefix */
	char *b; /* signedPrefix */
};

struct img_rule {
	enum img_rule_type type;
	char *key_path; /* a path, file://... or kbs:///...; or NULL */
	char *key_data; /* PEM, or base64 of a key ring; or NULL */
	struct img_identity identity;
};

struct img_policy;
/* Strict: unknown types and members, empty rule lists and missing defaults are ERR_FORMAT. */
RESULT img_policy_parse(struct bytes json, struct img_policy **ret_policy);
void img_policy_free(struct img_policy *p);
void img_policy_freep(struct img_policy **p);
/* Whether any rule needs GPG. */
bool img_policy_uses_gpg(const struct img_policy *p);

struct img_rules {
	const struct img_rule *v;
	size_t n;
	const char *scope; /* "default" or the scope of transport docker */
};
/*
 * The rules of the most specific scope: full reference, repository, its parents, registry,
 * "*.domain", "", default. All of them must be satisfied.
 */
RESULT img_policy_select(
	const struct img_policy *p, const struct img_reference *image, struct img_rules *ret_rules);
/*
 * Whether a signature that names `signed_reference` is one for `image`: else ERR_UNVERIFIED
 * "image.signature-identity".
 */
RESULT img_identity_check(const struct img_identity *identity, const struct img_reference *image,
	const char *signed_reference);
