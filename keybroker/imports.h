/*
 * Manifests of guest images whose signature held: one record an image, beside the values that an
 * admin adds by hand. A record is one row of the store, so it is replaced whole or not at all.
 */
#pragma once

#include "store.h"

#include <attestation/attestation.h>
#include <measured-boot/manifest.h>

enum {
	IMPORTS_MAX = 64, /* images */
	OVERLAP_MAX_S = 90 * 24 * 3600
};

struct imports;
/* All records of the store; with `name`, its record is `record` instead, or gone when that is
 * empty. */
RESULT imports_load(
	struct store *s, const char *name, struct bytes record, struct imports **ret_imports);
void imports_freep(struct imports **ref);

/* What is accepted now. `ret_until`: when an overlap ends and this must be asked again; INT64_MAX:
 * never. */
RESULT imports_merge(
	const struct imports *i, int64_t now, struct reference_values *refs, int64_t *ret_until);
/* [{"name":...,"version":...,...}], without the values. */
RESULT imports_list(const struct imports *i, struct buf *json);
/* The record; NULL when there is none. */
const struct json *imports_get(const struct imports *i, const char *name);

/* Who signed what, for the record. */
struct import_origin {
	const char *form;
	uint8_t sha256[DIGEST_SHA256_SIZE]; /* of the file */
	uint8_t signer[DIGEST_SHA256_SIZE]; /* of the public key (SubjectPublicKeyInfo) */
	bool debug_variant;		    /* its values count too */
	int64_t now;
	uint64_t overlap_s; /* how long the values replaced stay accepted */
};

/*
 * The record that takes the place of the image's present one, NULL for none. ERR_DENIED
 * (reference.rollback) when that is of a higher version. The same file with the same options
 * changes nothing: `record` stays empty.
 */
RESULT import_make(const struct manifest *m, const struct import_origin *o,
	const struct json *present, struct buf *record);
