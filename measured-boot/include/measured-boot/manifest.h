/*
 * What the builder of a guest image says its guests may measure: reference values of every
 * platform, and the files that they follow from. Three forms carry it: JSON for people, CoRIM
 * (draft-ietf-rats-corim) for other verifiers, and the message of Trustee's reference value
 * provider. docs/reference-values.md describes them.
 */
#pragma once

#include <base/buf.h>
#include <crypto/digest.h>
#include <crypto/key.h>

enum {
	MANIFEST_FILE_MAX = 1024 * 1024,
	MANIFEST_SIGNATURE_MAX = 1024,
	MANIFEST_VALUES_MAX = 4000,
	MANIFEST_INPUTS_MAX = 32,
	MANIFEST_NAME_LIMIT = 64, /* letters, digits, '.', '_', '-'; no '.' in front */
	MANIFEST_ID_LIMIT = 64,	  /* the same characters */
	MANIFEST_TEXT_LIMIT = 2048
};

/*
 * A value: one accepted measurement. `id` is the reference value's as appraisal has it
 * ("snp_launch_measurement"), `text` says for people which machine it is of. An input: a file or
 * text that values follow from. `id` is "kernel" and the like, `text` its version or itself, the
 * bytes its SHA-256.
 */
struct manifest_item {
	char *id;
	char *text; /* may be NULL */
	bool debug; /* only of the debug variant */
	uint8_t v[DIGEST_MAX];
	size_t n; /* 1 to DIGEST_MAX bytes */
};

struct manifest_list {
	struct manifest_item *v;
	size_t n;
};

struct manifest {
	char *name;	  /* of the image: "sealpod-guest" */
	uint64_t version; /* higher replaces lower */
	struct manifest_list values, inputs;
};

/* What is added. */
struct manifest_entry {
	const char *id, *text;
	bool debug;
	struct bytes v;
};

void ref_manifest_done(struct manifest *m);
/* Copies. A value that is there already gets the further label instead; one that the image accepts
 * without debugging is not repeated for its debug variant. */
RESULT manifest_add_value(struct manifest *m, const struct manifest_entry *e);
/* Each name once in a variant; 32 bytes. */
RESULT manifest_add_input(struct manifest *m, const struct manifest_entry *e);
static inline struct bytes manifest_bytes(const struct manifest_item *i)
{
	return bytes_of(i->v, i->n);
}
/* The rules above, and at least one value, none of it for `initdata`, which is not the image's to
 * say; ERR_FORMAT, ERR_LIMIT, ERR_DENIED. What is printed or read has passed. */
RESULT manifest_check(const struct manifest *m);
/* "snp", "tdx", "vtpm", ...; "guest" for ids of no single platform. */
const char *manifest_platform(const char *id);

/* ---- forms: equal manifests make equal bytes ---- */

/* reference-values.json. */
RESULT manifest_print(const struct manifest *m, struct buf *json);
/* ERR_FORMAT names the member; unknown members are refused. */
RESULT ref_manifest_parse(struct bytes json, struct manifest *ret_manifest);

/* Message that Trustee's RVPS registers: {"version":"0.1.0","type":"sample","payload":...}; it has
 * no name, no version and no debug variant. */
RESULT manifest_print_trustee(const struct manifest *m, struct buf *json);
/* `name`: of the image. Values must be hexadecimal, alone or in a list. */
RESULT manifest_parse_trustee(struct bytes json, const char *name, struct manifest *ret_manifest);

/* Unsigned CoRIM, tagged 501, in deterministic CBOR (RFC 8949, 4.2.1). */
RESULT manifest_to_corim(const struct manifest *m, struct buf *cbor);
RESULT manifest_from_corim(struct bytes cbor, struct manifest *ret_manifest);

/* ---- signatures ---- */

/* CoRIM signed: COSE_Sign1 with `signer` as the name of who signed. The key is of P-256, P-384 or
 * Ed25519; only Ed25519 signs the same bytes twice the same way. ERR_UNSUPPORTED. */
RESULT manifest_sign_corim(
	const struct manifest *m, const struct key *key, const char *signer, struct buf *cose);
/* Detached signature over the bytes of a JSON file: ECDSA in DER, or the 64 bytes of Ed25519. */
RESULT manifest_sign_json(struct bytes json, const struct key *key, struct buf *signature);

enum manifest_form {
	MANIFEST_JSON,
	MANIFEST_CORIM,
	MANIFEST_TRUSTEE
};
const char *manifest_form_name(enum manifest_form form);

struct manifest_file {
	struct bytes data;
	struct bytes signature; /* of JSON, in a file of its own; n = 0: none came */
	const struct key *key;	/* who must have signed */
	const char *name;	/* for Trustee's form, which has none; may be NULL */
};
/*
 * The signature is checked over the bytes as they came, before anything in them is read.
 * ERR_UNVERIFIED with a denial: manifest-signature.missing, manifest-signature.wrong; then the
 * errors of the forms.
 */
RESULT manifest_open(const struct manifest_file *file, enum manifest_form *ret_form,
	struct manifest *ret_manifest);
/* Without a key, for people who look: the form by its first bytes. */
RESULT manifest_peek(
	struct bytes data, enum manifest_form *ret_form, struct manifest *ret_manifest);
