/*
 * A CCA platform and realm for tests: their keys, and the token they would make. Members are set to
 * good values by cca_gen_init() and may be bent before the token is made.
 */
#pragma once

#include <tee/tee.h>

struct cca_gen {
	struct key *cpak, *rak;
	struct buf cpak_pem;
	struct tee_anchors anchors; /* trusts cpak_pem */

	const char *platform_profile, *realm_profile; /* realm NULL: no such claim */
	bool cose_key;				      /* the realm's key as COSE_Key */
	bool untagged;				      /* COSE_Sign1 without tag 18 */
	const char *rak_hash_alg;
	const struct key *vouched_for; /* whose hash the platform signs; NULL: rak */
	uint64_t lifecycle;
	uint8_t challenge[64], personalization[64], rim[32];
	int64_t leave_out; /* this claim, in both tokens; 0: none */
	int64_t wrong;	   /* this claim is the number -1 */
	unsigned n_components;
};

/* All keys of that curve. */
void cca_gen_init(struct cca_gen *g, enum key_type curve);
void cca_gen_done(struct cca_gen *g);
void cca_gen_token(const struct cca_gen *g, struct buf *out);
/* {"token":[...]} */
void cca_gen_json(struct bytes token, struct buf *out);
