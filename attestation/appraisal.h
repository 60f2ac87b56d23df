/* Steps of attestation_verify(), apart so that each can be tested. */
#pragma once

#include <attestation/attestation.h>

/* "none", "affirming", "warning" or "contraindicated": the worst tier of the vector. */
const char *ar4si_status(const int8_t vector[static AR4SI_N]);

/* Digest of initdata by the algorithm it names; ERR_UNVERIFIED with a denial. */
RESULT initdata_bound_digest(struct bytes toml, struct digest_value *ret_digest);
/* "init_data_claims" (trustee 4.3): entries as strings, aa.toml and cdh.toml as objects, the data
 * of a Kata agent policy as "agent_policy_claims". One JSON object. */
RESULT initdata_claims(struct bytes toml, struct buf *out);
