/*
 * Arm CCA attestation tokens (RMM specification, A7.2; draft-ffm-rats-cca-token): a collection of
 * the platform's token and the realm's, each a COSE_Sign1. All members are views into the token.
 */
#pragma once

#include <crypto/cose.h>
#include <tee/fields.h>
#include <tee/tee.h>

enum {
	CCA_TOKEN_MAX = 32 * 1024,
	CCA_COMPONENTS_MAX = 32,
	CCA_REMS = 4,
	CCA_CHALLENGE_SIZE = 64,
	CCA_PERSONALIZATION_SIZE = 64,

	/* claim keys */
	CCA_CHALLENGE = 10,
	CCA_INSTANCE_ID = 256,
	CCA_PROFILE = 265,
	CCA_LIFECYCLE = 2395,
	CCA_IMPLEMENTATION_ID = 2396,
	CCA_COMPONENTS = 2399,
	CCA_SERVICE = 2400,
	CCA_CONFIG = 2401,
	CCA_HASH_ALG = 2402,
	CCA_PLATFORM_TOKEN = 44234,
	CCA_PERSONALIZATION = 44235,
	CCA_REALM_HASH_ALG = 44236,
	CCA_RAK = 44237,
	CCA_RIM = 44238,
	CCA_REM = 44239,
	CCA_RAK_HASH_ALG = 44240,
	CCA_REALM_TOKEN = 44241,

	/* keys of a software component */
	CCA_COMPONENT_TYPE = 1,
	CCA_COMPONENT_MEASUREMENT = 2,
	CCA_COMPONENT_VERSION = 4,
	CCA_COMPONENT_SIGNER = 5,
	CCA_COMPONENT_HASH_ALG = 6,
};

struct cca_component { /* absent members: n = 0 */
	struct bytes type, measurement, version, signer, hash_alg;
};

struct cca_platform {
	struct bytes profile, challenge, implementation_id, instance_id, config, hash_alg, service;
	uint64_t lifecycle;
	struct cca_component components[CCA_COMPONENTS_MAX];
	size_t n_components;
};

struct cca_realm {
	struct bytes profile; /* n = 0: the first profile, which has no such claim */
	struct bytes challenge, personalization, hash_alg, rak, rak_hash_alg, rim, rem[CCA_REMS];
};

struct cca_token {
	struct cose_sign1 platform_sign1, realm_sign1;
	struct cca_platform platform;
	struct cca_realm realm;
};

/* Mandatory claims are there and have their types and sizes; claims not known here are left alone.
 * ERR_FORMAT names the token and the claim. */
RESULT cca_token_parse(struct bytes in, struct cca_token *ret_token);
/* "secured", "recoverable CCA platform RoT debug", ...; "invalid". */
const char *cca_lifecycle_name(uint64_t lifecycle);
bool cca_lifecycle_is_secured(uint64_t lifecycle);
/* Somebody may look into the platform's or into realms' memory. */
bool cca_lifecycle_is_debug(uint64_t lifecycle);

bool cca_is_token(struct bytes file);
RESULT cca_describe(struct bytes file, struct fields *out);
/* Members below "cca.", of a token that was verified. */
void cca_claims(const struct cca_token *t, struct claims *c);
