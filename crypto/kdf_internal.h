/* Private to crypto/ and its tests. */
#pragma once

#include <crypto/cipher.h>

/* RFC 7518 4.6.2: AlgorithmID, PartyUInfo, PartyVInfo without their lengths. */
struct kdf_other_info {
	const char *alg_id;
	struct bytes party_u, party_v;
};
RESULT concat_kdf_for(
	struct bytes z, const struct kdf_other_info *info, size_t n, struct secret **ret_key);
