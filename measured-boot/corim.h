/*
 * Names of draft-ietf-rats-corim that its writer and its reader here share: one CoMID for the image
 * and one for its debug variant, reference triples by platform.
 */
#pragma once

#define CORIM_PROFILE "urn:sealpod:guest-image:1"
#define CORIM_TYPE    "application/rim+cbor"
#define CORIM_INPUTS  "inputs" /* class model of what values follow from */
#define CORIM_VENDOR  "sealpod"
#define CORIM_NORMAL  "normal"
#define CORIM_DEBUG   "debug"

enum {
	CORIM_TAG_URI = 32,
	CORIM_TAG_UNSIGNED = 501,
	CORIM_TAG_COMID = 506,
	CORIM_TAG_BYTES = 560,

	CORIM_ID = 0, /* corim-map */
	CORIM_TAGS = 1,
	CORIM_PROFILE_KEY = 3,

	COMID_IDENTITY = 1, /* concise-mid-tag */
	COMID_TRIPLES = 4,
	IDENTITY_ID = 0, /* tag-identity-map */
	IDENTITY_VERSION = 1,
	TRIPLES_REFERENCE = 0,

	ENVIRONMENT_CLASS = 0,
	CLASS_VENDOR = 1,
	CLASS_MODEL = 2,

	MEASUREMENT_KEY = 0, /* measurement-map */
	MEASUREMENT_VALUE = 1,
	VALUES_DIGESTS = 2, /* measurement-values-map */
	VALUES_FLAGS = 3,
	VALUES_RAW = 4,
	VALUES_NAME = 11,
	FLAG_DEBUG = 3, /* flags-map */

	HEADER_CONTENT_TYPE = 3, /* protected header */
	HEADER_META = 8,
	META_SIGNER = 0,
	SIGNER_NAME = 0,

	NI_SHA256 = 1, /* IANA "Named Information Hash Algorithm Registry" */
	NI_SHA384 = 7,
	NI_SHA512 = 8
};
