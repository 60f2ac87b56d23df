/* Parts of libsealpod-verify that its files share. */
#pragma once

#include <attestation/attestation.h>
#include <sealpod/verify.h>
#include <tee/fields.h>

enum {
	EVIDENCE_MAX = 4 * 1024 * 1024,
	PART_MAX = 4 * 1024 * 1024,
	REPORT_MAX = 8 * 1024 * 1024,
	REGISTER_MAX = 512, /* bytes of a value to compare with */
	RULES_MAX = 64,
};

/* A demand of a policy file on one claim. */
struct claim_rule {
	char *claim;
	struct strv accepted; /* texts as claim_text() gives them */
	bool has_minimum;
	uint64_t minimum;
};

struct verify_rules {
	struct claim_rule v[RULES_MAX];
	size_t n;
};

struct verify_part {
	char *name;
	struct buf v;
};

struct sealpod_verify {
	const struct tee *tee; /* NULL: by the evidence */
	int64_t at;
	bool at_given, color, ran;

	struct buf evidence; /* as given */
	struct buf raw;	     /* decoded from text; empty when JSON */
	struct json *json;
	const char *form; /* "binary", "hex text", ... */
	struct verify_part parts[TEE_PARTS_MAX];
	size_t n_parts;

	struct collateral *collateral;
	struct tee_anchors anchors;
	struct buf other_roots[TEE_PARTS_MAX]; /* what anchors.vendor_other views */

	struct buf report_data, measurement, initdata_digest;
	struct tee_policy policy;
	struct verify_rules rules;
	struct reference_values *refs;

	struct checks *checks;
	struct claims claims;
	struct appraisal appraisal;
	bool appraised;
	enum sealpod_status status;
	char error[ERR_TEXT_MAX + 64];
	struct buf text, report;
};

/* The status of a failure, its text kept in the object. */
enum sealpod_status verify_status_of(struct err e);
enum sealpod_status verify_keep(struct sealpod_verify *v, struct err e);

RESULT verify_set_option(struct sealpod_verify *v, const char *option, const char *value);
RESULT verify_add_bytes(
	struct sealpod_verify *v, const char *role, struct bytes data, const char *origin);
RESULT verify_add_path(struct sealpod_verify *v, const char *role, const char *path);

/* JSON or TOML: see docs/verify.md. */
RESULT policy_file_parse(struct bytes text, struct sealpod_verify *v);
void verify_rules_done(struct verify_rules *r);
/* One row a rule. */
void verify_rules_check(
	const struct verify_rules *r, const struct claims *claims, struct checks *checks);

/* Of docs/denials.md, by code; NULL: none. */
struct denial_hint {
	const char *code, *meaning, *todo;
};
extern const struct denial_hint denial_hints[]; /* ended by .code NULL */
const struct denial_hint *denial_hint(const char *code);

/* Decoders of what is not a platform's own: JSON, tokens, initdata, reference values. */
extern const struct tee_format verify_formats[];
/* Adds what a file holds, unwrapping text; ERR_FORMAT when nothing is known. */
RESULT inspect_any(struct bytes file, unsigned depth, struct fields *out);

/* CoRIM of ours, signed or not; the JSON of a guest image's manifest. */
bool verify_is_corim(struct bytes file);
RESULT verify_describe_corim(struct bytes file, struct fields *out);
bool verify_is_manifest(struct bytes file);
RESULT verify_describe_manifest(struct bytes file, struct fields *out);
